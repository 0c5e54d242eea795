package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/projection"
	"github.com/payloom/payloom/pkg/service"
	"github.com/payloom/payloom/pkg/testkit"
	"github.com/payloom/payloom/services/state-tracker/internal/store"
)

// shelf is the query API on rows that a test writes itself: no broker, no
// projector.
type shelf struct {
	world
	api      *api
	stopping chan struct{}
}

func newShelf(t *testing.T) *shelf {
	t.Helper()
	return newShelfThatWrites(t, patience)
}

// newShelfThatWrites has short answers written within a time.
func newShelfThatWrites(t *testing.T, within time.Duration) *shelf {
	t.Helper()
	dsn := testkit.Postgres(t)
	pool, err := projection.Open(t.Context(), dsn, "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	accounts, err := account.Watch(t.Context(), accountsFile(t), zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	rt := service.NewRuntime("state-tracker", service.Config{}, zap.NewNop())
	s := &shelf{world: world{pool: pool}, stopping: make(chan struct{})}
	s.api = newAPI(rt, accounts, store.New(pool, nil), projection.NewWatchers(), s.stopping)
	server, err := service.NewHTTPServer(t.Context(), "127.0.0.1:0", s.api.handler(), service.HTTPOptions{WriteTimeout: within, Grace: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Log(err) // what is cut off here is no error of the test's
		}
	})
	s.url = "http://" + server.Addr()
	return s
}

// row is a payment as a test puts it into the rows.
type row struct {
	merchant                               string
	id                                     string
	kind                                   payment.Kind
	provider                               payment.Provider
	state                                  string
	currency                               string
	amount, authorized, captured, refunded int64
	at                                     time.Time
	command                                string // that opened it
	ref, ownRef, code, reason              string
}

// put copies n rows into payments, and the operations that opened them.
func put(t *testing.T, pool *pgxpool.Pool, n int, make func(i int) row) {
	t.Helper()
	columns := []string{
		"merchant", "payment_id", "kind", "provider", "account", "state", "settled", "version", "shard", "last_seq", "last_hash",
		"currency", "amount", "authorized", "captured", "refunded", "capturable", "refundable", "capture_mode",
		"attention", "frozen", "opened_by", "created_at", "updated_at", "buyer",
	}
	_, err := pool.CopyFrom(t.Context(), pgx.Identifier{"payments"}, columns, pgx.CopyFromSlice(n, func(i int) ([]any, error) {
		r := make(i)
		return []any{
			r.merchant, r.id, string(r.kind), string(r.provider), "eu", r.state, true, int64(1), int16(0), int64(i), []byte{},
			r.currency, r.amount, r.authorized, r.captured, r.refunded, int64(0), int64(0), "manual",
			false, "", r.command, r.at, r.at, map[string]string{"name": secretBuyer},
		}, nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	_, err = pool.CopyFrom(t.Context(), pgx.Identifier{"operations"}, []string{
		"merchant", "payment_id", "command_id", "provider", "kind", "status", "version", "currency", "amount", "effect",
		"reason", "code", "ref", "attempts", "at", "own_ref",
	}, pgx.CopyFromSlice(n, func(i int) ([]any, error) {
		r := make(i)
		return []any{
			r.merchant, r.id, r.command, string(r.provider), string(r.kind), "succeeded", int64(1), r.currency, r.amount, r.authorized,
			r.reason, r.code, r.ref, int32(1), r.at, r.ownRef,
		}, nil
	}))
	if err != nil {
		t.Fatal(err)
	}
}

// secretBuyer must not be in any export.
const secretBuyer = "Nobody Knows Me"

// may is when the tests' payments begin.
var may = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// sale is a captured payment.
func sale(i int) row {
	return row{
		merchant: "demo", id: fmt.Sprintf("order-%06d", i), kind: payment.Authorize, provider: payment.Computop, state: "captured", currency: "EUR",
		amount: int64(i), authorized: int64(i), captured: int64(i), at: may.Add(time.Duration(i) * time.Second), command: fmt.Sprintf("c%d", i),
		ref: fmt.Sprintf("pay-%d", i), ownRef: fmt.Sprintf("order %d", i), code: "00000000",
	}
}

// wide is a sale with much text: some thousands of them are more than a connection
// holds unread.
func wide(i int) row {
	r := sale(i)
	r.ownRef = strings.Repeat("long ", 500)
	return r
}

var exportedSale = store.Exported{ID: "order-1", Kind: payment.Authorize, Provider: payment.Computop, State: "captured", Currency: "EUR", Amount: 1}
