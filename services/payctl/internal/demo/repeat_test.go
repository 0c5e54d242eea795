package demo

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider/computop"
	"github.com/payloom/payloom/pkg/provider/computop/computopsim"
	"github.com/payloom/payloom/services/payctl/internal/api"
)

// rulebook is the part of a simulator's control that plants faults.
type rulebook struct {
	mu    sync.Mutex
	rules []computopsim.Rule
}

func (b *rulebook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch r.Method {
	case http.MethodPost:
		var rule computopsim.Rule
		_ = json.NewDecoder(r.Body).Decode(&rule)
		rule.ID = len(b.rules) + 1
		b.rules = append(b.rules, rule)
		_ = json.NewEncoder(w).Encode(rule)
	case http.MethodDelete:
		id, _ := strconv.Atoi(r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:])
		b.rules[id-1].Fault = "removed"
		_ = json.NewEncoder(w).Encode(b.rules)
	default:
		_ = json.NewEncoder(w).Encode(b.rules)
	}
}

// TestCheckFaults_UnderTheKeyOfALaterAttempt: when the first attempt to open a
// payment was never sent, what happens to it happens under the key of the second.
func TestCheckFaults_UnderTheKeyOfALaterAttempt(t *testing.T) {
	t.Parallel()
	separator := computop.Capability().Rules.KeySeparator
	tests := map[string]struct {
		hit string // by which key
		err error
	}{
		"the first":  {"p1", nil},
		"the second": {payment.AttemptKey("p1", separator, 2), nil},
		"none":       {"", ErrWrong},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			book := &rulebook{}
			server := httptest.NewServer(book)
			defer server.Close()
			env := Env{Computop: api.NewComputop(server.URL, 1)}
			r := &runner{env: env, desk: env.desk(payment.Computop)}
			for _, op := range []computopsim.Op{computopsim.OpCapture, computopsim.OpNotifyCapture} {
				if err := r.fault(t.Context(), "p1", atComputop(computopsim.Rule{Operation: op, Fault: computopsim.FaultVanish})); err != nil {
					t.Fatal(err)
				}
			}
			for i := range book.rules {
				if book.rules[i].TransID == tt.hit {
					book.rules[i].Hits = 1
				}
			}
			if err := r.checkFaults(t.Context()); !errors.Is(err, tt.err) {
				t.Errorf("%v, want %v", err, tt.err)
			}
			for _, rule := range book.rules {
				if rule.Fault != "removed" {
					t.Errorf("the fault of %s is left", rule.TransID)
				}
			}
		})
	}
}

// TestBatch_ThatBreaksOffIsSentAgain: under the same key, and lines that were stored
// before count.
func TestBatch_ThatBreaksOffIsSentAgain(t *testing.T) {
	t.Parallel()
	answer := func(before int) string { // lines 1 to before are stored already
		var text strings.Builder
		for n := 1; n <= batchLines; n++ {
			status := either(n <= before, "replayed", "accepted")
			if field := badLines()[n]; field != "" {
				fmt.Fprintf(&text, `{"line":%d,"status":"rejected","errors":[{"field":%q}]}`+"\n", n, field)
				continue
			}
			fmt.Fprintf(&text, `{"line":%d,"status":%q}`+"\n", n, status)
		}
		return text.String() + `{"done":true}`
	}
	const broken = `{"line":1,"status":"accepted"}` + "\n" + `{"line":2,"status":"unavailable"}` + "\n" + `{"done":false,"reason":"unavailable","resume_from":2}`
	tests := map[string]struct {
		status  int // of the first answer
		answers [2]string
		err     error
	}{
		"it breaks off":             {http.StatusOK, [2]string{broken, answer(1)}, nil},
		"the door is shut":          {http.StatusServiceUnavailable, [2]string{`{"title":"Unavailable"}`, answer(0)}, nil},
		"it is refused":             {http.StatusForbidden, [2]string{`{"title":"No"}`, answer(0)}, ErrWrong},
		"stored before, sent once":  {http.StatusOK, [2]string{answer(1), ""}, ErrWrong},
		"refused at the second try": {http.StatusOK, [2]string{broken, strings.Replace(answer(1), "replayed", "rejected", 1)}, ErrWrong},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var keys []string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet {
					_, _ = w.Write([]byte(`{"payment_id":"p","state":"paid","operations":[{"kind":"payout","status":"succeeded","attempts":1}]}`))
					return
				}
				keys = append(keys, r.Header.Get("Idempotency-Key"))
				if len(keys) == 1 {
					w.WriteHeader(tt.status)
				}
				_, _ = w.Write([]byte(tt.answers[len(keys)-1]))
			}))
			defer server.Close()
			r := &runner{env: Env{API: api.New(server.URL, server.URL, "key", 1)}, patience: 10 * time.Second, name: "b"}
			if err := batch(t.Context(), r); !errors.Is(err, tt.err) {
				t.Errorf("%v, want %v", err, tt.err)
			}
			for _, key := range keys {
				if key != "b" {
					t.Errorf("sent under %q", key)
				}
			}
		})
	}
}
