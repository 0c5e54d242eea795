package axervesim

import (
	"fmt"
	"slices"
	"time"

	"github.com/payloom/payloom/pkg/provider/axerve/gestpay"
)

// Payment is what the simulator knows of one payment.
type Payment struct {
	Shop              string            `json:"shop"`
	ShopTransactionID string            `json:"shop_transaction_id"`
	BankTransactionID string            `json:"bank_transaction_id,omitempty"` // "" while there is no transaction
	PageURL           string            `json:"page_url,omitempty"`            // of payments by page
	Stage             Stage             `json:"stage"`
	Result            gestpay.Result    `json:"result,omitempty"`
	Code              gestpay.Code      `json:"code,omitempty"`
	State             gestpay.EventType `json:"state,omitempty"` // the latest event
	Amount            int64             `json:"amount"`          // asked for, minor units
	Currency          string            `json:"currency"`
	Authorised        int64             `json:"authorised"`
	Reserved          int64             `json:"reserved"`
	Captured          int64             `json:"captured"`
	Cancelled         int64             `json:"cancelled"`
	RefundRequested   int64             `json:"refund_requested"`
	Refunded          int64             `json:"refunded"`
	OrderReference    string            `json:"order_reference,omitempty"`
	Token             string            `json:"token,omitempty"`     // given out
	PaidWith          string            `json:"paid_with,omitempty"` // token that was charged
	Agreement         string            `json:"agreement,omitempty"`
	Created           time.Time         `json:"created"`
}

func (p *payment) view() Payment {
	v := Payment{
		Shop: p.shop.Login, ShopTransactionID: p.shopID, BankTransactionID: p.bankID,
		Stage: p.stage, Result: p.result, Code: p.code, State: gestpay.EventType(p.state()),
		Amount: p.amount, Currency: p.iso,
		Reserved: p.sum(gestpay.EventReserved), Captured: p.sum(gestpay.EventCaptured), Cancelled: p.sum(gestpay.EventCancelled),
		RefundRequested: p.sum(gestpay.EventRequested), Refunded: p.sum(gestpay.EventRefunded),
		OrderReference: p.orderID, Token: p.token, PaidWith: p.payToken, Agreement: p.agreement,
		Created: p.created.UTC(),
	}
	if p.result == gestpay.ResultOK {
		v.Authorised = p.sum(gestpay.EventAuthorised)
	}
	if p.crypt != "" {
		v.PageURL = p.base + gestpay.PagePath + "?" + p.query(p.crypt)
	}
	return v
}

// Payment returns one payment, as Decide would choose it. The error wraps
// ErrNoPayment.
func (s *Simulator) Payment(shopLogin, shopTransactionID string) (Payment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.lookup(shopLogin, shopTransactionID)
	if err != nil {
		return Payment{}, err
	}
	return p.view(), nil
}

// Payments returns at most limit payments in order of arrival, after the first
// skip ones; limit 0 means all.
func (s *Simulator) Payments(skip, limit int) []Payment {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.book.payments[min(max(skip, 0), len(s.book.payments)):]
	if limit > 0 {
		all = all[:min(limit, len(all))]
	}
	views := make([]Payment, 0, len(all))
	for _, p := range all {
		views = append(views, p.view())
	}
	return views
}

// Expire ends an open page as its age would. Nobody is told.
func (s *Simulator) Expire(shopLogin, shopTransactionID string) error {
	return s.act(shopLogin, shopTransactionID, func(p *payment) error {
		if p.stage != StageOpen {
			return ErrStage
		}
		p.stage = StageExpired
		return nil
	})
}

// Night executes the payment's queued capture now.
func (s *Simulator) Night(shopLogin, shopTransactionID string) error {
	return s.act(shopLogin, shopTransactionID, func(p *payment) error {
		if !s.night(p) {
			return fmt.Errorf("%w: no capture is queued", ErrStage)
		}
		return nil
	})
}

// Settle ends an XX now, well or badly.
func (s *Simulator) Settle(shopLogin, shopTransactionID string, approve bool) error {
	return s.act(shopLogin, shopTransactionID, func(p *payment) error {
		if p.stage != StagePending {
			return ErrStage
		}
		s.finish(p, approve)
		return nil
	})
}

// BackOffice captures or cancels what is authorised, as a person in the shop's
// back office does. Nobody is told.
func (s *Simulator) BackOffice(shopLogin, shopTransactionID string, capture bool) error {
	return s.act(shopLogin, shopTransactionID, func(p *payment) error {
		switch {
		case !p.onlyAuthorised():
			return ErrStage
		case capture:
			s.capture(p, p.amount, "backoffice")
		default:
			s.cancelAuthorisation(p)
		}
		return nil
	})
}

// BackRefund gives captured money back as a person in the shop's back office does:
// amount, minor units, 0 for all that is left. Nobody is told.
func (s *Simulator) BackRefund(shopLogin, shopTransactionID string, amount int64) error {
	return s.act(shopLogin, shopTransactionID, func(p *payment) error {
		left := p.refundable()
		if amount == 0 {
			amount = left
		}
		if amount <= 0 || amount > left || p.result != gestpay.ResultOK {
			return ErrStage
		}
		s.record(p, KindRefund, amount, "backoffice")
		s.note(p, gestpay.EventRefunded, amount, p.capturedEvent())
		return nil
	})
}

// Forget loses a payment: no inquiry finds it again.
func (s *Simulator) Forget(shopLogin, shopTransactionID string) error {
	return s.act(shopLogin, shopTransactionID, func(p *payment) error {
		delete(s.book.byBankID, shopKey{p.shop.Login, p.bankID})
		key := shopKey{p.shop.Login, p.shopID}
		s.book.byShopID[key] = slices.DeleteFunc(s.book.byShopID[key], func(q *payment) bool { return q == p })
		return nil
	})
}

// Notify sends the payment's result once more, to the server address.
func (s *Simulator) Notify(shopLogin, shopTransactionID string) error {
	return s.act(shopLogin, shopTransactionID, func(p *payment) error {
		if p.result == "" || p.shop.NotifyURL == "" {
			return fmt.Errorf("%w: there is no result, or nobody to tell", ErrStage)
		}
		s.notify(p)
		return nil
	})
}

// Forge sends a notification whose string nobody made.
func (s *Simulator) Forge(shopLogin, shopTransactionID string) error {
	return s.act(shopLogin, shopTransactionID, func(p *payment) error {
		if p.shop.NotifyURL == "" {
			return fmt.Errorf("%w: nobody to tell", ErrStage)
		}
		s.forge(p)
		return nil
	})
}

func (s *Simulator) act(login, shopID string, do func(*payment) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.lookup(login, shopID)
	if err != nil {
		return err
	}
	return do(p)
}

// SetLatency makes every call take at least d, real time.
func (s *Simulator) SetLatency(d time.Duration) { s.trouble.SetLatency(d) }

// Outage answers every call with 503 for d from now; 0 ends an outage.
func (s *Simulator) Outage(d time.Duration) { s.trouble.Outage(d) }

// AddRule adds a rule and returns it with its ID. The error wraps ErrRule.
func (s *Simulator) AddRule(r Rule) (Rule, error) {
	if err := r.validate(); err != nil {
		return Rule{}, err
	}
	return s.faults.Add(r), nil
}

// Rules returns the rules with the number of their hits.
func (s *Simulator) Rules() []Rule { return s.faults.List() }

// RemoveRule removes one rule and reports whether there was one.
func (s *Simulator) RemoveRule(id int) bool { return s.faults.Remove(id) }

// ClearRules removes every rule.
func (s *Simulator) ClearRules() { s.faults.Clear() }
