package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/payloom/payloom/pkg/payment"
)

// effect is one entry of a simulator's ledger: what really happened to money.
type effect struct {
	Seq     int       `json:"seq"`
	Time    time.Time `json:"time"`
	TransID string    `json:"trans_id"`
	Kind    string    `json:"kind"`
	Amount  int64     `json:"amount"`
	ReqID   string    `json:"req_id"`
	Pending bool      `json:"pending"`
	Void    bool      `json:"void"`
}

// kinds says which operation has which effect at Computop.
var kinds = map[string]payment.Kind{
	"authorize": payment.Authorize, "charge": payment.Authorize, "capture": payment.Capture,
	"refund": payment.Refund, "reverse": payment.Cancel,
}

// stays tells whether an effect is still one. An authorisation that was given up
// by a later reverse was one.
func (e effect) stays() bool { return !e.Void || kinds[e.Kind] == payment.Authorize }

const ledgerPatience = 30 * time.Second

// checkEffects compares the simulators' ledgers with the events.
func (v *verifier) checkEffects(ctx context.Context) error {
	if len(v.in.Simulators) == 0 {
		v.effects.Skipped, v.intents.Skipped = "no simulator was named", "no simulator was named"
		return nil
	}
	found := map[*operation][]effect{}
	byKey := v.byKey()
	for _, base := range v.in.Simulators {
		list, err := fetchLedger(ctx, base)
		if err != nil {
			return err
		}
		for _, e := range list {
			v.effectCount++
			v.assign(e, byKey, found)
		}
	}
	older := 0
	for _, h := range v.payments {
		if h.provider != payment.Computop {
			continue
		}
		for _, o := range h.ops {
			if isEnd(o.status) && o.at.Before(v.in.LedgerSince) {
				older++
				continue
			}
			v.checkOperation(h, o, found[o])
		}
	}
	if older > 0 {
		v.effects.except("%d operation(s) ended before the simulator began, whose ledger lives in memory", older)
	}
	return nil
}

// owner is an operation and its payment.
type owner struct {
	h *history
	o *operation
}

// byKey finds operations by the key that the provider knows their attempts by.
func (v *verifier) byKey() map[string][]owner {
	all := map[string][]owner{}
	for _, h := range v.payments {
		for _, o := range h.ops {
			seen := map[string]bool{}
			for _, a := range o.started {
				if !seen[a.key] {
					all[a.key] = append(all[a.key], owner{h, o})
				}
				seen[a.key] = true
			}
		}
	}
	return all
}

// assign finds the operation that an effect belongs to and checks that its intent
// was stored before.
func (v *verifier) assign(e effect, byKey map[string][]owner, found map[*operation][]effect) {
	v.intents.Checked++
	subject := fmt.Sprintf("%s (%s, ledger entry %d)", e.TransID, e.Kind, e.Seq)
	kind, known := kinds[e.Kind]
	if !known {
		v.effects.bad(Wrong, subject, "is of a kind that is not known here")
		return
	}
	for _, w := range byKey[e.TransID] {
		began, ok := w.o.began(kind, e)
		if !ok {
			continue
		}
		found[w.o] = append(found[w.o], e)
		if began.After(e.Time) {
			v.intents.bad(Wrong, subject, "happened %s before its intent was stored", began.Sub(e.Time))
		}
		return
	}
	v.intents.bad(Doubled, subject, "has no intent")
}

// began returns when the attempt that an effect belongs to was stored, and whether
// there is one. A request id is the better witness; some effects carry none.
func (o *operation) began(kind payment.Kind, e effect) (time.Time, bool) {
	if o.kind != kind {
		return time.Time{}, false
	}
	for _, a := range o.started {
		if a.key == e.TransID && (e.ReqID == "" || e.ReqID == a.idem) {
			return a.at, true
		}
	}
	return time.Time{}, false
}

// checkOperation counts an operation's effects.
func (v *verifier) checkOperation(h *history, o *operation, all []effect) {
	v.effects.Checked++
	n, sum, waiting := 0, int64(0), false
	for _, e := range all {
		if e.stays() {
			n, sum, waiting = n+1, sum+e.Amount, waiting || e.Pending
		}
	}
	subject := h.subject()
	what := fmt.Sprintf("%s %s (%s)", o.kind, o.id, o.status)
	moves := o.kind != payment.UpdateAmount && o.kind != payment.Sync
	switch {
	case n > 1:
		v.effects.bad(Doubled, subject, "%s has %d effects", what, n)
	case o.status == payment.OpSucceeded && moves && n == 0 && (o.effect > 0 || o.kind == payment.Cancel):
		v.effects.bad(Lost, subject, "%s has no effect", what)
	case o.status == payment.OpSucceeded && n == 1 && o.kind != payment.Cancel && sum != o.effect:
		v.effects.bad(Wrong, subject, "%s moved %d, the ledger says %d", what, o.effect, sum)
	case ineffective(o.status) && n > 0 && !waiting && !h.frozen:
		v.effects.bad(Doubled, subject, "%s has an effect", what)
	}
}

// ineffective tells whether an operation that ended so must have moved nothing.
func ineffective(s payment.OpStatus) bool {
	return s == payment.OpDeclined || s == payment.OpFailed || s == payment.OpRejected
}

// fetchLedger reads the whole ledger of a simulator.
func fetchLedger(ctx context.Context, base string) (list []effect, err error) {
	ctx, cancel := context.WithTimeout(ctx, ledgerPatience)
	defer cancel()
	url := strings.TrimSuffix(base, "/") + "/control/computop/ledger"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("simulator %s: %w", base, err)
	}
	res, err := (&http.Client{}).Do(req)
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w (is the simulator running there?)", err)
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("read the ledger: %s answered %s", url, res.Status)
	}
	if err := json.NewDecoder(res.Body).Decode(&list); err != nil {
		return nil, fmt.Errorf("read the ledger of %s: %w", base, err)
	}
	return list, nil
}
