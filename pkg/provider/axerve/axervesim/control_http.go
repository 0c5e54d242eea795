package axervesim

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/payloom/payloom/pkg/provider/simkit"
)

// controlPrefix is where the control interface begins.
const controlPrefix = "/control/axerve"

// controlRoutes are the control methods as JSON over HTTP.
func (s *Simulator) controlRoutes(mux *http.ServeMux) {
	c := simkit.NewControl(mux, controlPrefix)
	c.Route("GET", "/stats", func(*http.Request) (any, error) { return s.Stats(), nil })
	c.Route("GET", "/ledger", s.controlLedger)
	c.Route("GET", "/payments", s.controlPayments)
	c.Route("GET", "/payments/{id}", s.controlPayment)
	c.Route("POST", "/payments/{id}/{action}", s.controlAct)
	c.Route("POST", "/orders", s.controlOrder)
	c.Route("POST", "/tokens/{token}/revoke", s.controlRevoke)
	c.Route("POST", "/shops/{shop}/urls", s.controlURLs)
	c.Route("GET", "/autopilot", s.controlAutopilot)
	c.Route("POST", "/autopilot", s.controlSetAutopilot)
	c.Route("POST", "/retire", func(*http.Request) (any, error) { return map[string]int{"retired": s.Retire()}, nil })
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
		Shop: q.Get("shop"), ShopTransactionID: q.Get("shop_transaction_id"),
		BankTransactionID: q.Get("bank_transaction_id"), After: after, Limit: limit,
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
	return s.Payment(r.URL.Query().Get("shop"), r.PathValue("id"))
}

// actions are those that answer with the payment.
func (s *Simulator) actions() map[string]func(shop, id string) error {
	return map[string]func(shop, id string) error{
		"expire":      s.Expire,
		"night":       s.Night,
		"notify":      s.Notify,
		"forge":       s.Forge,
		"finish":      func(shop, id string) error { return s.Settle(shop, id, true) },
		"finish-bad":  func(shop, id string) error { return s.Settle(shop, id, false) },
		"back-settle": func(shop, id string) error { return s.BackOffice(shop, id, true) },
		"back-delete": func(shop, id string) error { return s.BackOffice(shop, id, false) },
		"back-refund": func(shop, id string) error { return s.BackRefund(shop, id, 0) },
	}
}

func (s *Simulator) controlAct(r *http.Request) (any, error) {
	shop, id, action := r.URL.Query().Get("shop"), r.PathValue("id"), r.PathValue("action")
	if decisions[Decision(action)] {
		return s.Decide(shop, id, Decision(action))
	}
	act := s.actions()[action]
	if act == nil {
		return nil, fmt.Errorf("%w: %q", errNoAction, action)
	}
	if err := act(shop, id); err != nil {
		return nil, err
	}
	return s.Payment(shop, id)
}

func (s *Simulator) controlOrder(r *http.Request) (any, error) {
	in := struct {
		Shop   string `json:"shop"`
		Effect Effect `json:"effect"`
		ID     string `json:"order_reference"`
	}{Effect: EffectApprove}
	if err := simkit.ReadJSON(r, &in); err != nil {
		return nil, err
	}
	id, err := s.NewOrder(in.Shop, in.Effect, in.ID)
	return map[string]string{"order_reference": id}, err
}

func (s *Simulator) controlRevoke(r *http.Request) (any, error) {
	return map[string]bool{"revoked": true}, s.RevokeToken(r.PathValue("token"))
}

func (s *Simulator) controlURLs(r *http.Request) (any, error) {
	var urls URLs
	if err := simkit.ReadJSON(r, &urls); err != nil {
		return nil, err
	}
	return urls, s.SetURLs(r.PathValue("shop"), urls)
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
