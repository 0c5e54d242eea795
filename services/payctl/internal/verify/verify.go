package verify

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/wire"
)

// Streams is what verification needs of the bus.
type Streams interface {
	CommandStreams() []string
	EventStreams() []string
	StreamState(ctx context.Context, stream string) (bus.State, error)
	MessageAt(ctx context.Context, stream string, seq uint64) (bus.Message, error)
	OpenCallback(ctx context.Context, data []byte) (wire.StoredCallback, error)
	Follow(ctx context.Context, stream string, o bus.FollowOptions, handle func(context.Context, []bus.Message) error) error
}

// Inputs are what is compared. Only Streams is required; what is missing leaves
// out the invariants that need it.
type Inputs struct {
	Streams    Streams
	Database   *pgxpool.Pool // sees the live rows
	Simulators []string      // base URLs
	// LedgerSince is when the simulators' ledgers begin: they live in memory. What
	// ended before is not looked for there. Zero: they know everything.
	LedgerSince time.Time
	Journal     []Accepted // what a load generator was told
	// Grace is how long a command may be on its way before it counts as stuck.
	Grace time.Duration
	// HealedAt is when the last fault was healed, if there were any: from then on
	// 99 of 100 commands must end within a minute, and all of them within SLA; 0: ten
	// minutes. Commands that wait for their buyer, or for a provider that has
	// accepted them, do not count.
	HealedAt time.Time
	SLA      time.Duration
	// Drained is how long those 99 of 100 may take; 0: a minute.
	Drained time.Duration
	// Patience is how long rows and alarms may lag behind what was read; 0: 30 s.
	Patience time.Duration
	// Metrics are the URLs at which services show theirs, and Logs is the folder of
	// their logs.
	Metrics []string
	Logs    string
	// Canaries must be nowhere: in no stream, table, metric or log.
	Canaries []Canary
	// Forged are the callbacks that were made up to deceive.
	Forged map[Digest]bool
	// Defaults are the names of the accounts that payments use which name none.
	Defaults map[Holder]string
	// Progress hears of messages read; it may be nil.
	Progress func(read int)
}

// Accepted is one 202 that a client got, as a line of a journal.
type Accepted struct {
	Merchant  payment.Merchant  `json:"merchant"`
	ReqID     payment.ReqID     `json:"req_id"`
	CommandID payment.CommandID `json:"command_id"`
	Payment   payment.ID        `json:"payment_id"`
	// Body tells bodies apart, such as by a digest; it may be empty.
	Body string `json:"body,omitempty"`
}

// Run reads everything and checks every invariant that it can. An error means
// that something could not be read, not that an invariant is broken.
func Run(ctx context.Context, in Inputs) (Report, error) {
	hay, err := newHaystack(in.Canaries)
	if err != nil {
		return Report{}, err
	}
	v := &verifier{
		in: in, invariants: newInvariants(), commands: map[commandKey]*command{}, payments: map[paymentKey]*history{},
		poison: map[place]string{}, graves: map[place]bool{}, ends: map[string]uint64{}, requests: map[requestKey]commandKey{},
		mandates: map[mandateKey]mandate{}, inputs: map[paymentKey][]input{}, unnamed: map[Holder][]input{},
		callbackIDs: map[string]string{}, hay: hay,
	}
	if err := v.read(ctx); err != nil {
		return Report{}, err
	}
	v.checkCommands()
	v.checkJournal()
	v.checkDeadLetters()
	v.checkInput()
	v.checkDrain()
	for _, check := range []func(context.Context) error{v.checkEffects, v.checkRows, v.checkAlarms, v.checkSpills} {
		if err := check(ctx); err != nil {
			return Report{}, err
		}
	}
	return Report{
		Results: v.list(), Commands: len(v.commands), Payments: len(v.payments), Events: v.events, Effects: v.effectCount,
	}, nil
}

type (
	commandKey struct {
		merchant payment.Merchant
		id       payment.CommandID
	}
	paymentKey struct {
		merchant payment.Merchant
		id       payment.ID
	}
	requestKey struct {
		merchant payment.Merchant
		req      payment.ReqID
	}
	place struct {
		stream string
		seq    uint64
	}
)

func (p place) String() string { return fmt.Sprintf("%s/%d", p.stream, p.seq) }

// command is an accepted command.
type command struct {
	payment.Command
	at      place
	subject string
	times   int // on the streams
}

type verifier struct {
	invariants
	in       Inputs
	commands map[commandKey]*command
	requests map[requestKey]commandKey
	payments map[paymentKey]*history
	mandates map[mandateKey]mandate
	poison   map[place]string // what cannot be decoded, with its subject
	dead     []wire.DeadLetter
	graves   map[place]bool    // what was buried
	ends     map[string]uint64 // last sequence read, by stream
	now      time.Time         // broker time

	inputs           map[paymentKey][]input // callbacks by the payment that they name
	unnamed          map[Holder][]input     // those of which only the provider knows the payment
	callbackIDs      map[string]string      // where each is stored
	callbacksSince   time.Time              // the oldest of them
	callbacksExpired bool                   // and there were older ones
	told             []telling
	hay              *haystack
	sweeps           bool // it was said that there is no gauge yet

	events      int
	effectCount int
}

// read reads all streams to their present ends. Events come last: a command that
// was accepted meanwhile is then not taken for one that nobody stored.
func (v *verifier) read(ctx context.Context) error {
	for _, s := range v.in.Streams.EventStreams() {
		if err := v.stream(ctx, s, v.event); err != nil {
			return err
		}
	}
	for _, s := range v.in.Streams.CommandStreams() {
		if err := v.stream(ctx, s, v.command); err != nil {
			return err
		}
	}
	if err := v.stream(ctx, bus.CallbackStream, func(m bus.Message) { v.callback(ctx, m) }); err != nil {
		return err
	}
	if err := v.stream(ctx, bus.DeadStream, v.deadLetter); err != nil {
		return err
	}
	for _, s := range []string{bus.TimerStream, bus.AuditStream, bus.AdvisoryStream} {
		if err := v.glance(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// glance only looks for what must not be in a stream: no payment depends on it.
func (v *verifier) glance(ctx context.Context, stream string) error {
	err := v.in.Streams.Follow(ctx, stream, bus.FollowOptions{ToEnd: true}, func(_ context.Context, batch []bus.Message) error {
		for _, m := range batch {
			v.spill(m)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read %s: %w", stream, err)
	}
	return nil
}

// stream reads one stream and looks for gaps.
func (v *verifier) stream(ctx context.Context, name string, handle func(bus.Message)) error {
	state, err := v.in.Streams.StreamState(ctx, name)
	if err != nil {
		return err
	}
	v.now = state.Now
	v.callbacksExpired = name == bus.CallbackStream && state.FirstSeq > 1 || name != bus.CallbackStream && v.callbacksExpired
	next := max(state.FirstSeq, 1)
	err = v.in.Streams.Follow(ctx, name, bus.FollowOptions{From: next, ToEnd: true}, func(_ context.Context, batch []bus.Message) error {
		for _, m := range batch {
			v.streams.Checked++
			if m.Seq != next {
				v.streams.bad(Lost, place{name, m.Seq}.String(), "follows %d: %d message(s) are missing", next-1, m.Seq-next)
			}
			next = m.Seq + 1
			handle(m)
		}
		if v.in.Progress != nil {
			v.in.Progress(len(batch))
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	v.ends[name] = next - 1
	if next <= state.LastSeq {
		v.streams.bad(Lost, name, "ends at %d, the broker says %d", next-1, state.LastSeq)
	}
	return nil
}

func (v *verifier) command(m bus.Message) {
	v.spill(m)
	c, err := wire.UnmarshalCommand(m.Data)
	at := place{m.Stream, m.Seq}
	if err != nil {
		v.poison[at] = m.Subject
		return
	}
	v.spillTexts(at.String(), c)
	c.At = m.Time
	key := commandKey{c.Merchant, c.ID}
	if known, twice := v.commands[key]; twice {
		known.times++
		return
	}
	v.commands[key] = &command{Command: c, at: at, subject: m.Subject, times: 1}
}

func (v *verifier) event(m bus.Message) {
	v.events++
	v.spill(m)
	rec, err := wire.UnmarshalRecord(m.Data)
	if err != nil {
		v.poison[place{m.Stream, m.Seq}] = m.Subject
		v.unreadable(m)
		return
	}
	v.spillTexts(place{m.Stream, m.Seq}.String(), rec.Event)
	v.follow(rec, m)
}

func (v *verifier) deadLetter(m bus.Message) {
	v.spill(m)
	d, err := wire.UnmarshalDeadLetter(m.Data)
	if err != nil {
		v.buried.bad(Wrong, place{m.Stream, m.Seq}.String(), "is a dead letter that cannot be decoded")
		return
	}
	v.dead = append(v.dead, d)
	v.graves[place{d.Stream, d.Sequence}] = true
}

func digest(data []byte) [sha256.Size]byte { return sha256.Sum256(data) }
