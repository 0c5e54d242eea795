package verify

import (
	"crypto/sha256"
	"encoding/base32"
	"slices"
	"strings"

	"github.com/payloom/payloom/pkg/payment"
)

// checkCommands looks at every accepted command: that it is there once, under the
// id that its request has, and came to an end.
func (v *verifier) checkCommands() {
	for key, c := range v.commands {
		v.accepted.Checked++
		subject := string(key.merchant) + "/" + string(key.id)
		if c.times > 1 {
			v.accepted.bad(Doubled, subject, "is stored %d times", c.times)
		}
		if want := commandID(c.Merchant, c.ReqID); c.ID != want {
			v.accepted.bad(Wrong, subject, "has not the id of its request, which is %s", want)
		}
		v.request(key, c.Merchant, c.ReqID)
		v.checkEnd(key, c, subject, v.graves[c.at])
	}
}

// request checks that a request id stands for one command.
func (v *verifier) request(key commandKey, m payment.Merchant, req payment.ReqID) {
	v.reqIDs.Checked++
	r := requestKey{m, req}
	if other, known := v.requests[r]; known && other != key {
		v.reqIDs.bad(Doubled, string(m)+"/"+string(key.id), "has the request id of %s", other.id)
	}
	v.requests[r] = key
}

// checkEnd checks that a command came to exactly one end.
func (v *verifier) checkEnd(key commandKey, c *command, subject string, buried bool) {
	v.ended.Checked++
	ends, waits := v.endsOf(key, c)
	young := v.now.Sub(c.At) < v.in.Grace
	switch {
	case ends == 1, ends == 0 && (waits || buried || young):
	case ends == 0:
		v.ended.bad(Stuck, subject, "%s of payment %s, accepted %s ago, has no end", c.Kind, c.Payment, v.now.Sub(c.At).Round(1e9))
	default:
		v.ended.bad(Wrong, subject, "%s of payment %s came to %d ends", c.Kind, c.Payment, ends)
	}
}

// endsOf counts the ends that a command came to, and tells whether it waits for
// the buyer.
func (v *verifier) endsOf(key commandKey, c *command) (ends int, waits bool) {
	h, known := v.payments[paymentKey{key.merchant, c.Payment}]
	if !known {
		return 0, false
	}
	if o := h.op(key.id); o != nil {
		if o.status == payment.OpParked && o.ends == 0 {
			return 1, false // it waits for a person, who has been called
		}
		return o.ends, o.status == payment.OpAction
	}
	for _, o := range h.rejected {
		if o.id == key.id {
			ends += o.ends
		}
	}
	return ends + h.synced[key.id], false
}

// commandID works out the id that a request's command must have: the first 128
// bits of SHA-256(merchant, 0, request id), base32 in lower case.
func commandID(m payment.Merchant, req payment.ReqID) payment.CommandID {
	sum := sha256.Sum256([]byte(string(m) + "\x00" + string(req)))
	text := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:16])
	return payment.CommandID(strings.ToLower(text))
}

// checkJournal checks what a load generator was told against what is stored.
func (v *verifier) checkJournal() {
	if v.in.Journal == nil {
		v.accepted.except("no journal of accepted requests was given: only what is stored was looked at")
		return
	}
	told, bodies := map[requestKey]payment.ID{}, map[requestKey]string{}
	for _, a := range v.in.Journal {
		v.accepted.Checked++
		subject := string(a.Merchant) + "/" + string(a.CommandID)
		c, stored := v.commands[commandKey{a.Merchant, a.CommandID}]
		switch {
		case !stored:
			v.accepted.bad(Lost, subject, "was answered with 202 and is not stored")
		case a.ReqID != "" && c.ReqID != a.ReqID:
			v.accepted.bad(Wrong, subject, "was answered for request %s and is stored for %s", a.ReqID, c.ReqID)
		case c.Payment != a.Payment:
			v.reqIDs.bad(Wrong, subject, "was answered with payment %s and is stored for %s", a.Payment, c.Payment)
		}
		r := requestKey{a.Merchant, a.ReqID}
		if before, again := told[r]; again && before != a.Payment {
			v.reqIDs.bad(Wrong, subject, "the same request was answered with %s and with %s", before, a.Payment)
		}
		told[r] = a.Payment
		if before, again := bodies[r]; again && a.Body != "" && before != a.Body {
			v.reqIDs.bad(Wrong, subject, "the request id was accepted with two different bodies")
		}
		if a.Body != "" {
			bodies[r] = a.Body
		}
	}
}

// checkDeadLetters checks that what cannot be decoded was buried, once.
func (v *verifier) checkDeadLetters() {
	type grave struct {
		service string
		at      place
	}
	graves := map[grave]int{}
	for _, d := range v.dead {
		graves[grave{d.Service, place{d.Stream, d.Sequence}}]++
	}
	for g, n := range graves {
		v.buried.Checked++
		if n > 1 {
			v.buried.bad(Doubled, g.at.String(), "was buried %d times by %s", n, g.service)
		}
	}
	for p, subject := range v.poison {
		v.buried.Checked++
		if !v.graves[p] {
			v.buried.bad(Lost, p.String(), "cannot be decoded and is no dead letter")
		}
		v.checkBehind(p, subject)
	}
	slices.SortFunc(v.buried.Examples, func(a, b Violation) int { return strings.Compare(a.Subject, b.Subject) })
}

// queue is what one consumer works through: the commands of a provider in one
// stream, pay.cmd.<shard>.<provider>.
func queue(subject string) string {
	tokens := strings.Split(subject, ".")
	return strings.Join(tokens[:min(len(tokens), 4)], ".")
}

// checkBehind checks that a message which cannot be decoded holds up none of those
// behind it: of the commands that are old enough one at least has ended.
func (v *verifier) checkBehind(p place, subject string) {
	held, first := 0, commandKey{}
	for key, c := range v.commands {
		if c.at.stream != p.stream || c.at.seq < p.seq || queue(c.subject) != queue(subject) || v.now.Sub(c.At) < v.in.Grace {
			continue
		}
		if ends, waits := v.endsOf(key, c); ends > 0 || waits || v.graves[c.at] {
			return
		}
		held, first = held+1, key
	}
	if held > 0 {
		v.buried.bad(Stuck, p.String(), "holds up %d command(s) behind it, %s among them", held, first.id)
	}
}
