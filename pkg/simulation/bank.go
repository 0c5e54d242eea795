package simulation

import (
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
)

// bank is the provider: a ledger of what was done, which nobody else writes, and
// the promises of its class. It keeps its word whatever the network does; what it
// does twice, it was asked twice.
type bank struct {
	*world
	entries  []*record
	keys     map[string]*record
	sessions []*session
	serial   int
	salt     uint64
	calls    int // of either kind
	down     span
	puzzled  map[payment.CommandID]bool // what it gave a puzzling answer about
	told     []provider.Callback
}

// record is an operation that the bank has a verdict about.
type record struct {
	payment payment.ID
	command payment.CommandID
	kind    payment.Kind
	key     string
	idem    string
	amount  int64
	sale    bool
	ref     string
	status  payment.Status
	at      time.Duration // when it was entered
	shown   time.Duration // when inquiries begin to show it
}

// effect tells whether money has moved, or a hold on it has been taken or given up.
func (r *record) effect() bool { return r.status == payment.Approved }

// session is a page that waits for its buyer.
type session struct {
	id     string
	order  request
	record *record // once the buyer has decided
}

// request is a call as it arrives at the bank.
type request struct {
	payment payment.ID
	op      payment.Operation
	page    bool
	sale    bool
}

func newBank(w *world) *bank {
	return &bank{world: w, keys: map[string]*record{}, salt: w.rng.Uint64(), puzzled: map[payment.CommandID]bool{}}
}

// away tells whether the bank's outage goes on. It begins with a certain call.
func (b *bank) away() bool { return b.down.holds(b.now) }

// called counts a call that came through, after which the bank may be gone.
func (b *bank) called() {
	b.calls++
	if o := b.weather.down; o.long > 0 && b.calls == o.call && !b.healed {
		b.trace("the provider is away for %s", o.long)
		b.count("outage")
		b.down = span{b.now, b.now + o.long}
	}
}

var (
	errDuplicate = &provider.Error{Failure: provider.Unknown, Answered: true, Reason: payment.ReasonUnclear, Code: "duplicate"}
	errBusy      = &provider.Error{Failure: provider.Unknown, Answered: true, Reason: payment.ReasonUnclear, Code: "409"}
	errInvalid   = &provider.Error{Failure: provider.Rejected, Answered: true, Reason: payment.ReasonInvalid, Code: "400"}
	errServer    = &provider.Error{Failure: provider.Unknown, Answered: true, Bare: true, Reason: payment.ReasonUnclear, Code: "500"}
	errGarbage   = &provider.Error{Failure: provider.Unknown, Answered: true, Reason: payment.ReasonUnclear, Code: "???"}
	errSilence   = &provider.Error{Failure: provider.Unknown, Reason: payment.ReasonNoAnswer, Err: errors.New("no answer")}
	errNoRoute   = &provider.Error{Failure: provider.NotSent, Reason: payment.ReasonUnavailable, Err: errors.New("connection refused")}
	errNotFound  = &provider.Error{Failure: provider.NotSent, Answered: true, Reason: payment.ReasonNotFound, Err: provider.ErrNotFound}
	errUnknown   = &provider.Error{Failure: provider.Rejected, Reason: payment.ReasonUnsupported, Err: provider.ErrUnsupported}
)

// accept works on a request that has arrived, and calls back with what it answers.
func (b *bank) accept(r request, answer func(payment.Result, error)) {
	if known, err, ok := b.repeat(r); ok {
		b.trace("the provider knows %s: %v", r.op.Attempt.Idem, err)
		b.count("suppressed repeat")
		answer(b.result(known), err)
		return
	}
	switch {
	case b.chance(b.weather.fail5xx):
		answer(payment.Result{}, errServer)
		return
	case b.chance(b.weather.refuse):
		b.count("refused for now")
		answer(payment.Result{}, &provider.Error{
			Failure: provider.NotSent, Answered: true, Reason: payment.ReasonThrottled, Code: "429", After: between(b.rng, time.Second, time.Minute),
		})
		return
	case b.invalid(r):
		answer(payment.Result{}, errInvalid)
		return
	}
	if b.keyed() && !r.page {
		b.keys[r.op.Attempt.Idem] = &record{at: b.now} // in hand
	}
	work := between(b.rng, time.Millisecond, time.Second)
	if b.chance(b.weather.slow) {
		work = between(b.rng, time.Second, longestWork)
	}
	b.after(work, func() { b.execute(r, answer) })
}

func (b *bank) keyed() bool {
	return b.weather.class == provider.T1 || b.weather.class == provider.T2
}

// repeat returns what the bank remembers of a request's key.
func (b *bank) repeat(r request) (*record, error, bool) {
	known, ok := b.keys[r.op.Attempt.Idem]
	switch {
	case !ok, r.page, b.weather.class == provider.T1 && b.now-known.at >= keyLife:
		return nil, nil, false
	case known.ref == "":
		return known, errBusy, true
	case b.weather.class == provider.T2:
		return known, errDuplicate, true
	}
	return known, nil, true
}

// invalid tells whether the bank will never execute r as it is written.
func (b *bank) invalid(r request) bool {
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, b.salt, r.op.ID) // the same for every attempt
	return float64(h.Sum64()>>11)/(1<<53) < b.weather.reject
}

// execute does what r asks for: there is no way back.
func (b *bank) execute(r request, answer func(payment.Result, error)) {
	b.serial++
	ref := fmt.Sprintf("r%d", b.serial)
	if r.page {
		b.sessions = append(b.sessions, &session{id: ref, order: r})
		answer(payment.Result{
			Status: payment.NeedBuyer, Ref: ref, Refs: map[string]string{"session": ref},
			Action: &payment.Action{Type: payment.ActionRedirect, URL: "https://provider.example/" + ref, SessionID: ref},
		}, nil)
		return
	}
	status := payment.Approved
	switch {
	case b.contradicts(r), b.chance(b.weather.decline):
		status = payment.Declined
	case b.chance(b.weather.pend):
		status = payment.Pending
	}
	rec := b.enter(r, ref, status)
	if b.keyed() {
		b.keys[r.op.Attempt.Idem] = rec
	}
	answer(b.result(rec), nil)
}

// contradicts tells whether r would cancel what is captured, or capture what is
// cancelled, as no provider does.
func (b *bank) contradicts(r request) bool {
	other := map[payment.Kind]payment.Kind{payment.Cancel: payment.Capture, payment.Capture: payment.Cancel}[r.op.Kind]
	return slices.ContainsFunc(b.entries, func(e *record) bool {
		return e.payment == r.payment && e.kind == other && (e.effect() || e.status == payment.Pending)
	})
}

// enter writes into the bank's ledger.
func (b *bank) enter(r request, ref string, status payment.Status) *record {
	rec := &record{
		payment: r.payment, command: r.op.ID, kind: r.op.Kind, key: r.op.Attempt.Key, idem: r.op.Attempt.Idem,
		amount: r.op.Amount.Minor, sale: r.sale, ref: ref, status: status, at: b.now,
	}
	if !b.healed {
		rec.shown = b.now + time.Duration(b.rng.Int64N(int64(b.weather.lag)+1))
	}
	b.entries = append(b.entries, rec)
	b.trace("THE PROVIDER enters %s: %s %s of %s, %d", ref, status, rec.kind, rec.command, rec.amount)
	b.moved(rec)
	if status == payment.Pending {
		b.after(between(b.rng, time.Second, 3*time.Hour), func() { b.finish(rec) })
	}
	return rec
}

// finish ends what was pending.
func (b *bank) finish(rec *record) {
	rec.status = payment.Approved
	if b.rng.IntN(3) == 0 {
		rec.status = payment.Failed
	}
	b.trace("THE PROVIDER finishes %s: %s", rec.ref, rec.status)
	b.moved(rec)
}

// moved is called with what has just been entered or finished: it is checked when
// it happens, and told.
func (b *bank) moved(rec *record) {
	b.count("entry " + string(rec.status))
	if rec.effect() {
		b.checkEffect(rec)
	}
	b.tell(rec)
}

func (b *bank) result(rec *record) payment.Result {
	r := payment.Result{Status: rec.status, Ref: rec.ref}
	switch rec.status {
	case payment.Approved:
		r.Amount = rec.amount
		if rec.sale {
			r.Totals = &payment.Totals{Authorized: rec.amount, Captured: rec.amount}
		}
	case payment.Declined, payment.Failed:
		r.Reason, r.Code = payment.ReasonDeclined, "51"
	case payment.Pending, payment.NeedBuyer:
	}
	return r
}

// find returns what inquiries show of an operation by now: the latest.
func (b *bank) find(op payment.Operation) (payment.Result, error) {
	for _, rec := range slices.Backward(b.entries) {
		if rec.command == op.ID && rec.shown <= b.now && (rec.key == op.Attempt.Key || !op.Kind.Opens()) {
			return b.result(rec), nil
		}
	}
	for _, s := range b.sessions {
		if s.record == nil && s.order.op.ID == op.ID && s.order.op.Attempt.Key == op.Attempt.Key {
			return payment.Result{Status: payment.NeedBuyer, Ref: s.id}, nil
		}
	}
	return payment.Result{}, errNotFound
}

// decide lets the buyer of a session decide.
func (b *bank) decide(id string, agrees bool) {
	i := slices.IndexFunc(b.sessions, func(s *session) bool { return s.id == id && s.record == nil })
	if i < 0 {
		return
	}
	status := payment.Declined
	if agrees {
		status = payment.Approved
	}
	b.sessions[i].record = b.enter(b.sessions[i].order, id, status)
}
