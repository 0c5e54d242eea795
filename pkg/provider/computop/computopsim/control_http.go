package computopsim

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

const controlPrefix = "/control/computop"

// controlRoutes are the control methods as JSON over HTTP.
func (s *Simulator) controlRoutes(mux *http.ServeMux) {
	route := func(pattern string, serve func(r *http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { reply(w, r, serve) })
	}
	route("GET "+controlPrefix+"/stats", func(*http.Request) (any, error) { return s.Stats(), nil })
	route("GET "+controlPrefix+"/ledger", s.controlLedger)
	route("GET "+controlPrefix+"/payments", s.controlPayments)
	route("GET "+controlPrefix+"/payments/{trans_id}", s.controlPayment)
	route("POST "+controlPrefix+"/payments/{trans_id}/{action}", s.controlAct)
	route("GET "+controlPrefix+"/autopilot", s.controlAutopilot)
	route("POST "+controlPrefix+"/autopilot", s.controlSetAutopilot)
	route("POST "+controlPrefix+"/latency", s.controlLatency)
	route("POST "+controlPrefix+"/outage", s.controlOutage)
	route("GET "+controlPrefix+"/rules", func(*http.Request) (any, error) { return s.Rules(), nil })
	route("POST "+controlPrefix+"/rules", s.controlAddRule)
	route("DELETE "+controlPrefix+"/rules", func(*http.Request) (any, error) { s.ClearRules(); return s.Rules(), nil })
	route("DELETE "+controlPrefix+"/rules/{id}", s.controlRemoveRule)
}

// errBadInput marks what the caller of the control interface got wrong.
var errBadInput = errors.New("bad input")

// maxControlBody bounds a control request, in bytes.
const maxControlBody = 1 << 20

func reply(w http.ResponseWriter, r *http.Request, serve func(*http.Request) (any, error)) {
	r.Body = http.MaxBytesReader(w, r.Body, maxControlBody)
	out, err := serve(r)
	status := http.StatusOK
	if err != nil {
		status, out = statusOf(err), map[string]string{"error": err.Error()}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(out)
}

func statusOf(err error) int {
	switch {
	case errors.Is(err, ErrNoPayment), errors.Is(err, errNoRule), errors.Is(err, errNoAction):
		return http.StatusNotFound
	case errors.Is(err, ErrStage), errors.Is(err, ErrNothingFailed):
		return http.StatusConflict
	default:
		return http.StatusBadRequest
	}
}

var (
	errNoRule   = errors.New("no such rule")
	errNoAction = errors.New("no such action")
)

func (s *Simulator) controlLedger(r *http.Request) (any, error) {
	q := r.URL.Query()
	after, err := number(q.Get("after"))
	limit, err2 := number(q.Get("limit"))
	if err := errors.Join(err, err2); err != nil {
		return nil, err
	}
	return s.Ledger(LedgerFilter{
		Merchant: q.Get("merchant"), TransID: q.Get("trans_id"), PayID: q.Get("pay_id"), After: after, Limit: limit,
	}), nil
}

func (s *Simulator) controlPayments(r *http.Request) (any, error) {
	skip, err := number(r.URL.Query().Get("skip"))
	limit, err2 := number(r.URL.Query().Get("limit"))
	if err := errors.Join(err, err2); err != nil {
		return nil, err
	}
	return s.Payments(skip, limit), nil
}

func (s *Simulator) controlPayment(r *http.Request) (any, error) {
	return s.Payment(r.URL.Query().Get("merchant"), r.PathValue("trans_id"))
}

func (s *Simulator) controlAct(r *http.Request) (any, error) {
	merchant, transID := r.URL.Query().Get("merchant"), r.PathValue("trans_id")
	switch act := r.PathValue("action"); act {
	case "expire":
		if err := s.Expire(merchant, transID); err != nil {
			return nil, err
		}
	case "fraud-replay":
		if err := s.FraudReplay(merchant, transID); err != nil {
			return nil, err
		}
	case "forge":
		if err := s.Forge(merchant, transID); err != nil {
			return nil, err
		}
	default:
		if !decisions[Decision(act)] {
			return nil, fmt.Errorf("%w: %q", errNoAction, act)
		}
		return s.Decide(merchant, transID, Decision(act))
	}
	return s.Payment(merchant, transID)
}

func (s *Simulator) controlAutopilot(*http.Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]AutopilotRule{}, s.autopilot...), nil
}

func (s *Simulator) controlSetAutopilot(r *http.Request) (any, error) {
	var rules []AutopilotRule
	if err := readJSON(r, &rules); err != nil {
		return nil, err
	}
	if err := s.SetAutopilot(rules...); err != nil {
		return nil, err
	}
	return s.controlAutopilot(r)
}

func (s *Simulator) controlLatency(r *http.Request) (any, error) {
	var in struct {
		Latency string `json:"latency"`
	}
	d, err := readDelay(r, &in, &in.Latency)
	if err == nil {
		s.SetLatency(d)
	}
	return map[string]string{"latency": d.String()}, err
}

func (s *Simulator) controlOutage(r *http.Request) (any, error) {
	var in struct {
		Duration string `json:"duration"`
	}
	d, err := readDelay(r, &in, &in.Duration)
	if err == nil {
		s.Outage(d)
	}
	return map[string]string{"duration": d.String()}, err
}

func (s *Simulator) controlAddRule(r *http.Request) (any, error) {
	var rule Rule
	if err := readJSON(r, &rule); err != nil {
		return nil, err
	}
	return s.AddRule(rule)
}

func (s *Simulator) controlRemoveRule(r *http.Request) (any, error) {
	id, err := strconv.Atoi(r.PathValue("id"))
	if err != nil || !s.RemoveRule(id) {
		return nil, fmt.Errorf("%w: %q", errNoRule, r.PathValue("id"))
	}
	return s.Rules(), nil
}

func readJSON(r *http.Request, into any) error {
	raw, err := io.ReadAll(r.Body)
	if err == nil {
		err = decodeStrict(raw, into)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errBadInput, err)
	}
	return nil
}

func readDelay(r *http.Request, into any, text *string) (time.Duration, error) {
	if err := readJSON(r, into); err != nil {
		return 0, err
	}
	d, err := parseDelay(*text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%w: want a duration such as 20ms", errBadInput)
	}
	return d, nil
}

func number(text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%w: %q is not a count", errBadInput, text)
	}
	return n, nil
}
