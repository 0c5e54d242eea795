package ecommpaysim

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/payloom/payloom/pkg/provider/simkit"
)

const controlPrefix = "/control/ecommpay"

// controlRoutes are the control methods as JSON over HTTP.
func (s *Simulator) controlRoutes(mux *http.ServeMux) {
	c := simkit.NewControl(mux, controlPrefix)
	c.Route("GET", "/stats", func(*http.Request) (any, error) { return s.Stats(), nil })
	c.Route("GET", "/ledger", s.controlLedger)
	c.Route("GET", "/payments", s.controlPayouts)
	c.Route("GET", "/payments/{payment_id}", s.controlPayout)
	c.Route("POST", "/payments/{payment_id}/pay-by-hand", s.controlPayByHand)
	c.Route("POST", "/payments/{payment_id}/{action}", s.controlAct)
	c.Route("GET", "/script", func(*http.Request) (any, error) { return s.Script(), nil })
	c.Route("POST", "/script", s.controlSetScript)
	c.Route("POST", "/retire", func(*http.Request) (any, error) { return map[string]int{"retired": s.Retire()}, nil })
	c.RouteTrouble(s.trouble)
	simkit.RouteRules[Rule](c, s)
}

func projectOf(r *http.Request) (int64, error) {
	text := r.URL.Query().Get("project")
	if text == "" {
		return 0, nil
	}
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id < 0 {
		return 0, fmt.Errorf("%w: project is no number", simkit.ErrBadInput)
	}
	return id, nil
}

func (s *Simulator) controlLedger(r *http.Request) (any, error) {
	project, err := projectOf(r)
	after, err2 := simkit.Count(r, "after")
	limit, err3 := simkit.Count(r, "limit")
	if err := errors.Join(err, err2, err3); err != nil {
		return nil, err
	}
	return s.Ledger(LedgerFilter{Project: project, PaymentID: r.URL.Query().Get("payment_id"), After: after, Limit: limit}), nil
}

func (s *Simulator) controlPayouts(r *http.Request) (any, error) {
	skip, err := simkit.Count(r, "skip")
	limit, err2 := simkit.Count(r, "limit")
	if err := errors.Join(err, err2); err != nil {
		return nil, err
	}
	return s.Payouts(skip, limit), nil
}

func (s *Simulator) controlPayout(r *http.Request) (any, error) {
	project, err := projectOf(r)
	if err != nil {
		return nil, err
	}
	return s.Payout(project, r.PathValue("payment_id"))
}

func (s *Simulator) controlAct(r *http.Request) (any, error) {
	project, err := projectOf(r)
	if err != nil {
		return nil, err
	}
	return s.Act(project, r.PathValue("payment_id"), Action(r.PathValue("action")), r.URL.Query().Get("code"))
}

// controlPayByHand takes ?project=&amount=&currency=, INR when there is none.
func (s *Simulator) controlPayByHand(r *http.Request) (any, error) {
	project, err := projectOf(r)
	amount, err2 := simkit.Count(r, "amount")
	if err := errors.Join(err, err2); err != nil {
		return nil, err
	}
	currency := cmp.Or(r.URL.Query().Get("currency"), "INR")
	return s.PayByHand(project, r.PathValue("payment_id"), int64(amount), currency)
}

func (s *Simulator) controlSetScript(r *http.Request) (any, error) {
	var rules []ScriptRule
	if err := simkit.ReadJSON(r, &rules); err != nil {
		return nil, err
	}
	if err := s.SetScript(rules...); err != nil {
		return nil, err
	}
	return s.Script(), nil
}
