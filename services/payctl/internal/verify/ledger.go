package verify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/payloom/payloom/pkg/payment"
)

// checkEffects compares the simulators' ledgers with the events.
func (v *verifier) checkEffects(ctx context.Context) error {
	if len(v.in.Simulators) == 0 {
		v.effects.Skipped, v.intents.Skipped = "no simulator was named", "no simulator was named"
		return nil
	}
	for _, b := range books() {
		if err := v.checkBook(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

// checkBook compares all ledgers of one provider.
func (v *verifier) checkBook(ctx context.Context, b book) error {
	found := map[*operation][]effect{}
	byKey := v.byKey(b.provider)
	ledgers := 0
	for _, base := range v.in.Simulators {
		list, err := b.fetch(ctx, base)
		if errors.Is(err, errNoLedger) {
			continue
		}
		if err != nil {
			return err
		}
		ledgers++
		for _, e := range list {
			v.effectCount++
			v.assign(b, e, byKey, found)
		}
	}
	if ledgers == 0 {
		v.unbooked(b)
		return nil
	}
	v.weigh(b, found)
	return nil
}

// unbooked says which payments have no ledger to be held against.
func (v *verifier) unbooked(b book) {
	n := 0
	for _, h := range v.payments {
		if h.provider == b.provider {
			n++
		}
	}
	if n > 0 {
		v.effects.except("no simulator has a ledger of %s: %d payment(s) there were left out", b.provider, n)
	}
}

// weigh holds every operation at a provider against what was found of it.
func (v *verifier) weigh(b book, found map[*operation][]effect) {
	older := 0
	for _, h := range v.payments {
		if h.provider != b.provider {
			continue
		}
		for _, o := range h.ops {
			if isEnd(o.status) && o.at.Before(v.in.LedgerSince) {
				older++
				continue
			}
			v.checkOperation(b, h, o, found[o])
		}
	}
	if older > 0 {
		v.effects.except("%d operation(s) at %s ended before the simulator began, whose ledger lives in memory", older, b.provider)
	}
}

// owner is an operation and its payment.
type owner struct {
	h *history
	o *operation
}

// byKey finds operations by the key that the provider knows their attempts by, or
// by any key of their payment: see book.perPayment.
func (v *verifier) byKey(p payment.Provider) map[string][]owner {
	all := map[string][]owner{}
	for _, h := range v.payments {
		if h.provider != p {
			continue
		}
		for key := range h.keys() {
			for _, o := range h.ops {
				all[key] = append(all[key], owner{h, o})
			}
		}
	}
	return all
}

// keys are all keys that attempts of a payment had.
func (h *history) keys() map[string]bool {
	all := map[string]bool{}
	for _, o := range h.ops {
		for _, a := range o.started {
			all[a.key] = true
		}
	}
	return all
}

// assign finds the operation that an effect belongs to and checks that its intent
// was stored before.
func (v *verifier) assign(b book, e effect, byKey map[string][]owner, found map[*operation][]effect) {
	v.intents.Checked++
	subject := fmt.Sprintf("%s (%s at %s, ledger entry %d)", e.key(), e.Kind, b.provider, e.Seq)
	kind, known := b.kinds[e.Kind]
	switch {
	case !known:
		v.effects.bad(Wrong, subject, "is of a kind that is not known here")
		return
	case kind == "":
		return
	}
	var to *operation
	var began time.Time
	for _, w := range byKey[e.key()] {
		at, ok := w.o.began(b, kind, e)
		// The later of two that had begun; else any, for its intent came too late.
		if ok && (to == nil || at.After(began) && !at.After(e.Time)) {
			to, began = w.o, at
		}
	}
	if to == nil {
		v.intents.bad(Doubled, subject, "has no intent")
		return
	}
	found[to] = append(found[to], e)
	if began.After(e.Time) {
		v.intents.bad(Wrong, subject, "happened %s before its intent was stored", began.Sub(e.Time))
	}
}

// began returns when the attempt that an effect belongs to was stored, and whether
// there is one. A request id is the better witness; some effects carry none.
func (o *operation) began(b book, kind payment.Kind, e effect) (time.Time, bool) {
	if o.kind != kind {
		return time.Time{}, false
	}
	for _, a := range o.started {
		if (b.perPayment || a.key == e.key()) && (e.ReqID == "" || e.ReqID == a.idem) {
			return a.at, true
		}
	}
	return time.Time{}, false
}

// checkOperation counts an operation's effects.
func (v *verifier) checkOperation(b book, h *history, o *operation, all []effect) {
	v.effects.Checked++
	n, back, sum, waiting := 0, 0, int64(0), false
	for _, e := range all {
		switch {
		case b.back != "" && e.Kind == b.back:
			back++
		case b.stays(e):
			n, sum, waiting = n+1, sum+e.Amount, waiting || e.Pending
		}
	}
	subject := h.subject()
	what := fmt.Sprintf("%s %s (%s)", o.kind, o.id, o.status)
	moves := o.kind != payment.UpdateAmount && o.kind != payment.Sync
	switch {
	case n > 1, back > 1:
		v.effects.bad(Doubled, subject, "%s has %d effects", what, max(n, back))
	case back > n:
		v.effects.bad(Wrong, subject, "%s was taken back and never done", what)
	case o.reversed && back == 0:
		v.effects.bad(Wrong, subject, "%s was taken back, and the ledger does not say so", what)
	case o.status == payment.OpSucceeded && back > 0:
		v.effects.bad(Lost, subject, "%s was taken back, and nobody here knows", what)
	case o.status == payment.OpSucceeded && moves && n == 0 && (o.effect > 0 || o.kind == payment.Cancel):
		v.effects.bad(Lost, subject, "%s has no effect", what)
	case o.status == payment.OpSucceeded && n == 1 && o.kind != payment.Cancel && sum != o.effect:
		v.effects.bad(Wrong, subject, "%s moved %d, the ledger says %d", what, o.effect, sum)
	case ineffective(o.status) && n-back > 0 && !waiting && !h.frozen:
		v.effects.bad(Doubled, subject, "%s has an effect", what)
	}
}

// ineffective tells whether an operation that ended so must have moved nothing.
func ineffective(s payment.OpStatus) bool {
	return s == payment.OpDeclined || s == payment.OpFailed || s == payment.OpRejected
}
