package providertest

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
)

func callbacks(t *testing.T, h Harness) {
	if h.Parser == nil {
		return // they prove nothing by themselves
	}
	x := begin(t, h)
	story, c := x.prepare(x.telling())
	if _, err := x.submit(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if c.Operation.Kind == payment.Authorize {
		x.must(x.sim.Buyer(c, Agrees))
	}
	x.must(x.sim.Quiet())
	sent := x.sim.Callbacks()
	if len(sent) == 0 {
		t.Fatal("no callback was sent")
	}
	for _, d := range sent {
		x.checkCallback(d, story.Payment.ID)
	}
	forged, err := x.sim.Forge(c)
	if err != nil {
		t.Fatal(err)
	}
	if cb, err := x.parse(forged); !errors.Is(err, provider.ErrForged) || cb.Payment != "" {
		t.Errorf("forged: %+v, %v", cb, err)
	}
	for name, body := range map[string][]byte{
		"empty": nil, "a brace": []byte("{"), "noise": []byte("\x00\xff\xfe"), "huge": []byte(strings.Repeat("a=b&", 1<<20)),
	} {
		if cb, err := x.parse(Delivery{Body: body}); !errors.Is(err, provider.ErrForged) || cb.Payment != "" {
			t.Errorf("%s: %+v, %v", name, cb, err)
		}
	}
}

// telling is a kind of operation about which the provider sends a callback.
func (x *exam) telling() subject {
	if x.cap.Supports(payment.Authorize) {
		return subject{payment.Authorize, x.opener()}
	}
	return subject{kind: payment.Payout}
}

// checkCallback reads a callback, reads it again, and reads it with every bit
// changed.
func (x *exam) checkCallback(d Delivery, id payment.ID) {
	x.Helper()
	cb, err := x.parse(d)
	if err != nil || cb.Payment != id || cb.Observation.Result.Status == "" {
		x.Fatalf("%+v, %v", cb, err)
	}
	again, err := x.parse(Delivery{Header: d.Header.Clone(), Body: slices.Clone(d.Body)})
	if err != nil || again.Dedup != cb.Dedup || cb.Dedup == "" {
		x.Errorf("a repeat is told from the first: %q, %q, %v", cb.Dedup, again.Dedup, err)
	}
	for i := range d.Body {
		flipped := slices.Clone(d.Body)
		flipped[i] ^= 1 << (i % 8)
		got, err := x.parse(Delivery{Header: d.Header, Body: flipped})
		x.checkQuiet(err)
		if err != nil {
			if !errors.Is(err, provider.ErrForged) && !errors.Is(err, provider.ErrUnreadable) {
				x.Errorf("byte %d: %v", i, err)
			}
			continue
		}
		was, is := cb.Observation.Result, got.Observation.Result
		if got.Payment != id || is.Status == payment.Approved && (was.Status != is.Status || was.Amount != is.Amount) {
			x.Errorf("byte %d: %q %d of %s became %q %d of %s", i, was.Status, was.Amount, id, is.Status, is.Amount, got.Payment)
		}
	}
}

// sameStory lets one payment hear the callbacks first and another the inquiry.
func sameStory(t *testing.T, h Harness) {
	if h.Parser == nil {
		return
	}
	for _, s := range subjects(begin(t, h).cap) {
		if s.kind == payment.UpdateAmount || s.kind == payment.Cancel {
			continue // no provider tells about these by itself
		}
		if cap := begin(t, h).cap; cap.RecoveryOf(s.kind, s.method).Class == provider.T4 {
			continue // cannot be asked
		}
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			x := begin(t, h)
			story, c := x.prepare(s)
			if x.silent(c) {
				return // there is one teller only
			}
			r, err := x.submit(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			if r.Status == payment.NeedBuyer {
				x.must(story.Answered(c, payment.FromAnswer, r))
				x.must(x.sim.Buyer(c, Agrees))
			}
			x.must(x.sim.Quiet())
			x.compareStories(story, c)
		})
	}
}

func (x *exam) compareStories(story *Story, c provider.Call) {
	x.Helper()
	c.Payment = story.Payment
	c.Operation, _ = story.Payment.Operation(c.Operation.ID)
	found, err := x.inquire(c)
	if err != nil {
		x.Fatal(err)
	}
	told, asked := story.Fork(), story.Fork()
	x.hear(told, c)
	afterCallback := outlineOf(told.Payment)
	x.must(told.Answered(c, payment.FromInquiry, found))
	x.must(asked.Answered(c, payment.FromInquiry, found))
	afterInquiry := outlineOf(asked.Payment)
	x.hear(asked, c)
	for name, got := range map[string]outline{
		"by inquiry": afterInquiry, "by callback, then inquiry": outlineOf(told.Payment), "by inquiry, then callback": outlineOf(asked.Payment),
	} {
		if got != afterCallback {
			x.Errorf("%s: %+v, by callback: %+v", name, got, afterCallback)
		}
	}
}

// outline is what a payment comes to.
type outline struct {
	state                          payment.State
	authorized, captured, refunded int64
	frozen                         string
}

func outlineOf(p payment.Payment) outline {
	return outline{p.State, p.Authorized, p.Captured, p.Refunded, p.Frozen}
}
