package projection

import (
	"context"

	"github.com/payloom/payloom/pkg/bus"
)

// edited is a broker whose messages arrive otherwise than they were stored.
type edited struct {
	*bus.Bus
	// edit returns what becomes of a message, and whether it arrives at all.
	edit func(bus.Message) (bus.Message, bool)
	// state returns what the broker says of a stream; nil: the truth.
	state func(stream string, s bus.State) bus.State
}

func (e edited) Follow(ctx context.Context, stream string, o bus.FollowOptions, handle func(context.Context, []bus.Message) error) error {
	return e.Bus.Follow(ctx, stream, o, func(ctx context.Context, all []bus.Message) error {
		var kept []bus.Message
		for _, m := range all {
			if m, ok := e.change(m); ok {
				kept = append(kept, m)
			}
		}
		if len(kept) == 0 {
			return nil
		}
		return handle(ctx, kept)
	})
}

func (e edited) change(m bus.Message) (bus.Message, bool) {
	if e.edit == nil {
		return m, true
	}
	return e.edit(m)
}

func (e edited) MessageAt(ctx context.Context, stream string, seq uint64) (bus.Message, error) {
	m, err := e.Bus.MessageAt(ctx, stream, seq)
	if err != nil {
		return m, err
	}
	m, ok := e.change(m)
	if !ok {
		return m, bus.ErrNotFound
	}
	return m, nil
}

func (e edited) StreamState(ctx context.Context, stream string) (bus.State, error) {
	s, err := e.Bus.StreamState(ctx, stream)
	if err == nil && e.state != nil {
		s = e.state(stream, s)
	}
	return s, err
}

// without returns a broker that lost one message of a stream.
func without(b *bus.Bus, stream string, seq uint64) edited {
	return edited{Bus: b, edit: func(m bus.Message) (bus.Message, bool) { return m, m.Stream != stream || m.Seq != seq }}
}

// garbled returns a broker that has other bytes in the place of a message's.
func garbled(b *bus.Bus, stream string, seq uint64, data []byte) edited {
	return edited{Bus: b, edit: func(m bus.Message) (bus.Message, bool) {
		if m.Stream == stream && m.Seq == seq {
			m.Data = data
		}
		return m, true
	}}
}

// forgetful returns a broker that has expired all before a sequence of each
// stream that is named.
func forgetful(b *bus.Bus, first map[string]uint64) edited {
	return edited{
		Bus:  b,
		edit: func(m bus.Message) (bus.Message, bool) { return m, m.Seq >= first[m.Stream] },
		state: func(stream string, s bus.State) bus.State {
			s.FirstSeq = max(s.FirstSeq, first[stream])
			return s
		},
	}
}
