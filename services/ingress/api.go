package main

import (
	"context"
	"net/http"
	"time"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/service"
	"github.com/payloom/payloom/services/internal/intake"
)

// broker is what the API needs of the bus.
type broker interface {
	// Accept stores a command. It returns the stored one, whether it was there
	// before, and errors that wrap bus.ErrReqIDReused or bus.ErrUnavailable.
	Accept(ctx context.Context, c payment.Command) (stored payment.Command, replayed bool, err error)
	// Command returns a stored command, or an error that wraps bus.ErrNotFound.
	Command(ctx context.Context, m payment.Merchant, id payment.CommandID) (payment.Command, error)
	// Find returns the payment as its last event tells, whatever its provider,
	// and whether there is one.
	Find(ctx context.Context, m payment.Merchant, id payment.ID) (payment.Payment, bool, error)
}

// books gives out the accounts that are in force.
type books interface{ Book() *account.Book }

// api is the HTTP API. It may be used concurrently.
type api struct {
	rt       *service.Runtime
	accounts books
	broker   broker
	can      map[payment.Provider]provider.Capability
	limits   *limits
	metrics  *metrics
	timeout  time.Duration // of everything that is asked of the broker

	// Of batches.
	lineLimits *limits
	slots      *slots
	stall      time.Duration
	stopping   <-chan struct{} // closed when they have to end
}

func newAPI(rt *service.Runtime, cfg Config, accounts books, b broker, can map[payment.Provider]provider.Capability) (*api, error) {
	a := &api{
		rt: rt, accounts: accounts, broker: b, can: can, timeout: cfg.AcceptTimeout,
		limits: newLimits(cfg.Rate, cfg.Burst), metrics: newMetrics(),
		lineLimits: newLimits(cfg.BatchRate, batchWindow), slots: newSlots(), stall: batchStall,
	}
	// The rules are compiled once: now, and not while the first buyer waits.
	if err := intake.Compile(); err != nil {
		return nil, err
	}
	return a, rt.Metrics.Register(a.metrics)
}

// route is one call of the API.
type route struct {
	pattern string
	kind    payment.Kind
	scope   account.Scope
	// bare is set where nothing has to be said: the body may be left out.
	bare bool
}

func routes() []route {
	return []route{
		{"POST /v1/payments", payment.Authorize, account.ScopeAuthorize, false},
		{"POST /v1/payments/{id}/amount", payment.UpdateAmount, account.ScopeAuthorize, false},
		{"POST /v1/payments/{id}/captures", payment.Capture, account.ScopeCapture, false},
		{"POST /v1/payments/{id}/refunds", payment.Refund, account.ScopeRefund, false},
		{"POST /v1/payments/{id}/cancel", payment.Cancel, account.ScopeCancel, true},
		{"POST /v1/payments/{id}/sync", payment.Sync, account.ScopeRead, true},
		{"POST /v1/payouts", payment.Payout, account.ScopePayout, false},
	}
}

// handler returns the whole API.
func (a *api) handler() http.Handler {
	mux := http.NewServeMux()
	for _, rt := range routes() {
		mux.HandleFunc(rt.pattern, a.serve(rt))
	}
	mux.HandleFunc(batchPattern, a.serveBatch)
	mux.HandleFunc("GET /openapi.yaml", serveOpenAPI)
	return withRequestID(a.rt.Handler(mux))
}
