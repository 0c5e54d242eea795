package verify

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/payloom/payloom/pkg/payment"
)

const (
	// drained is how long, after the last fault, 99 of 100 commands may take to end.
	drained = 60 * time.Second
	// defaultSLA is how long any of them may.
	defaultSLA = 10 * time.Minute
)

// ending notes when a command came to its end, broker time, and which had to wait
// for somebody outside.
func (h *history) ending(e payment.Event, at time.Time) {
	switch e.Data.(type) {
	case payment.OperationSucceeded, payment.OperationDeclined, payment.OperationFailed, payment.OperationRejected, payment.Synced, payment.Parked:
		if _, before := h.ended[e.Command]; !before {
			h.ended[e.Command] = at
		}
	case payment.ActionRequired, payment.OperationPending:
		h.waited[e.Command] = true
	}
}

// wait is how long a command took, counted from the healing of the last fault where
// it was accepted before.
type wait struct {
	subject string
	took    time.Duration
}

// checkDrain checks that the backlog is worked off quickly once everything is well.
func (v *verifier) checkDrain() {
	if v.in.HealedAt.IsZero() {
		v.drains.Skipped = "nobody said when the last fault was healed"
		return
	}
	var all []wait
	for key, c := range v.commands {
		h := v.payments[paymentKey{key.merchant, c.Payment}]
		if h != nil && (h.broken || h.waited[key.id]) || v.graves[c.at] {
			continue
		}
		if w, counts := v.waitOf(h, key, c); counts {
			all = append(all, w)
		}
	}
	v.drains.Checked = len(all)
	if len(all) == 0 {
		return
	}
	slices.SortFunc(all, func(a, b wait) int { return cmp.Compare(a.took, b.took) })
	p99 := all[(len(all)*99+99)/100-1]
	worst := all[len(all)-1]
	v.drains.Note = fmt.Sprintf("99 %% ended within %s, the last after %s", p99.took.Round(time.Millisecond), worst.took.Round(time.Millisecond))
	if most := v.drained(); p99.took > most {
		v.drains.bad(Stuck, p99.subject, "99 %% of %d commands took up to %s, more than %s", len(all), p99.took.Round(time.Millisecond), most)
	}
	sla := cmp.Or(v.in.SLA, defaultSLA)
	for _, w := range all {
		if w.took > sla {
			v.ended.bad(Stuck, w.subject, "took %s to its end, more than %s", w.took.Round(time.Millisecond), sla)
		}
	}
}

func (v *verifier) drained() time.Duration { return cmp.Or(v.in.Drained, drained) }

// waitOf returns how long a command took since all was well, and false for one that
// had ended before, or has had no time yet.
func (v *verifier) waitOf(h *history, key commandKey, c *command) (wait, bool) {
	from := c.At
	if from.Before(v.in.HealedAt) {
		from = v.in.HealedAt
	}
	w := wait{subject: string(key.merchant) + "/" + string(key.id)}
	if h != nil {
		if end, ok := h.ended[key.id]; ok {
			w.took = end.Sub(from)
			return w, w.took > 0
		}
	}
	w.took = v.now.Sub(from)
	return w, w.took > v.drained()
}
