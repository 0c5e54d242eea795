package letters

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/wire"
)

// State is what became of a dead letter.
type State string

// The states.
const (
	Open      State = "open"
	Replayed  State = "replayed"
	Discarded State = "discarded"
	Any       State = "any" // in a filter
)

// States lists the states, and Any.
func States() []State { return []State{Open, Replayed, Discarded, Any} }

// Letter is a dead letter and what became of it.
type Letter struct {
	Seq    uint64
	Stored time.Time // broker time
	State  State
	End    bus.End // unless it is open
	wire.DeadLetter
}

// tokens returns provider, merchant and the last token of the subject that the message
// stood on; empty where there are none.
func (l Letter) tokens() (payment.Provider, payment.Merchant, string) {
	t := strings.Split(l.Subject, ".")
	if len(t) < 5 {
		return "", "", ""
	}
	n := len(t)
	return payment.Provider(t[n-3]), payment.Merchant(t[n-2]), t[n-1]
}

// Provider returns whose message it was; empty when its subject does not say.
func (l Letter) Provider() payment.Provider { p, _, _ := l.tokens(); return p }

// Merchant returns whose message it was; empty when its subject does not say.
func (l Letter) Merchant() payment.Merchant { _, m, _ := l.tokens(); return m }

// Filter chooses letters. Its zero value chooses the open ones.
type Filter struct {
	Seqs     []uint64 // only these
	State    State    // empty: Open
	Service  string
	Stream   string // a name, or what it begins with
	Reason   string // a part of it
	Provider string
	Merchant string
	Since    time.Time // buried at or after
	Until    time.Time // buried before
	Limit    int       // 0: all
}

// Narrow tells whether f chooses by anything but the state.
func (f Filter) Narrow() bool {
	return len(f.Seqs) > 0 || f.Service != "" || f.Stream != "" || f.Reason != "" || f.Provider != "" ||
		f.Merchant != "" || !f.Since.IsZero() || !f.Until.IsZero() || f.Limit > 0
}

func (f Filter) wants(l Letter) bool {
	return f.state(l.State) && f.seq(l.Seq) && matches(f.Service, l.Service) && strings.HasPrefix(l.Stream, f.Stream) &&
		strings.Contains(l.Reason, f.Reason) && matches(f.Provider, string(l.Provider())) &&
		matches(f.Merchant, string(l.Merchant())) && f.time(l.Stored)
}

func (f Filter) state(s State) bool {
	if f.State == "" {
		return s == Open
	}
	return f.State == Any || f.State == s
}

func (f Filter) seq(n uint64) bool {
	if len(f.Seqs) == 0 {
		return true
	}
	for _, s := range f.Seqs {
		if s == n {
			return true
		}
	}
	return false
}

func (f Filter) time(t time.Time) bool {
	return (f.Since.IsZero() || !t.Before(f.Since)) && (f.Until.IsZero() || t.Before(f.Until))
}

func matches(want, have string) bool { return want == "" || want == have }

// Find returns the letters that f chooses, oldest first.
func Find(ctx context.Context, b *bus.Bus, f Filter) ([]Letter, error) {
	var ends bus.Ends
	if err := b.ReadEnds(ctx, &ends); err != nil {
		return nil, err
	}
	var all []Letter
	err := b.Follow(ctx, bus.DeadStream, bus.FollowOptions{ToEnd: true}, func(_ context.Context, batch []bus.Message) error {
		for _, m := range batch {
			l, err := letterOf(m, &ends)
			if err != nil {
				return err
			}
			if f.wants(l) && (f.Limit == 0 || len(all) < f.Limit) {
				all = append(all, l)
			}
		}
		return nil
	})
	return all, err
}

// Get returns the letter at seq. Its error wraps bus.ErrNotFound when there is none.
func Get(ctx context.Context, b *bus.Bus, seq uint64) (Letter, error) {
	var ends bus.Ends
	if err := b.ReadEnds(ctx, &ends); err != nil {
		return Letter{}, err
	}
	m, err := b.MessageAt(ctx, bus.DeadStream, seq)
	if err != nil {
		return Letter{}, err
	}
	return letterOf(m, &ends)
}

func letterOf(m bus.Message, ends *bus.Ends) (Letter, error) {
	d, err := wire.UnmarshalDeadLetter(m.Data)
	if err != nil {
		return Letter{}, fmt.Errorf("%s/%d: %w", m.Stream, m.Seq, err)
	}
	l := Letter{Seq: m.Seq, Stored: m.Time, State: Open, DeadLetter: d}
	if end, ok := ends.Of(m.Seq); ok {
		l.End, l.State = end, Replayed
		if end.Action == bus.DiscardLetter {
			l.State = Discarded
		}
	}
	return l, nil
}
