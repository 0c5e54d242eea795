package computopsim

import (
	"strings"
	"time"

	"github.com/payloom/payloom/pkg/provider/computop/paygate"
)

// signed adds the MAC that notifies and browser returns carry.
func (p *payment) signed(m paygate.Message) paygate.Message {
	mac := paygate.NotifyMAC(p.merchant.MACKey, p.payID, p.transID, p.merchant.ID, m.Get("Status"), m.Get("Code"))
	return join(m, paygate.NewMessage("MAC", strings.ToUpper(mac)))
}

// notify queues the notify of a result, with whatever the rules do to it, and
// returns the result signed, as the browser return carries it. The caller holds
// the lock.
func (s *Simulator) notify(p *payment, op Op, result paygate.Message) paygate.Message {
	m := p.signed(result)
	if m.Get("Status") == "FAILED" {
		p.lastFail = m
	}
	n := &notice{payment: p, op: op, url: p.urls.notify, message: m}
	rule, hit := s.faults.forNotify(op, p)
	if !hit {
		s.courier.Send(n)
		return m
	}
	s.misdeliver(n, rule)
	return m
}

// misdeliver is notify under a fault.
func (s *Simulator) misdeliver(n *notice, rule Rule) {
	p := n.payment
	switch rule.Fault {
	case FaultDuplicate:
		s.courier.Send(n)
		for range rule.count() {
			s.courier.Send(n.copy())
		}
	case FaultLate:
		s.timers.After(rule.Delay, func() { s.courier.Send(n) })
	case FaultReordered:
		s.reorder(n, rule)
	case FaultLost:
		n.lose = rule.count()
		s.courier.Send(n)
	case FaultVanish:
		p.gate = gateOpen
		s.stats.NotifiesVanished++
	case FaultForged:
		s.courier.Send(s.forgery(p, n.message))
		s.courier.Send(n)
	case FaultFraudReplay:
		s.courier.Send(n)
		s.replay(p, rule.count())
	default:
		s.courier.Send(n)
	}
}

// reorder keeps a notify back until the payment's next one was delivered, or
// for the rule's delay when none comes.
func (s *Simulator) reorder(n *notice, rule Rule) {
	p := n.payment
	p.held = append(p.held, n)
	wait := rule.Delay
	if wait == 0 {
		wait = defaultReorder
	}
	s.timers.After(wait, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.release(p)
	})
}

const defaultReorder = 2 * time.Second

// release sends what was kept back. The caller holds the lock.
func (s *Simulator) release(p *payment) {
	for _, n := range p.held {
		s.courier.Send(n)
	}
	p.held = nil
}

// forgery is a notify as a stranger would make it who knows the cipher key but
// not the MAC's: success, and more money than there is.
func (s *Simulator) forgery(p *payment, genuine paygate.Message) *notice {
	lies := map[string]string{
		"Status": "OK", "Code": string(paygate.Success), "Description": "success",
		"AmountAuth": money(p.amount), "AmountCap": money(p.amount),
		"MAC": strings.Repeat("0", 64),
	}
	forged := append(paygate.Message{}, genuine...)
	for i, f := range forged {
		if lie, tempting := lies[f.Name]; tempting {
			forged[i].Value = lie
		}
	}
	s.stats.NotifiesForged++
	return &notice{payment: p, url: p.urls.notify, message: forged, once: true}
}

// replay sends the last failed result again, unchanged and genuine, to
// URLNotify and to URLSuccess, as a buyer could who copied it from URLFailure
// (Paygate documentation, URLNotify). It reports whether there was one.
func (s *Simulator) replay(p *payment, times int) bool {
	if p.lastFail == nil {
		return false
	}
	for range times {
		s.courier.Send(&notice{payment: p, url: p.urls.notify, message: p.lastFail, once: true})
		if p.urls.success != "" {
			s.courier.Send(&notice{payment: p, url: p.urls.success, message: p.lastFail, once: true, browser: true})
		}
	}
	return true
}
