package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// Net is the network between the processes of a stack: a relay for every pair, which
// can be cut, slowed down, or made deaf in one direction. It may be used
// concurrently.
type Net struct {
	server *toxiproxy.ApiServer

	mu    sync.Mutex
	links []*link
}

// NewNet returns a network in good health. The caller closes it.
func NewNet() *Net {
	return &Net{server: toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())}
}

// link is the way from one process to another.
type link struct {
	from, to string
	proxy    *toxiproxy.Proxy

	mu   sync.Mutex
	cuts int // at present
	ills int // ever, for their names
}

func (l *link) String() string { return l.from + " → " + l.to }

// Relay passes on to address what comes in at listen, both host and port. It is what
// stack.Options.Relay wants.
func (n *Net) Relay(from, to, listen, address string) error {
	l := &link{from: from, to: to, proxy: toxiproxy.NewProxy(n.server, from+">"+to, listen, address)}
	if err := l.proxy.Start(); err != nil {
		return fmt.Errorf("relay %s: %w", l, err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.links = append(n.links, l)
	return nil
}

// Close ends all relays.
func (n *Net) Close() {
	for _, l := range n.all() {
		l.proxy.Stop()
	}
}

func (n *Net) all() []*link {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.links)
}

// cut breaks every connection of a link and lets none in, until healed.
func (l *link) cut() (heal func(context.Context) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cuts++
	if l.cuts == 1 {
		l.proxy.Stop()
	}
	return func(context.Context) error {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.cuts--
		if l.cuts > 0 {
			return nil
		}
		return l.proxy.Start()
	}
}

// slow delays what comes back over a link, until healed.
func (l *link) slow(delay, jitter time.Duration) (heal func(context.Context) error, err error) {
	return l.ail("latency", "downstream", fmt.Sprintf(`"latency":%d,"jitter":%d`, delay.Milliseconds(), jitter.Milliseconds()))
}

// deafen swallows what goes in one direction, upstream or downstream, while the
// connections stay, until healed; then they break.
func (l *link) deafen(direction string) (heal func(context.Context) error, err error) {
	return l.ail("timeout", direction, `"timeout":0`)
}

// ail adds one of toxiproxy's toxics.
func (l *link) ail(kind, direction, attributes string) (heal func(context.Context) error, err error) {
	l.mu.Lock()
	l.ills++
	name := fmt.Sprintf("%s-%d", kind, l.ills)
	l.mu.Unlock()
	_, err = l.proxy.Toxics.AddToxicJson(strings.NewReader(
		fmt.Sprintf(`{"name":%q,"type":%q,"stream":%q,"attributes":{%s}}`, name, kind, direction, attributes)))
	if err != nil {
		return nil, fmt.Errorf("%s on %s: %w", kind, l, err)
	}
	return func(ctx context.Context) error { return l.proxy.Toxics.RemoveToxic(ctx, name) }, nil
}

// anyLink picks one of the links.
func (f *field) anyLink(r *rand.Rand) *link {
	all := f.net.all()
	return all[r.IntN(len(all))]
}

func cut(_ context.Context, f *field, r *rand.Rand) (injury, error) {
	l := f.anyLink(r)
	heal := l.cut()
	return injury{what: l.String(), heal: heal}, nil
}

func slow(_ context.Context, f *field, r *rand.Rand) (injury, error) {
	l := f.anyLink(r)
	delay := 100*time.Millisecond + time.Duration(r.Int64N(int64(1900*time.Millisecond)))
	heal, err := l.slow(delay, delay/4)
	return injury{what: fmt.Sprintf("%s by %s", l, delay.Round(10*time.Millisecond)), heal: heal}, err
}

func deafen(_ context.Context, f *field, r *rand.Rand) (injury, error) {
	l := f.anyLink(r)
	direction := []string{"upstream", "downstream"}[r.IntN(2)]
	heal, err := l.deafen(direction)
	return injury{what: l.String() + ", " + direction, heal: heal}, err
}
