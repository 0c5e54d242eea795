package verify

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/wire"
)

// Digest is the SHA-256 of what was sent as a callback: the body, or the query of
// a GET.
type Digest = [sha256.Size]byte

// Holder is who holds accounts at a provider.
type Holder struct {
	Merchant payment.Merchant
	Provider payment.Provider
}

// input is a stored callback, as far as it can explain an event.
type input struct {
	at      time.Time // broker time
	account string
	kind    wire.CallbackKind
	// quarantined: it could not be read, or belonged elsewhere. Only an operator
	// has such a callback looked at again.
	quarantined bool
}

// telling is an event whose writer had it from a callback or a browser.
type telling struct {
	h       *history
	version uint64
	at      time.Time // broker time
	source  payment.Source
	data    payment.EventType
}

// tells notes an event that input from outside is said to have caused.
func (v *verifier) tells(h *history, e payment.Event, at time.Time) {
	if e.Source == payment.FromCallback || e.Source == payment.FromBrowser {
		v.told = append(v.told, telling{h, e.Version, at, e.Source, e.Data.Type()})
	}
}

func (v *verifier) callback(ctx context.Context, m bus.Message) {
	v.spill(m)
	if v.callbacksSince.IsZero() {
		v.callbacksSince = m.Time
	}
	c, err := wire.UnmarshalCallback(m.Data)
	if err != nil {
		v.poison[place{m.Stream, m.Seq}] = m.Subject
		return
	}
	v.spillTexts(place{m.Stream, m.Seq}.String(), c)
	v.strange.Checked++
	subject := place{m.Stream, m.Seq}.String()
	if first, twice := v.callbackIDs[c.ID]; twice {
		v.strange.bad(Doubled, subject, "is the callback of %s once more", first)
	}
	v.callbackIDs[c.ID] = subject
	if v.wasForged(ctx, m, c) {
		if c.Verdict != wire.Unverified {
			v.strange.bad(Wrong, subject, "was forged, and is stored as %s", c.Verdict)
		}
		return // it must explain nothing
	}
	in := input{m.Time, c.Account, c.Kind, c.Verdict == wire.Quarantined}
	if c.Payment != "" {
		key := paymentKey{c.Merchant, c.Payment}
		v.inputs[key] = append(v.inputs[key], in)
	} else if c.Verdict == wire.Unverified {
		key := Holder{c.Merchant, c.Provider}
		v.unnamed[key] = append(v.unnamed[key], in)
	}
}

// wasForged tells whether c was sent by a forger. Its body may be sealed; then it is
// opened to be compared, and nothing else.
func (v *verifier) wasForged(ctx context.Context, m bus.Message, c wire.StoredCallback) bool {
	if c.Closed && len(v.in.Forged) > 0 {
		var err error
		if c, err = v.in.Streams.OpenCallback(ctx, m.Data); err != nil || c.Closed {
			v.strange.except("a callback cannot be opened, so that nobody knows whether it was forged")
			return false
		}
	}
	return v.in.Forged[digestOf(c)]
}

func digestOf(c wire.StoredCallback) Digest {
	if len(c.Body) > 0 {
		return digest(c.Body)
	}
	return digest([]byte(c.Query))
}

// mostTold is how many events one callback leads to at most: the buyer's details,
// an outcome, a mandate.
const mostTold = 3

// checkInput checks that every event which input from outside is said to have
// caused was caused by what was stored before, came to the right account, and was
// not caused a second time by a repeat.
func (v *verifier) checkInput() {
	if v.in.Forged == nil {
		v.strange.except("no list of forged callbacks was given: only what is stored was looked at")
	}
	count, older, again := map[*history]int{}, 0, 0
	for _, t := range v.told {
		v.strange.Checked++
		if t.at.Before(v.callbacksSince) && v.callbacksExpired {
			older++
			continue
		}
		if t.source == payment.FromBrowser && t.data != payment.TypeBuyerDetails {
			v.strange.bad(Wrong, t.h.subject(), "version %d: a browser told of money (%s)", t.version, t.data)
		}
		in, found := v.cause(t)
		switch {
		case !found:
			v.strange.bad(Wrong, t.h.subject(), "version %d (%s) comes from a %s, and none is stored before it that could say so", t.version, t.data, t.source)
		case in.quarantined:
			again++
		}
		count[t.h]++
	}
	for h, n := range count {
		if most := mostTold * (len(v.inputs[h.key()]) + len(v.unnamed[Holder{h.merchant, h.provider}])); n > most {
			v.strange.bad(Doubled, h.subject(), "has %d events of callbacks, of which so many are not stored", n)
		}
	}
	if older > 0 {
		v.strange.except("%d event(s) are older than the callbacks that are kept", older)
	}
	if again > 0 {
		v.strange.except("%d event(s) rest on callbacks that were quarantined: an operator had them looked at again", again)
	}
}

// cause finds a stored callback that may have caused an event, the plainest of all.
func (v *verifier) cause(t telling) (found input, ok bool) {
	want := wire.FromServer
	if t.source == payment.FromBrowser {
		want = wire.FromBuyerBrowser
	}
	for _, list := range [][]input{v.inputs[t.h.key()], v.unnamed[Holder{t.h.merchant, t.h.provider}]} {
		for _, in := range list {
			if in.kind != want || in.at.After(t.at) || !v.addressed(t.h, in.account) {
				continue
			}
			if found, ok = in, true; !in.quarantined {
				return found, true
			}
		}
	}
	return found, ok
}

// addressed tells whether a callback came to the account that a payment is made
// with. Which one is the default only the accounts file says.
func (v *verifier) addressed(h *history, account string) bool {
	own := h.account
	if own == "" {
		own = v.in.Defaults[Holder{h.merchant, h.provider}]
	}
	return own == "" || own == account
}
