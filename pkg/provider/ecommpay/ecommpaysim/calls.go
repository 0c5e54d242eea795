package ecommpaysim

import (
	"encoding/json"
	"io"
	"mime"
	"net/http"

	"github.com/payloom/payloom/pkg/provider/ecommpay/gate"
)

// Op is a call a merchant makes, or a callback it gets, as rules name it.
type Op string

// The operations.
const (
	OpPayout        Op = "payout"
	OpStatus        Op = "status"
	OpRequestStatus Op = "request_status"
	OpOperations    Op = "operations" // of the Data API

	OpCallbackProcessing Op = "callback_processing" // an intermediate one
	OpCallbackSuccess    Op = "callback_success"
	OpCallbackDecline    Op = "callback_decline"
	OpCallbackPartial    Op = "callback_partial"
	OpCallbackError      Op = "callback_error"
	OpCallbackReversal   Op = "callback_reversal"
)

// maxBody bounds a request, in bytes.
const maxBody = 64 << 10

// routes are the endpoints of the Gate and of the Data API, and the control interface.
func (s *Simulator) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v2/payment/wallet/{method}/payout", s.serve(OpPayout, s.payout))
	mux.HandleFunc("POST /v2/payment/status", s.serve(OpStatus, s.status))
	mux.HandleFunc("POST /v2/payment/status/request", s.serve(OpRequestStatus, s.requestStatus))
	mux.HandleFunc("POST /v1/operations/get", s.serve(OpOperations, s.operations))
	s.controlRoutes(mux)
	return mux
}

// call is one request, decoded.
type call struct {
	op      Op
	method  string // of payment
	message gate.Message
	refused *refusal // what was wrong already
	project *Project // nil before it was authenticated
}

func (c *call) text(path ...string) string {
	v, _ := c.message.Get(path...).Text()
	return v
}

// account and paymentID are what rules match.
func (c *call) account() string { return c.text("general", "project_id") + c.text("project_id") }

func (c *call) paymentID() string { return c.text("general", "payment_id") }

// serve answers one call.
func (s *Simulator) serve(op Op, do func(*call) (document, *refusal)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := decode(op, w, r)
		if !s.trouble.Admit(w, r) {
			return
		}
		fault, hit := s.faultOf(c)
		if hit && s.failBefore(w, r, c, fault, do) {
			return
		}
		answer, refused := s.execute(c, do)
		if hit && s.failAfter(w, r, fault) {
			return
		}
		s.write(w, answer, refused)
	}
}

// decode reads a request. It never fails: what cannot be read is a call that is
// refused.
func decode(op Op, w http.ResponseWriter, r *http.Request) *call {
	c := &call{op: op, method: r.PathValue("method")}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err == nil {
		c.message, err = gate.Parse(raw)
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		c.refused = refuse(codeMalformed, "")
	}
	return c
}

// execute does what was asked, atomically.
func (s *Simulator) execute(c *call, do func(*call) (document, *refusal)) (document, *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Calls[c.op]++
	refused := c.refused
	var answer document
	if refused == nil {
		answer, refused = do(c)
	}
	if refused != nil {
		s.stats.Refusals[refused.code]++
	}
	return answer, refused
}

// write sends an answer, or the refusal in its place.
func (s *Simulator) write(w http.ResponseWriter, answer document, refused *refusal) {
	status := http.StatusOK
	body := answer.body
	if refused != nil {
		status, body = http.StatusBadRequest, s.refusalBody(refused)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

func (s *Simulator) refusalBody(r *refusal) []byte {
	one := map[string]any{"code": r.code, "message": r.message}
	if r.field != "" {
		one["field"] = r.field
	}
	if s.cfg.ErrorList {
		return mustJSON(map[string]any{"errors": []any{one}})
	}
	one["status"] = "error"
	return mustJSON(one)
}

// mustJSON encodes what the simulator itself has put together.
func mustJSON(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps of texts and numbers can be encoded
	}
	return raw
}
