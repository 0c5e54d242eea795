package axervesim

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/payloom/payloom/pkg/provider/axerve/gestpay"
	"github.com/payloom/payloom/pkg/provider/simkit"
)

// notice is one notification on its way, with its repeats.
type notice struct {
	payment *payment
	url     string // with a and b
	since   time.Time
	tries   int
	lose    int  // deliveries that are lost before they are made
	once    bool // no repeats
}

// notifyWindow is how long an unreachable shop is tried (Axerve documentation,
// SEPA direct debit). The intervals are not published; here they double.
const (
	notifyWindow  = 48 * time.Hour
	firstInterval = time.Minute
	mostDoublings = 8
)

func repeatAfter(tries int) time.Duration {
	return firstInterval << min(max(tries-1, 0), mostDoublings)
}

// courier delivers notices.
type courier struct {
	*simkit.Courier[*notice]
	sim    *Simulator
	client *http.Client
}

func newCourier(s *Simulator) *courier {
	c := &courier{sim: s, client: s.cfg.NotifyClient}
	if c.client == nil {
		c.client = simkit.CallbackClient(s.cfg.NotifyWorkers)
	}
	c.Courier = simkit.NewCourier(s.cfg.NotifyWorkers, s.busy, c.deliver)
	return c
}

func (c *courier) close() {
	c.Close()
	c.client.CloseIdleConnections()
}

// deliver tries once and books the result. A repeat is scheduled before the
// notice stops counting as under way.
func (c *courier) deliver(n *notice) {
	n.tries++
	lost := n.lose > 0
	if lost {
		n.lose--
	}
	answered := !lost && simkit.Answered(c.sim.ctx, c.client, c.sim.cfg.NotifyTimeout, n.request)
	again := !answered && !n.once && !c.sim.past(n.since, notifyWindow-repeatAfter(n.tries))
	c.sim.delivered(n, answered, again)
	if again {
		c.sim.timers.After(c.sim.scaled(repeatAfter(n.tries)), func() { c.Send(n) })
	}
}

// request is a plain GET without a User-Agent.
func (n *notice) request(ctx context.Context) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.url, nil)
	if err == nil {
		req.Header["User-Agent"] = nil
	}
	return req, err
}

// delivered keeps the books of one delivery.
func (s *Simulator) delivered(n *notice, answered, again bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.NotifiesSent++
	switch {
	case answered:
		s.stats.NotifiesAnswered++
		s.release(n.payment)
	case !again && !n.once:
		s.stats.NotifiesGivenUp++
	}
}

// keep stores what a string will say for ever. Every carrier of a result has a
// string of its own.
func (s *Simulator) keep(p *payment, carrier string) string {
	res := p.snapshot()
	b := s.cryptString(406+len(p.shopID), "result", p.shop.Login, p.shopID, p.crypt, carrier, strconv.Itoa(p.results))
	s.book.results[b] = &res
	return b
}

func (p *payment) query(b string) string {
	return gestpay.Notification{ShopLogin: p.shop.Login, CryptedString: b}.Query()
}

// notify queues the notification of the payment's result, with whatever the
// rules do to it. The caller holds the lock.
func (s *Simulator) notify(p *payment) {
	p.results++
	if p.shop.NotifyURL == "" {
		return
	}
	n := &notice{payment: p, url: simkit.WithQuery(p.shop.NotifyURL, p.query(s.keep(p, "server"))), since: s.cfg.Now()}
	rule, hit := s.faults.forNotify(p)
	if !hit {
		s.courier.Send(n)
		return
	}
	s.misdeliver(n, rule)
}

// misdeliver is notify under a fault.
func (s *Simulator) misdeliver(n *notice, rule Rule) {
	switch rule.Fault {
	case FaultDuplicate:
		s.courier.Send(n)
		for range rule.count() {
			s.courier.Send(&notice{payment: n.payment, url: n.url, once: true})
		}
	case FaultLate:
		s.timers.After(rule.Delay, func() { s.courier.Send(n) })
	case FaultReordered:
		s.reorder(n, rule)
	case FaultLost:
		n.lose = rule.count()
		s.courier.Send(n)
	case FaultVanish:
		s.stats.NotifiesVanished++
	case FaultForged:
		s.forge(n.payment)
		s.courier.Send(n)
	default:
		s.courier.Send(n)
	}
}

// defaultReorder is how long a notification is kept back when no other comes.
const defaultReorder = 2 * time.Second

// reorder keeps a notification back until the payment's next one was answered.
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

// release sends what was kept back. The caller holds the lock.
func (s *Simulator) release(p *payment) {
	for _, n := range p.held {
		s.courier.Send(n)
	}
	p.held = nil
}

// forge sends a notification as a stranger would make it: the right shop, and a
// string that Decrypt knows nothing of.
func (s *Simulator) forge(p *payment) {
	s.stats.NotifiesForged++
	b := s.cryptString(430, "forged", p.shopID, strconv.Itoa(s.stats.NotifiesForged))
	s.courier.Send(&notice{payment: p, url: simkit.WithQuery(p.shop.NotifyURL, p.query(b)), once: true})
}
