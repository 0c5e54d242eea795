package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/projection"
	"github.com/payloom/payloom/pkg/service"
	"github.com/payloom/payloom/services/internal/callers"
	"github.com/payloom/payloom/services/state-tracker/internal/store"
)

const (
	// maxWait is the longest long poll.
	maxWait = 30 * time.Second
	// writeTime is what an answer may take beside the wait.
	writeTime = 10 * time.Second
	// readTime is what the database may take.
	readTime = 5 * time.Second
	// maxWaiting is how many payments may be waited for at once; who comes after
	// that is answered at once.
	maxWaiting = 10_000
)

// accounts are the merchants and API keys in force: an account.Live.
type accounts interface{ Book() *account.Book }

// api answers questions. Whose payments are seen depends on the key alone.
type api struct {
	rt       *service.Runtime
	accounts accounts
	rows     *store.Store
	watchers *projection.Watchers
	stopping <-chan struct{} // closed when long polls and exports have to end

	exporting chan struct{} // holds one for each export under way
}

func newAPI(rt *service.Runtime, a accounts, rows *store.Store, w *projection.Watchers, stopping <-chan struct{}) *api {
	return &api{rt: rt, accounts: a, rows: rows, watchers: w, stopping: stopping, exporting: make(chan struct{}, maxExports)}
}

// call answers one authenticated request with a value for JSON, or with an error:
// a service.Problem, store.ErrNotFound, or one that is not for strangers.
type call func(ctx context.Context, m payment.Merchant, r *http.Request) (answer, error)

// answer is a body and what its ETag tells of, or a stream.
type answer struct {
	body    any
	version uint64
	tagged  bool
	stream  func(w http.ResponseWriter, r *http.Request)
}

func (a *api) handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, c := range a.calls() {
		mux.Handle(pattern, a.serve(c))
	}
	mux.HandleFunc("GET /openapi.yaml", serveOpenAPI)
	return a.rt.Handler(mux)
}

// calls are the routes by pattern.
func (a *api) calls() map[string]call {
	return map[string]call{
		"GET /v1/payments":              a.list,
		"GET /v1/reconciliation/breaks": a.breaks,
		"GET /v1/payments/export":       a.export,
		"GET /v1/payments/{id}":         a.payment,
		"GET /v1/payments/{id}/events":  a.events,
		"GET /v1/commands/{command_id}": a.command,
		"GET /v1/mandates":              a.mandates,
		"GET /v1/mandates/{id}":         a.mandate,
		"GET /v1/stats":                 a.stats,
	}
}

func (a *api) serve(c call) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m, err := a.authenticate(r)
		if err != nil {
			a.refuse(w, err)
			return
		}
		reply, err := c(r.Context(), m, r)
		if err != nil {
			a.refuse(w, err)
			return
		}
		if reply.stream != nil {
			reply.stream(w, r)
			return
		}
		a.write(w, r, reply)
	})
}

// authenticate returns whose key the request carries or is signed with.
func (a *api) authenticate(r *http.Request) (payment.Merchant, error) {
	c, err := callers.Authenticate(r, a.accounts.Book(), time.Now())
	switch {
	case err != nil:
		return "", unauthenticated(err.Error())
	case !c.May(account.ScopeRead):
		return "", problem(http.StatusForbidden, "forbidden", "The API key may not do this", "The key lacks the scope read.")
	}
	return c.Merchant, nil
}

// write answers with JSON. Payments hold personal data: nothing between us and
// the client may keep them.
func (a *api) write(w http.ResponseWriter, r *http.Request, reply answer) {
	body, err := json.Marshal(reply.body)
	if err != nil {
		a.refuse(w, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "private, no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	if reply.tagged {
		// The version alone does not tell: a follow-up that was accepted shows
		// before its first event.
		tag := fmt.Sprintf(`"%d-%08x"`, reply.version, crc32.ChecksumIEEE(body))
		h.Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	_, _ = w.Write(append(body, '\n')) // whoever asked has gone if this fails
}

// refuse answers with what is wrong. What is nobody's business is logged instead.
func (a *api) refuse(w http.ResponseWriter, err error) {
	p, ok := errors.AsType[service.Problem](err)
	switch {
	case ok:
	case errors.Is(err, store.ErrNotFound):
		p = problem(http.StatusNotFound, "not_found", "There is no such thing", "The merchant of this API key has none of that id.")
	case errors.Is(err, errBusy):
		w.Header().Set("Retry-After", "5")
		p = problem(http.StatusServiceUnavailable, "busy", "Too many exports are under way", "Try again when one has ended.")
	case errors.Is(err, context.Canceled):
		return // the client has left
	default:
		a.rt.Log.Error("query failed", zap.Error(err))
		w.Header().Set("Retry-After", "1")
		p = problem(http.StatusServiceUnavailable, "unavailable", "The rows cannot be read now", "Try again.")
	}
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	service.WriteProblem(w, p)
}

func problem(status int, name, title, detail string) service.Problem {
	return service.Problem{Type: "urn:payloom:problem:" + name, Title: title, Status: status, Detail: detail}
}

func unauthenticated(detail string) service.Problem {
	return problem(http.StatusUnauthorized, "unauthenticated", "No valid API key", detail)
}
