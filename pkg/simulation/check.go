package simulation

import (
	"reflect"
	"slices"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
)

// checkIntent is passed by every call that leaves: its intent must be stored.
func (b *bank) checkIntent(c provider.Call) {
	for _, e := range b.broker.log(c.Command.Payment).events {
		if a, ok := e.Data.(payment.AttemptStarted); ok && e.Command == c.Operation.ID && a.Attempt == c.Operation.Attempt.Number {
			return
		}
	}
	b.violate(Early, "attempt %d of %s %s goes out, and no intent is stored", c.Operation.Attempt.Number, c.Operation.Kind, c.Operation.ID)
}

// checkEffect is passed by everything that takes effect.
func (b *bank) checkEffect(rec *record) {
	if n := b.effects(rec.command); n > 1 {
		b.violate(Doubled, "%s %s took effect %d times", rec.kind, rec.command, n)
	}
}

// effects counts how often a command took effect.
func (b *bank) effects(c payment.CommandID) int {
	n := 0
	for _, rec := range b.entries {
		if rec.command == c && rec.effect() {
			n++
		}
	}
	return n
}

// check looks at everything when nothing more will happen.
func (w *world) check() {
	for _, m := range w.broker.messages {
		if !m.done {
			w.violate(Stuck, "%s was never acknowledged", m.name())
		}
	}
	for _, c := range w.shop.commands {
		w.checkCommand(c)
	}
	for _, id := range w.broker.order {
		w.checkLedger(id, w.broker.logs[id])
		w.checkMoney(w.broker.logs[id].head().Payment)
	}
}

func (w *world) checkCommand(c payment.Command) {
	l := w.broker.log(c.Payment)
	if c.Kind == payment.Sync {
		if !slices.ContainsFunc(l.events, func(e payment.Event) bool {
			return e.Command == c.ID && (e.Data.Type() == payment.TypeSynced || e.Data.Type() == payment.TypeOperationRejected)
		}) {
			w.violate(Stuck, "sync %s was never carried out", c.ReqID)
		}
		return
	}
	p := l.head().Payment
	op, started := p.Operation(c.ID)
	effects := w.bank.effects(c.ID)
	switch {
	case !started && !slices.Contains(p.Rejected, c.ID):
		w.violate(Stuck, "%s %s was neither started nor rejected", c.Kind, c.ReqID)
	case !started:
		if effects > 0 {
			w.violate(Lost, "%s %s was rejected, and took effect", c.Kind, c.ReqID)
		}
	default:
		w.checkOperation(c, op, effects)
	}
}

func (w *world) checkOperation(c payment.Command, op payment.Operation, effects int) {
	switch op.Status {
	case payment.OpSucceeded:
		if effects == 0 {
			w.violate(Lost, "%s %s succeeded, and took no effect", c.Kind, c.ReqID)
		}
	case payment.OpDeclined, payment.OpFailed, payment.OpRejected:
		if effects > 0 {
			w.violate(Lost, "%s %s is %s, and took effect", c.Kind, c.ReqID, op.Status)
		}
	case payment.OpParked:
		if w.weather.class != provider.T4 && !w.bank.puzzled[c.ID] {
			w.violate(Parked, "%s %s is parked: %s", c.Kind, c.ReqID, op.Reason)
		}
	case payment.OpOpen, payment.OpUnknown, payment.OpWaiting, payment.OpAction, payment.OpPending:
		w.violate(Stuck, "%s %s is still %s", c.Kind, c.ReqID, op.Status)
	}
	w.count("end " + string(op.Status))
}

// checkLedger folds a payment's events again.
func (w *world) checkLedger(id payment.ID, l *log) {
	var p payment.Payment
	for i, e := range l.events {
		if e.Version != uint64(i)+1 {
			w.violate(Gap, "event %d of %s has version %d", i+1, id, e.Version)
			return
		}
		p = payment.Fold(p, e)
	}
	if !reflect.DeepEqual(p, l.head().Payment) {
		w.violate(Gap, "the events of %s do not fold to its last snapshot", id)
	}
}

// checkMoney compares what a payment knows with what the bank did.
func (w *world) checkMoney(p payment.Payment) {
	if p.Version == 0 {
		return
	}
	took := map[payment.Kind]int64{}
	for _, rec := range w.bank.entries {
		if rec.payment == p.ID && rec.effect() {
			took[rec.kind] += max(rec.amount, 1) // a cancellation has none
			if rec.sale {
				took[payment.Capture] += rec.amount
			}
		}
	}
	switch {
	case took[payment.Capture] > took[payment.Authorize], took[payment.Refund] > took[payment.Capture]:
		w.violate(Sums, "%s: authorised, captured, refunded: %d, %d, %d", p.ID, took[payment.Authorize], took[payment.Capture], took[payment.Refund])
	case took[payment.Cancel] > 0 && took[payment.Capture] > 0:
		w.violate(Sums, "%s is captured and cancelled", p.ID)
	}
	if p.Frozen != "" && !w.blind(p.ID) {
		w.violate(Frozen, "%s: %s", p.ID, p.Frozen)
	}
	paid := took[payment.Authorize] + took[payment.Payout]
	captured := took[payment.Capture] + took[payment.Payout]
	if !p.NeedsAttention() && (p.Authorized != paid || p.Captured != captured || p.Refunded != took[payment.Refund]) {
		w.violate(Lost, "%s knows of %d, %d, %d; the provider of %d, %d, %d authorised, captured, refunded",
			p.ID, p.Authorized, p.Captured, p.Refunded, paid, captured, took[payment.Refund])
	}
}

// blind tells whether a payment was frozen by an inquiry. Asked about an attempt
// that another hand gave up meanwhile, it cannot tell whose effect it has found.
func (w *world) blind(id payment.ID) bool {
	return slices.ContainsFunc(w.broker.log(id).events, func(e payment.Event) bool {
		return e.Data.Type() == payment.TypeLateOutcome && e.Source == payment.FromInquiry
	})
}

// again hands every command and every callback over once more, in another order:
// nothing may come of it.
func (w *world) again() {
	before, effects := w.broker.seq, len(w.bank.entries)
	messages := slices.Clone(w.broker.messages)
	w.rng.Shuffle(len(messages), func(i, j int) { messages[i], messages[j] = messages[j], messages[i] })
	for _, m := range messages {
		if m.command.Kind != payment.Sync { // asks again, and says so
			w.broker.hand(&message{kind: m.kind, command: m.command, callback: m.callback, stored: m.stored})
		}
	}
	if !w.run() {
		w.violate(Stuck, "the world does not come to rest again")
	}
	if w.broker.seq != before || len(w.bank.entries) != effects {
		w.violate(Restless, "%d events and %d entries more", w.broker.seq-before, len(w.bank.entries)-effects)
	}
}
