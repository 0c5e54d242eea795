package verify

import (
	"bytes"
	"strings"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/wire"
)

// follow checks one event against those before it and adds it to its payment.
func (v *verifier) follow(rec wire.Record, m bus.Message) {
	key := paymentKey{rec.Event.Merchant, rec.Event.Payment}
	h, known := v.payments[key]
	if !known {
		h = newHistory(rec.Event)
		v.payments[key] = h
	}
	h.events++
	v.link(h, rec, known)
	if rec.Event.Version != h.version+1 {
		h.broken = true // link has told; what follows cannot be worked out
	}
	v.given(rec, m.Time)
	v.tells(h, rec.Event, m.Time)
	h.learn(rec.After)
	before := h.state
	sum := digest(m.Data)
	h.version, h.hash = rec.Event.Version, sum[:]
	if h.broken {
		h.adopt(rec.After)
		return
	}
	v.parking(h, rec.Event, m.Time)
	if !h.replay(rec.Event, m.Time) {
		v.chain.bad(Wrong, h.subject(), "version %d is of a kind that is not known here: %s", rec.Event.Version, rec.Event.Data.Type())
		h.adopt(rec.After)
	}
	v.compare(h, rec)
	v.checkSums(h, rec)
	v.moves.Checked++
	if !mayFollow(before, rec.After.State) {
		v.moves.bad(Wrong, h.subject(), "version %d goes from %q to %q", rec.Event.Version, before, rec.After.State)
	}
}

// link checks number and hash of an event.
func (v *verifier) link(h *history, rec wire.Record, known bool) {
	v.chain.Checked++
	n := rec.Event.Version
	switch {
	case h.unreadable:
	case n != h.version+1 && known:
		v.chain.bad(Lost, h.subject(), "version %d follows %d", n, h.version)
	case n != 1 && !known:
		v.chain.except("%s begins with version %d: what was before has expired", h.subject(), n)
	case known && !bytes.Equal(rec.Prev, h.hash):
		v.chain.bad(Wrong, h.subject(), "version %d does not name the event before it", n)
	case !known && len(rec.Prev) != 0:
		v.chain.bad(Wrong, h.subject(), "version 1 names an event before it")
	}
	if rec.Event.Provider != h.provider {
		v.chain.bad(Wrong, h.subject(), "version %d is of %s, the payment of %s", n, rec.Event.Provider, h.provider)
	}
}

// unreadable notes that nobody can tell what follows from an event. That it is
// buried is another invariant.
func (v *verifier) unreadable(m bus.Message) {
	at := place{m.Stream, m.Seq}.String()
	t := strings.Split(m.Subject, ".")
	if len(t) == 6 {
		if h := v.payments[paymentKey{payment.Merchant(t[4]), payment.ID(t[5])}]; h != nil {
			h.broken, h.unreadable = true, true
			v.chain.except("%s cannot be decoded: what follows of %s is taken at its word", at, h.subject())
			return
		}
	}
	v.chain.except("%s cannot be decoded", at)
}

// adopt takes a snapshot at its word, where the events that led to it are gone.
func (h *history) adopt(p payment.Payment) {
	h.state, h.currency, h.amount = p.State, p.Amount.Currency, p.Amount.Minor
	h.authorized, h.captured, h.refunded = p.Authorized, p.Captured, p.Refunded
	h.account, h.ops = p.Account, nil
	for _, op := range p.Operations {
		o := &operation{
			id: op.ID, kind: op.Kind, amount: op.Amount.Minor, status: op.Status, attempt: op.Attempt.Number,
			effect: op.Effect, ref: op.Ref, at: op.At,
			started: []attempt{{op.Attempt.Key, op.Attempt.Idem, op.Attempt.Started}},
		}
		if isEnd(op.Status) {
			o.ends = 1
		}
		h.ops = append(h.ops, o)
	}
}

// learn notes what the provider calls things.
func (h *history) learn(p payment.Payment) {
	for _, ref := range p.Refs {
		h.refs[ref] = true
	}
	for _, op := range p.Operations {
		h.refs[op.Ref] = true
	}
	if p.Mandate != nil {
		h.refs[p.Mandate.ID] = true
	}
}

// compare checks a snapshot against what the events add up to.
func (v *verifier) compare(h *history, rec wire.Record) {
	p, n := rec.After, rec.Event.Version
	if p.State != h.state {
		v.chain.bad(Wrong, h.subject(), "snapshot %d says %q, the events %q", n, p.State, h.state)
	}
	if p.Authorized != h.authorized || p.Captured != h.captured || p.Refunded != h.refunded || p.Amount.Minor != h.amount {
		v.chain.bad(Wrong, h.subject(), "snapshot %d says %d/%d/%d of %d, the events %d/%d/%d of %d (authorised/captured/refunded)",
			n, p.Authorized, p.Captured, p.Refunded, p.Amount.Minor, h.authorized, h.captured, h.refunded, h.amount)
	}
	if len(p.Operations) != len(h.ops) {
		v.chain.bad(Wrong, h.subject(), "snapshot %d has %d operations, the events %d", n, len(p.Operations), len(h.ops))
		return
	}
	for i, op := range p.Operations {
		if o := h.ops[i]; op.ID != o.id || op.Status != o.status || op.Effect != o.effect {
			v.chain.bad(Wrong, h.subject(), "snapshot %d says %s %s of %d, the events %s of %d", n, op.Kind, op.Status, op.Effect, o.status, o.effect)
		}
	}
}

// checkSums checks a payment's money after each event.
func (v *verifier) checkSums(h *history, rec wire.Record) {
	v.sums.Checked++
	n := rec.Event.Version
	bad := func(format string, args ...any) {
		v.sums.bad(Wrong, h.subject(), "version %d: "+format, append([]any{n}, args...)...)
	}
	capturing, refunding := h.reserved(payment.Capture), h.reserved(payment.Refund)
	if h.authorized < 0 || h.captured < 0 || h.refunded < 0 || h.amount < 0 {
		bad("a negative amount")
	}
	if h.captured+capturing > h.authorized {
		bad("%d captured and %d under way of %d", h.captured, capturing, h.authorized)
	}
	if h.refunded+refunding > h.captured {
		bad("%d refunded and %d under way of %d", h.refunded, refunding, h.captured)
	}
	if h.currency != "" && rec.After.Amount.Currency != h.currency {
		bad("the currency changed from %s to %s", h.currency, rec.After.Amount.Currency)
	}
	if d, ok := rec.Event.Data.(payment.AttemptStarted); ok && d.Amount.Currency != "" && d.Amount.Currency != h.currency {
		bad("%s in %s of a payment in %s", d.Kind, d.Amount.Currency, h.currency)
	}
}
