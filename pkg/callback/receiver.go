package callback

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/service"
	"github.com/payloom/payloom/pkg/wire"
)

// Store keeps callbacks.
type Store interface {
	// StoreCallback stores c under its ID, once. After a nil error it is kept,
	// by this call or, when repeat is true, by an earlier one.
	StoreCallback(ctx context.Context, c wire.StoredCallback) (repeat bool, err error)
}

// Payments finds payments.
type Payments interface {
	Find(ctx context.Context, m payment.Merchant, id payment.ID) (p payment.Payment, found bool, err error)
}

// Options are what a Receiver is made of.
type Options struct {
	Accounts Accounts
	Parsers  Parsers
	Store    Store
	Payments Payments
	// Verify may be nil: then what only a provider can vouch for is stored unproven,
	// as it is whenever the provider cannot be asked at once.
	Verify Verify
	// VerifyReturn may be nil: then browsers of which only a provider can tell the
	// payment are not sent on.
	VerifyReturn VerifyReturn
	Limits       Limits
	// Patience is how long the broker may take: who has no answer by then is told
	// to call again. 0: 5 seconds, the least that providers wait.
	Patience time.Duration
	Log      *zap.Logger
}

// Receiver takes callbacks and the return of buyers' browsers. It may be used
// concurrently.
type Receiver struct {
	accounts  Accounts
	parsers   Parsers
	store     Store
	payments  Payments
	verify    Verify
	proofs    chan struct{} // one place for each question under way
	returns   returnDesk
	sources   *limiter
	endpoints *limiter
	unproven  *limiter
	hops      int
	patience  time.Duration
	log       *zap.Logger
	noisy     *zap.Logger // for what strangers can cause: sampled
	stats     *Metrics
}

// NewReceiver returns a receiver.
func NewReceiver(o Options) *Receiver {
	if o.Patience == 0 {
		o.Patience = 5 * time.Second
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	return &Receiver{
		accounts: o.Accounts, parsers: o.Parsers, store: o.Store, payments: o.Payments,
		verify: o.Verify, proofs: make(chan struct{}, proofsAtOnce),
		returns: newReturnDesk(o.VerifyReturn),
		sources: newLimiter(o.Limits.SourceRate), endpoints: newLimiter(o.Limits.EndpointRate),
		unproven: newLimiter(o.Limits.UnprovenRate),
		hops:     o.Limits.TrustedProxies, patience: o.Patience,
		log: o.Log, noisy: sampled(o.Log), stats: newMetrics(),
	}
}

// sampled returns log with at most five lines of a kind per second, and one in a
// hundred of the rest.
func sampled(log *zap.Logger) *zap.Logger {
	return log.WithOptions(zap.WrapCore(func(c zapcore.Core) zapcore.Core {
		return zapcore.NewSamplerWithOptions(c, time.Second, 5, 100)
	}))
}

// Metrics returns the receiver's collectors, to be registered by the service.
func (rc *Receiver) Metrics() *Metrics { return rc.stats }

// Register adds the receiver's routes to mux.
func (rc *Receiver) Register(mux *http.ServeMux) {
	for _, method := range []string{http.MethodPost, http.MethodGet} {
		mux.HandleFunc(method+" /callbacks/{provider}/{endpoint}", rc.serveCallback)
		mux.HandleFunc(method+" /returns/{provider}/{endpoint}/{page}", rc.serveReturn)
	}
}

// serveCallback takes a callback: limits, authenticity, storage, answer, in that
// order.
func (rc *Receiver) serveCallback(w http.ResponseWriter, r *http.Request) {
	p := payment.Provider(r.PathValue("provider"))
	result := rc.callback(w, r, p)
	rc.stats.callbacks.WithLabelValues(label(p), string(result)).Inc()
}

func (rc *Receiver) callback(w http.ResponseWriter, r *http.Request, p payment.Provider) reception {
	in, no := rc.admit(w, r, p)
	if no != nil {
		answer(w, no.status, no.text)
		return no.result
	}
	in.Kind = wire.FromServer
	cb, err := rc.judge(r.Context(), in)
	switch {
	case errors.Is(err, errTooMany):
		no := tooMany(w) // an honest sender comes again
		answer(w, no.status, no.text)
		return no.result
	case errors.Is(err, provider.ErrForged):
		rc.noisy.Warn("forged callback refused", in.fields()...)
		answer(w, http.StatusUnauthorized, "refused")
		return forged
	case errors.Is(err, provider.ErrUnreadable):
		in.Verdict, in.Reason = wire.Quarantined, err.Error()
	case errors.Is(err, provider.ErrUnverified):
		in.Verdict, in.Reason = wire.Unverified, err.Error()
	case err != nil:
		// Nothing is known about the callback, and the sender has a copy.
		rc.log.Error("callback not judged", append(in.fields(), zap.Error(err))...)
		answer(w, http.StatusServiceUnavailable, "try again")
		return unstored
	default:
		in.Verdict = wire.Accepted
	}
	in.Payment, in.Dedup = known(cb.Payment), cb.Dedup
	return rc.keep(r.Context(), w, in)
}

// keep stores a callback and answers when it is stored.
func (rc *Receiver) keep(ctx context.Context, w http.ResponseWriter, in incoming) reception {
	repeat, err := rc.put(ctx, &in)
	switch {
	case err != nil:
		rc.log.Error("callback not stored", append(in.fields(), zap.Error(err))...)
		w.Header().Set("Retry-After", "5")
		answer(w, http.StatusServiceUnavailable, "try again")
		return unstored
	case repeat:
		answer(w, http.StatusOK, "OK")
		return repeated
	}
	answer(w, http.StatusOK, "OK")
	switch in.Verdict {
	case wire.Quarantined:
		rc.log.Error("callback quarantined", append(in.fields(), zap.String("why", in.Reason))...)
		return quarantined
	case wire.Unverified:
		return unverified
	case wire.Accepted:
	}
	return stored
}

// put stores in under the id it derives. A sender that hangs up meanwhile does
// not stop it: it would only call again.
func (rc *Receiver) put(ctx context.Context, in *incoming) (repeat bool, err error) {
	in.ID = idOf(in.StoredCallback)
	if holdsCard(in.StoredCallback) {
		in.Verdict, in.Reason = wire.Quarantined, cardReason
		in.Header, in.Query, in.Body = nil, "", nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rc.patience)
	defer cancel()
	return rc.store.StoreCallback(ctx, in.StoredCallback)
}

// incoming is a request that was let in.
type incoming struct {
	wire.StoredCallback
	account *account.Account
}

func (in incoming) fields() []zap.Field {
	return []zap.Field{
		service.CallbackID(in.ID), service.Provider(string(in.Provider)), service.Merchant(string(in.Merchant)),
		service.Account(in.Account), service.PaymentID(string(in.Payment)),
	}
}

// refusal is why a request is not let in.
type refusal struct {
	status int
	text   string
	result reception
}

// admit applies the limits, finds the account and reads the body, so that what is
// refused costs little.
func (rc *Receiver) admit(w http.ResponseWriter, r *http.Request, p payment.Provider) (incoming, *refusal) {
	if r.Method == http.MethodHead { // the mux takes it for a GET
		w.Header().Set("Allow", "GET, POST")
		return incoming{}, &refusal{http.StatusMethodNotAllowed, "method not allowed", limited}
	}
	if !rc.sources.allow(source(r, rc.hops)) {
		return incoming{}, tooMany(w)
	}
	a, ok := rc.accounts.Book().ByCallbackKey(p, r.PathValue("endpoint"))
	if !ok {
		return incoming{}, &refusal{http.StatusNotFound, "not found", unknownEndpoint}
	}
	if !rc.endpoints.allow(a.CallbackKey) {
		return incoming{}, tooMany(w)
	}
	body, no := readBody(w, r)
	if no != nil {
		return incoming{}, no
	}
	return incoming{account: a, StoredCallback: wire.StoredCallback{
		Provider: p, Merchant: a.Merchant, Account: a.Name, Endpoint: a.CallbackKey,
		Method: r.Method, Header: rc.parsers.header(a, r.Header), Body: body, Query: r.URL.RawQuery, ReceivedAt: time.Now().UTC(),
	}}, nil
}

func tooMany(w http.ResponseWriter) *refusal {
	w.Header().Set("Retry-After", "1")
	return &refusal{http.StatusTooManyRequests, "too many requests", limited}
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, *refusal) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, &refusal{http.StatusRequestEntityTooLarge, "too large", limited}
	}
	if err != nil {
		return nil, &refusal{http.StatusBadRequest, "cut off", unstored}
	}
	return body, nil
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n") // whoever asked has gone if this fails
}
