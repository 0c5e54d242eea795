package webhook_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/payloom/payloom/pkg/webhook"
)

// receiver:begin

// receiver takes webhooks. A real one keeps what it has seen in its database, in
// the transaction of what it does with the message.
type receiver struct {
	secret string

	mu   sync.Mutex
	seen map[string]bool
}

func (s *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		return
	}
	// On the bytes as they came in, before anything is parsed.
	if err := webhook.Verify(s.secret, r.Header, body, webhook.Tolerance); err != nil {
		http.Error(w, "not signed by Payloom", http.StatusUnauthorized)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	id := r.Header.Get(webhook.HeaderID)
	if s.seen[id] {
		return // a repeat: 200, or it would come again
	}
	var message webhook.Body
	if err := json.Unmarshal(body, &message); err != nil {
		http.Error(w, "cannot be read", http.StatusBadRequest)
		return
	}
	s.seen[id] = true
	fmt.Println(message.Type, message.Data.Payment.ID, message.Data.Payment.State)
}

// receiver:end

func ExampleVerify() {
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	shop := &receiver{secret: secret, seen: map[string]bool{}}
	body := `{"type":"payment.captured","timestamp":"2026-03-01T12:00:00Z","data":{"payment":{"payment_id":"order-10042","state":"captured"}}}`
	key, err := webhook.ParseKey(secret)
	if err != nil {
		fmt.Println(err)
	}
	for range 2 { // at least once means: sometimes twice
		r := httptest.NewRequest(http.MethodPost, "/payloom", strings.NewReader(body))
		r.Header = webhook.Sign([]webhook.Key{key}, "msg_1", time.Now(), []byte(body))
		answer := httptest.NewRecorder()
		shop.ServeHTTP(answer, r)
		fmt.Println(answer.Code)
	}
	// Output:
	// payment.captured order-10042 captured
	// 200
	// 200
}
