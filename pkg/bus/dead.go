package bus

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/payloom/payloom/pkg/wire"
)

// Bury stores a dead letter: a message that nobody could handle, with where it
// came from and why. It is stored once for a message of a stream and service,
// however often the message is delivered.
func (b *Bus) Bury(ctx context.Context, d wire.DeadLetter) error {
	data, err := wire.MarshalDeadLetter(d)
	if err != nil {
		return fmt.Errorf("dead letter: %w", err)
	}
	id := d.Stream + "-" + strconv.FormatUint(d.Sequence, 10)
	m := &nats.Msg{Subject: deadSubject(d.Service), Header: b.cloudEvent(ctx, id, "DeadLetter", id), Data: data}
	if err := b.send(ctx, DeadStream, m, jetstream.WithMsgID(d.Service+"-"+id)); err != nil {
		return err
	}
	b.stats.buried(d.Service)
	return nil
}

// The actions by which an operator ends a dead letter, as the audit names them.
const (
	ReplayLetter  = "dead.replay"
	DiscardLetter = "dead.discard"
)

// End is what an operator did with a dead letter.
type End struct {
	Action string // ReplayLetter or DiscardLetter
	Actor  string
	Reason string
	At     time.Time // broker time
}

// Ends are the dead letters that operators have dealt with, by sequence. The letters
// themselves cannot be changed, so that the audit is what tells. The zero value knows
// of none.
type Ends struct {
	of   map[uint64]End
	next uint64 // in AUDIT
}

// Of returns what was done with the letter at seq, and whether anything was.
func (e *Ends) Of(seq uint64) (End, bool) {
	end, ok := e.of[seq]
	return end, ok
}

// Seqs returns the sequences of all letters that were dealt with, in any order.
func (e *Ends) Seqs() []uint64 { return slices.Collect(maps.Keys(e.of)) }

// ReadEnds adds to e what the audit tells beyond what e knows already. A record that
// cannot be read ends no letter: ReadAudit is what tells of it.
func (b *Bus) ReadEnds(ctx context.Context, e *Ends) error {
	return b.Follow(ctx, AuditStream, FollowOptions{From: e.next, ToEnd: true}, func(_ context.Context, batch []Message) error {
		for _, m := range batch {
			if r, err := wire.UnmarshalAudit(m.Data); err == nil {
				e.add(r, m.Time)
			}
			e.next = m.Seq + 1
		}
		return nil
	})
}

func (e *Ends) add(r wire.AuditRecord, at time.Time) {
	if r.Result != wire.AuditDone || r.Stream != DeadStream || (r.Action != ReplayLetter && r.Action != DiscardLetter) {
		return
	}
	if e.of == nil {
		e.of = map[uint64]End{}
	}
	e.of[r.Sequence] = End{Action: r.Action, Actor: r.Actor, Reason: r.Reason, At: at}
}
