package main

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/service"
	"github.com/payloom/payloom/services/internal/callers"
)

// Results of a call, as metrics and logs name them.
const (
	resultAccepted    = "accepted"
	resultReplayed    = "replayed"
	resultInvalid     = "invalid"
	resultReused      = "reused"
	resultNotStarted  = "not_started"
	resultUnavailable = "unavailable"
	resultRefused     = "refused" // who asks may not
	resultAbove       = "above_limit"
	resultLimited     = "limited"
	resultFailed      = "failed" // our fault
)

// refusal is an answer other than 202. It is an error, so that what finds it can
// return it.
type refusal struct {
	service.Problem
	result     string
	retryAfter time.Duration // 0: no such header
	challenge  bool          // ask for a key
	cause      error         // for the log; may be nil
}

// answer is what becomes of one call, for client, metrics and log.
type answer struct {
	caller   callers.Caller
	command  payment.Command
	replayed bool
	refusal  *refusal // nil: accepted
}

// serve returns the handler of one call.
func (a *api) serve(rt route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		ans := a.answer(w, r, rt)
		ans.write(w)
		a.metrics.count(rt.kind, ans)
		a.log(r, rt, ans, time.Since(began))
	}
}

func (ans answer) result() string {
	switch {
	case ans.refusal != nil:
		return ans.refusal.result
	case ans.replayed:
		return resultReplayed
	}
	return resultAccepted
}

// accepted is the body of a 202.
type accepted struct {
	CommandID payment.CommandID `json:"command_id"`
	PaymentID payment.ID        `json:"payment_id"`
	Status    string            `json:"status"`
}

func (ans answer) write(w http.ResponseWriter) {
	if ans.refusal != nil {
		ans.refusal.write(w)
		return
	}
	body, err := json.Marshal(accepted{ans.command.ID, ans.command.Payment, "accepted"})
	if err != nil {
		service.WriteProblem(w, service.Problem{Status: http.StatusInternalServerError})
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("Location", "/v1/payments/"+string(ans.command.Payment))
	if ans.replayed {
		h.Set("Idempotent-Replayed", "true")
	}
	w.WriteHeader(http.StatusAccepted)
	_, _ = w.Write(append(body, '\n')) // whoever asked has gone if this fails
}

func (f *refusal) write(w http.ResponseWriter) {
	if f.retryAfter > 0 {
		seconds := int64((f.retryAfter + time.Second - 1) / time.Second)
		w.Header().Set("Retry-After", strconv.FormatInt(seconds, 10))
	}
	if f.challenge {
		w.Header().Set("WWW-Authenticate", `Bearer realm="payloom"`)
	}
	service.WriteProblem(w, f.Problem)
}

// log writes one line per call. The caller's own key is not in it, nor anything
// else of the request that might be about a person.
func (a *api) log(r *http.Request, rt route, ans answer, took time.Duration) {
	fields := []zap.Field{
		service.Route(rt.pattern), service.Kind(string(rt.kind)), service.Outcome(ans.result()),
		zap.String("request_id", requestID(r)), service.Took(took),
	}
	if ans.caller.KeyID != "" {
		fields = append(fields, service.Merchant(string(ans.caller.Merchant)), zap.String("key_id", ans.caller.KeyID))
	}
	if ans.refusal == nil {
		c := ans.command
		a.rt.Log.Info("command", append(fields, service.CommandID(string(c.ID)), service.PaymentID(string(c.Payment)), service.Provider(string(c.Provider)))...)
		return
	}
	if ans.refusal.cause != nil {
		a.rt.Log.Error("command", append(fields, zap.Error(ans.refusal.cause))...)
		return
	}
	a.rt.Log.Info("command", append(fields, zap.Int("status", ans.refusal.Status), zap.Strings("fields", ans.refusal.fields()))...)
}

// fields names the fields that are wrong, not what is in them. An unknown one is
// named by the client, who may have put anything there.
func (f *refusal) fields() []string {
	var names []string
	for _, e := range f.Errors {
		if e.Code != "unknown" && e.Code != "duplicate" {
			names = append(names, e.Field)
		}
	}
	return names
}
