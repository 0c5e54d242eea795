package letters

import (
	"context"
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
	// Unreadable is set where what stands on the stream is no dead letter that this
	// program knows. Where it came from is not known then: it says where it stands, and
	// its Body is all of it.
	Unreadable bool
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
			l := letterOf(m, &ends)
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
	return letterOf(m, &ends), nil
}

func letterOf(m bus.Message, ends *bus.Ends) Letter {
	l := Letter{Seq: m.Seq, Stored: m.Time, State: Open}
	var err error
	if l.DeadLetter, err = wire.UnmarshalDeadLetter(m.Data); err != nil {
		l.Unreadable, l.DeadLetter = true, unreadable(m, err)
	}
	if end, ok := ends.Of(m.Seq); ok {
		l.End, l.State = end, Replayed
		if end.Action == bus.DiscardLetter {
			l.State = Discarded
		}
	}
	return l
}

// unreadable is what can be said of a message that is no dead letter. One such must
// not hide the others, and has to go off the alarm like them.
func unreadable(m bus.Message, why error) wire.DeadLetter {
	return wire.DeadLetter{
		Service: m.Subject[strings.LastIndexByte(m.Subject, '.')+1:], Reason: "unreadable: " + why.Error(), At: m.Time,
		Stream: m.Stream, Sequence: m.Seq, Subject: m.Subject, Headers: m.Header, Body: m.Data,
	}
}
