package computopsim

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/payloom/payloom/pkg/provider/simkit"
)

const controlPrefix = "/control/computop"

// controlRoutes are the control methods as JSON over HTTP.
func (s *Simulator) controlRoutes(mux *http.ServeMux) {
	c := simkit.NewControl(mux, controlPrefix)
	c.Route("GET", "/stats", func(*http.Request) (any, error) { return s.Stats(), nil })
	c.Route("GET", "/ledger", s.controlLedger)
	c.Route("GET", "/payments", s.controlPayments)
	c.Route("GET", "/payments/{trans_id}", s.controlPayment)
	c.Route("POST", "/payments/{trans_id}/{action}", s.controlAct)
	c.Route("GET", "/autopilot", s.controlAutopilot)
	c.Route("POST", "/autopilot", s.controlSetAutopilot)
	c.RouteTrouble(s.trouble)
	simkit.RouteRules[Rule](c, s)
}

var errNoAction = fmt.Errorf("%w: no such action", simkit.ErrNotFound)

func (s *Simulator) controlLedger(r *http.Request) (any, error) {
	q := r.URL.Query()
	after, err := simkit.Count(r, "after")
	limit, err2 := simkit.Count(r, "limit")
	if err := errors.Join(err, err2); err != nil {
		return nil, err
	}
	return s.Ledger(LedgerFilter{
		Merchant: q.Get("merchant"), TransID: q.Get("trans_id"), PayID: q.Get("pay_id"), After: after, Limit: limit,
	}), nil
}

func (s *Simulator) controlPayments(r *http.Request) (any, error) {
	skip, err := simkit.Count(r, "skip")
	limit, err2 := simkit.Count(r, "limit")
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
	if clerks[Clerk(r.PathValue("action"))] {
		return s.controlClerk(r)
	}
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
	if err := simkit.ReadJSON(r, &rules); err != nil {
		return nil, err
	}
	if err := s.SetAutopilot(rules...); err != nil {
		return nil, err
	}
	return s.controlAutopilot(r)
}
