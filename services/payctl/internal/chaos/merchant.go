package chaos

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/payloom/payloom/pkg/webhook"
	"github.com/payloom/payloom/services/payctl/internal/verify"
)

// Merchant is an endpoint that takes webhooks and remembers them. It may be used
// concurrently.
type Merchant struct {
	server *http.Server
	url    string

	mu     sync.Mutex
	secret string
	seen   map[string]int // how often, by message id
	forged int
}

const maxWebhook = 1 << 20 // bytes

// NewMerchant starts an endpoint on this machine. The caller closes it.
func NewMerchant(ctx context.Context) (*Merchant, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	m := &Merchant{url: "http://" + l.Addr().String() + "/webhook", seen: map[string]int{}}
	m.server = &http.Server{Handler: http.HandlerFunc(m.take), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = m.server.Serve(l) }() // until Close
	return m, nil
}

// URL returns where webhooks are to go.
func (m *Merchant) URL() string { return m.url }

// TrustFile has the endpoint take what is signed with the secret in a file, and
// nothing before.
func (m *Merchant) TrustFile(path string) error {
	secret, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.secret = strings.TrimSpace(string(secret))
	return nil
}

// Close ends the endpoint.
func (m *Merchant) Close() { _ = m.server.Close() }

func (m *Merchant) take(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxWebhook))
	if err != nil {
		return // the sender will try again
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := webhook.Verify(m.secret, r.Header, body, 0); err != nil {
		m.forged++
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	m.seen[r.Header.Get(webhook.HeaderID)]++
}

// check compares what was said to be delivered with what came.
func (m *Merchant) check(ctx context.Context, db *pgxpool.Pool) (told, repeated int, all []verify.Violation, err error) {
	rows, err := db.Query(ctx, `SELECT message_id, state FROM payloom_kept.webhook_deliveries`)
	if err != nil {
		return 0, 0, nil, err
	}
	defer rows.Close()
	m.mu.Lock()
	defer m.mu.Unlock()
	for rows.Next() {
		var id, state string
		if err := rows.Scan(&id, &state); err != nil {
			return 0, 0, nil, err
		}
		told++
		if m.seen[id] == 0 {
			all = append(all, verify.Violation{Invariant: "chaos", Kind: verify.Lost, Subject: "webhook " + id, What: fmt.Sprintf("is %s and never came", state)})
		}
		repeated += max(m.seen[id]-1, 0)
	}
	return told, repeated, all, rows.Err()
}
