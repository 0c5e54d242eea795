package computopsim

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/payloom/payloom/pkg/provider/computop/paygate"
	"github.com/payloom/payloom/pkg/provider/simkit"
)

// notice is one notify on its way, with its repeats.
type notice struct {
	payment *payment
	op      Op
	url     string
	message paygate.Message
	body    string // sealed at the first delivery; repeats are identical
	tries   int
	lose    int  // deliveries that are lost before they are made
	once    bool // no repeats, and no claim to be the first notify
	browser bool // GET with the data in the query, as a buyer's browser comes
}

// copy is a duplicate, sent beside the original.
func (n *notice) copy() *notice {
	return &notice{payment: n.payment, op: n.op, url: n.url, message: n.message, once: true}
}

// repeats is how often an unanswered notify is sent again; the n-th repeat
// comes n³ minutes after the failure before it (white-label documentation of
// Paygate, payment notification).
const repeats = 8

func repeatAfter(n int) time.Duration { return time.Duration(n*n*n) * time.Minute }

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
	answered := !lost && c.post(n)
	c.sim.delivered(n, answered)
	if !answered && !n.once && n.tries <= repeats {
		c.sim.after(repeatAfter(n.tries), func() { c.Send(n) })
	}
}

// delivered keeps the books of one delivery. Any status but 200 is a failure.
func (s *Simulator) delivered(n *notice, answered bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.NotifiesSent++
	switch {
	case answered:
		s.stats.NotifiesAnswered++
		if !n.once {
			n.payment.gate = gateOpen
		}
		s.release(n.payment)
	case !n.once && n.tries > repeats:
		// Nobody will send it again, so follow-ups cannot wait for it.
		s.stats.NotifiesGivenUp++
		n.payment.gate = gateOpen
	}
}

// post reports whether the receiver answered 200.
func (c *courier) post(n *notice) bool {
	if n.body == "" && c.seal(n) != nil {
		return false
	}
	return simkit.Answered(c.sim.ctx, c.client, c.sim.cfg.NotifyTimeout, n.request)
}

func (c *courier) seal(n *notice) error {
	rnd := c.sim.random("notify", string(n.op), n.message.String())
	env, err := n.payment.merchant.seal(n.message, rnd)
	n.body = outside(env, n.payment.echo)
	return err
}

func (n *notice) request(ctx context.Context) (*http.Request, error) {
	if n.browser {
		return http.NewRequestWithContext(ctx, http.MethodGet, simkit.WithQuery(n.url, n.body), nil)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.url, strings.NewReader(n.body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=iso-8859-1")
	return req, nil
}

// outside is the form of a notify or browser return: Len and Data, and the
// echoes that come back in the clear, where "|" in Custom becomes "&".
func outside(env paygate.Envelope, e echoes) string {
	text := "Len=" + strconv.Itoa(env.Len) + "&Data=" + env.Data
	if e.plain != "" {
		text += "&Plain=" + url.QueryEscape(e.plain)
	}
	for part := range strings.SplitSeq(e.custom, "|") {
		if name, value, pair := strings.Cut(part, "="); pair {
			text += "&" + url.QueryEscape(name) + "=" + url.QueryEscape(value)
		}
	}
	return text
}
