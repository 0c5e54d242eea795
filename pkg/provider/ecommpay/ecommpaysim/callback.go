package ecommpaysim

import (
	"bytes"
	"cmp"
	"context"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/payloom/payloom/pkg/provider/ecommpay/gate"
	"github.com/payloom/payloom/pkg/provider/simkit"
)

// notice is one callback on its way, with its repeats.
type notice struct {
	payment *payment
	op      Op
	url     string
	body    []byte
	tries   int
	lose    int  // deliveries that are lost before they are made
	once    bool // no repeats
}

// copy is a duplicate, sent beside the original.
func (n *notice) copy() *notice {
	return &notice{payment: n.payment, op: n.op, url: n.url, body: n.body, once: true}
}

// maxTries is how often a callback is sent that nobody takes.
const maxTries = 120

// tryAfter is how long after the try before it the n-th one comes, n from 2: six
// tries every 10 seconds, then ever later, up to 4 hours (ECommPay documentation,
// Gate callbacks).
func tryAfter(n int) time.Duration {
	if n <= 6 {
		return 10 * time.Second
	}
	seconds := 70 + 10*math.Pow(1.12, float64(n-4))
	return min(time.Duration(seconds*float64(time.Second)), 4*time.Hour)
}

// tell queues the callback about what p has become, with whatever the rules do to
// it. The caller holds the lock.
func (s *Simulator) tell(p *payment, op Op) {
	if p.callbackURL == "" {
		return
	}
	m, place := s.callbackBody(p)
	o := simkit.Occasion{Operation: string(op), Account: strconv.FormatInt(p.project.ID, 10), Reference: p.id}
	rule, hit := s.faults.Pick(o, func(r Rule) bool { return callbackFaults[r.Fault] })
	if hit && rule.Fault == FaultAmbiguous {
		m["comment"] = "a;b"
	}
	n := &notice{payment: p, op: op, url: p.callbackURL, body: p.signed(m, place).body}
	p.last = n
	if hit {
		s.misdeliver(n, rule)
		return
	}
	s.courier.Send(n)
}

// misdeliver sends a callback under a fault.
func (s *Simulator) misdeliver(n *notice, rule Rule) {
	switch rule.Fault {
	case simkit.FaultDuplicate:
		s.courier.Send(n)
		for range rule.count() {
			s.courier.Send(n.copy())
		}
	case simkit.FaultLate:
		s.timers.After(rule.Delay, func() { s.courier.Send(n) })
	case simkit.FaultReordered:
		s.reorder(n, rule)
	case simkit.FaultLost:
		n.lose = rule.count()
		s.courier.Send(n)
	case simkit.FaultVanish:
		s.stats.CallbacksVanished++
	case simkit.FaultForged, FaultUnsigned:
		s.courier.Send(s.forgery(n.payment, rule.Fault == simkit.FaultForged))
		s.courier.Send(n)
	default:
		s.courier.Send(n)
	}
}

// defaultReorder is how long a callback is kept back when no other follows.
const defaultReorder = 2 * time.Second

// reorder keeps a callback back until the payment's next one was delivered, or for
// the rule's delay when none comes.
func (s *Simulator) reorder(n *notice, rule Rule) {
	p := n.payment
	p.held = append(p.held, n)
	s.timers.After(cmp.Or(rule.Delay, defaultReorder), s.locked(func() { s.release(p) }))
}

// release sends what was kept back. The caller holds the lock.
func (s *Simulator) release(p *payment) {
	for _, n := range p.held {
		s.courier.Send(n)
	}
	p.held = nil
}

// forgery is a callback as a stranger would make it: success, and a signature that
// is none, or none at all.
func (s *Simulator) forgery(p *payment, signature bool) *notice {
	m := s.common(p)
	m["payment"] = map[string]any{"id": p.id, "type": kindPayout, "status": "success", "sum": p.sum(), "description": ""}
	m["operation"] = map[string]any{
		"id": p.baseID, "type": kindPayout, "status": "success", "code": codeSuccess, "request_id": p.requestID, "sum_initial": p.sum(),
	}
	if signature {
		m["signature"] = strings.Repeat("A", 86) + "=="
	}
	s.stats.CallbacksForged++
	return &notice{payment: p, url: p.callbackURL, body: mustJSON(m), once: true}
}

// deliver tries once and books the result. A repeat is scheduled before the notice
// stops counting as under way.
func (s *Simulator) deliver(n *notice) {
	n.tries++
	lost := n.lose > 0
	if lost {
		n.lose--
	}
	answered := !lost && simkit.Answered(s.ctx, s.client, s.cfg.CallbackTimeout, n.request)
	s.delivered(n, answered)
	if !answered && !n.once && n.tries < maxTries {
		s.after(tryAfter(n.tries+1), func() { s.courier.Send(n) })
	}
}

func (n *notice) request(ctx context.Context) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.url, bytes.NewReader(n.body))
	if err == nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, err
}

// delivered keeps the books of one delivery. Any status but 200 is a failure.
func (s *Simulator) delivered(n *notice, answered bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.CallbacksSent++
	switch {
	case answered:
		s.stats.CallbacksAnswered++
		s.release(n.payment)
	case !n.once && n.tries == maxTries:
		s.stats.CallbacksGivenUp++
	}
}

// duplicateError is the callback about a second request with p's payment_id.
func (s *Simulator) duplicateError(p *payment) *notice {
	twin := *p
	twin.fault, twin.requestID = codeDuplicate, s.seed.HexID("duplicate", p.requestID)[:12]+"-00000000"
	return &notice{payment: p, op: OpCallbackError, url: p.callbackURL, body: p.signed(refusedBody(&twin), gate.AtTop).body, once: true}
}
