package providertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
)

// Harness is all that the exam wants of a provider.
type Harness struct {
	// Start starts the other side for one test, and stops it with the test.
	Start func(t *testing.T) Simulator
	// Open returns a client that takes the provider to be at url. Its calls must
	// end by themselves within a few seconds.
	Open func(t *testing.T, url string) provider.Provider
	// Parser understands the simulator's callbacks; nil where only the provider
	// can vouch for them.
	Parser provider.CallbackParser
	// Silent tells of operations that the provider sends no callback about; nil:
	// there are none. The exam asks about them.
	Silent func(c provider.Call) bool
	// Zero opens a client from no configuration and returns the error, which must
	// name Fields.
	Zero   func() error
	Fields []string
	// Country is the marketplace of sample payments; may be empty.
	Country string
	// OrderRef is what payments by order reference are made with; may be empty.
	OrderRef string
	// Amount is that of sample payments, an even number of minor units.
	Amount payment.Money
	// Secrets must not appear in any text.
	Secrets []string
}

// canary stands in the sample commands where people's words do.
const canary = "canaryinthetext"

// Run examines a provider. The rows run in parallel, each against a simulator of
// its own.
func Run(t *testing.T, h Harness) {
	t.Helper()
	for _, r := range rows() {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			r.ask(t, h)
		})
	}
}

type row struct {
	name string
	ask  func(t *testing.T, h Harness)
}

func rows() []row {
	return []row{
		{"an answer is a result, a decline too", eachSubject(answers)},
		{"the same key twice, and the declared class is the real one", eachSubject(class)},
		{"connection refused is not sent", eachSubject(refusedConnection)},
		{"what may have been executed is unknown, and inquiry finds it", eachSubject(doubt)},
		{"throttled or refused for our credentials is not sent", eachSubject(refusals)},
		{"an unsupported kind is rejected without a call", unsupported},
		{"a malformed amount is rejected without a call", malformed},
		{"a stranger is not found", eachSubject(stranger)},
		{"an earlier operation is not taken for this one", eachSubject(earlier)},
		{"a deadline is respected", eachSubject(deadline)},
		{"a cancelled call is not made", eachSubject(cancelled)},
		{"amounts are exact or refused", amounts},
		{"callbacks: valid, repeated, flipped, forged, empty, huge", callbacks},
		{"callback and inquiry tell the same story", sameStory},
		{"books agree, but for what was done by hand", books},
		{"nobody learns a secret", secrets},
		{"fifty at once", fiftyAtOnce},
		{"no configuration is refused by field", zero},
	}
}

// subject is one kind of operation, for Authorize with one of its methods.
type subject struct {
	kind   payment.Kind
	method payment.Method
}

func (s subject) String() string {
	if s.method == "" {
		return string(s.kind)
	}
	return string(s.kind) + " by " + string(s.method)
}

func subjects(c provider.Capability) []subject {
	var all []subject
	for _, k := range c.Rules.Kinds {
		switch k {
		case payment.Sync:
		case payment.Authorize:
			for _, m := range c.Methods {
				all = append(all, subject{k, m})
			}
		default:
			all = append(all, subject{kind: k})
		}
	}
	return all
}

// eachSubject asks about every kind of operation that the provider has.
func eachSubject(ask func(x *exam, s subject)) func(t *testing.T, h Harness) {
	return func(t *testing.T, h Harness) {
		t.Helper()
		for _, s := range subjects(begin(t, h).cap) {
			t.Run(s.String(), func(t *testing.T) {
				t.Parallel()
				ask(begin(t, h), s)
			})
		}
	}
}

// exam is a provider before its simulator, in one test.
type exam struct {
	*testing.T
	h   Harness
	sim Simulator
	p   provider.Provider
	cap provider.Capability
}

var payments atomic.Int64

func begin(t *testing.T, h Harness) *exam {
	t.Helper()
	sim := h.Start(t)
	p := h.Open(t, sim.URL())
	return &exam{T: t, h: h, sim: sim, p: p, cap: p.Capability()}
}

// command returns a sample command for a payment.
func (x *exam) command(id payment.ID, s subject) payment.Command {
	c := payment.Command{
		Merchant: "exam", Payment: id, Provider: x.cap.Provider, Kind: s.kind, Description: canary,
		ReqID: payment.ReqID(fmt.Sprintf("%s-%s-%s", id, s.kind, s.method)),
	}
	c.ID = payment.DeriveCommandID(c.Merchant, c.ReqID)
	switch s.kind {
	case payment.Authorize:
		c.Amount = x.h.Amount
		c.Authorization = &payment.Authorization{
			Method: s.method, Capture: payment.CaptureManual, Country: x.h.Country,
			Return: payment.ReturnURLs{
				Success: "https://shop.example/s", Failure: "https://shop.example/f", Cancel: "https://shop.example/c", Review: "https://shop.example/r",
			},
		}
		if s.method == payment.OrderReference {
			c.Authorization.OrderRef = x.h.OrderRef
		}
	case payment.Payout:
		c.Amount = x.h.Amount
		c.Beneficiary = &payment.Beneficiary{
			CustomerID: "c1", IPAddress: "192.0.2.1", FirstName: canary, LastName: canary, Email: canary + "@example.com",
			Address: canary, AccountNumber: "919999999999",
		}
	case payment.Capture, payment.UpdateAmount:
		c.Amount = x.h.Amount
	case payment.Refund:
		c.Amount = payment.Money{Minor: x.h.Amount.Minor / 2, Currency: x.h.Amount.Currency}
	case payment.Cancel, payment.Sync:
	}
	return c
}

func (x *exam) newID() payment.ID {
	return payment.ID(fmt.Sprintf("exam-%d", payments.Add(1)))
}

// prepare brings a fresh payment to where s is possible, and starts s.
func (x *exam) prepare(s subject) (*Story, provider.Call) {
	x.Helper()
	story, id := NewStory(x.cap.Rules), x.newID()
	switch s.kind {
	case payment.Authorize, payment.Payout, payment.Sync:
	case payment.UpdateAmount:
		c := x.open(story, id)
		x.must(x.sim.Buyer(c, Reviews))
	case payment.Capture, payment.Cancel:
		x.authorize(story, id)
	case payment.Refund:
		x.authorize(story, id)
		x.execute(story, x.command(id, subject{kind: payment.Capture}))
	}
	cmd := x.command(id, s)
	if s.method == payment.MandateCharge {
		cmd.Authorization.Mandate = x.mandate()
	}
	return story, story.Start(x, cmd)
}

// opener is the method by which sample payments are opened.
func (x *exam) opener() payment.Method {
	for _, m := range x.cap.Methods {
		if m == payment.Button || m == payment.Redirect {
			return m
		}
	}
	return x.cap.Methods[0]
}

func (x *exam) open(story *Story, id payment.ID) provider.Call {
	x.Helper()
	return x.execute(story, x.command(id, subject{payment.Authorize, x.opener()}))
}

// authorize opens a payment and lets its buyer agree.
func (x *exam) authorize(story *Story, id payment.ID) {
	x.Helper()
	c := x.open(story, id)
	x.must(x.sim.Buyer(c, Agrees))
	x.hear(story, c)
	if story.Payment.State != payment.StateAuthorized {
		x.Fatalf("a buyer agreed, and the payment is %q", story.Payment.State)
	}
}

// mandate has a buyer agree to a series and returns the permission.
func (x *exam) mandate() string {
	x.Helper()
	story, id := NewStory(x.cap.Rules), x.newID()
	cmd := x.command(id, subject{payment.Authorize, x.opener()})
	cmd.Authorization.Recurring = &payment.Recurring{Cycle: payment.Month, Interval: 1}
	c := x.execute(story, cmd)
	x.must(x.sim.Buyer(c, Agrees))
	x.hear(story, c)
	if story.Payment.Mandate == nil {
		x.Fatal("a buyer agreed to a series, and there is no mandate")
	}
	return story.Payment.Mandate.ID
}

// execute starts cmd, which must go well, and learns all about it.
func (x *exam) execute(story *Story, cmd payment.Command) provider.Call {
	x.Helper()
	c := story.Start(x, cmd)
	r, err := x.submit(x.Context(), c)
	if err != nil {
		x.Fatalf("%s: %v", cmd.Kind, err)
	}
	x.must(story.Answered(c, payment.FromAnswer, r))
	x.hear(story, c)
	return c
}

// hear waits for the callbacks and learns them. Without any, it asks.
func (x *exam) hear(story *Story, c provider.Call) {
	x.Helper()
	x.must(x.sim.Quiet())
	for _, cb := range x.callbacksOf(story.Payment.ID) {
		o := cb.Observation
		o.Source = payment.FromCallback
		if _, err := story.Learn(o); err != nil {
			x.Fatalf("callback: %v", err)
		}
	}
	if x.h.Parser != nil && !x.silent(c) {
		return
	}
	if r, err := x.inquire(c); err == nil {
		x.must(story.Answered(c, payment.FromInquiry, r))
	}
}

func (x *exam) silent(c provider.Call) bool { return x.h.Silent != nil && x.h.Silent(c) }

func (x *exam) callbacksOf(id payment.ID) []provider.Callback {
	x.Helper()
	if x.h.Parser == nil {
		return nil
	}
	var all []provider.Callback
	for _, d := range x.sim.Callbacks() {
		cb, err := x.parse(d)
		if err != nil {
			x.Fatalf("an authentic callback: %v", err)
		}
		if cb.Payment == id {
			all = append(all, cb)
		}
	}
	return all
}

// parse has the parser read a callback as notify-receiver hands it over: of the
// header, only what the parser asks for is there.
func (x *exam) parse(d Delivery) (provider.Callback, error) {
	return x.h.Parser.ParseCallback(provider.KeepHeader(d.Header, x.h.Parser), d.Body)
}

func (x *exam) submit(ctx context.Context, c provider.Call) (payment.Result, error) {
	x.Helper()
	r, err := x.p.Submit(ctx, c)
	x.checkQuiet(err)
	return r, err
}

func (x *exam) inquire(c provider.Call) (payment.Result, error) {
	x.Helper()
	r, err := x.p.Inquire(x.Context(), c)
	x.checkQuiet(err)
	return r, err
}

func (x *exam) must(err error) {
	x.Helper()
	if err != nil {
		x.Fatal(err)
	}
}

// checkQuiet fails the test when v, however it is printed, shows a secret or the
// words of people.
func (x *exam) checkQuiet(v any) {
	x.Helper()
	if v == nil {
		return
	}
	raw, _ := json.Marshal(v)
	texts := []string{string(raw), fmt.Sprintf("%v", v), fmt.Sprintf("%+v", v), fmt.Sprintf("%#v", v)}
	for err, ok := v.(error); ok && err != nil; err = errors.Unwrap(err) {
		texts = append(texts, err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err))
	}
	for _, secret := range append([]string{canary}, x.h.Secrets...) {
		for _, text := range texts {
			if strings.Contains(text, secret) {
				x.Errorf("%T shows %q", v, secret)
				return
			}
		}
	}
}

// checkFailure compares what is known after a call without result.
func (x *exam) checkFailure(err error, want provider.Failure) {
	x.Helper()
	if err == nil {
		x.Errorf("a result, want %v", want)
		return
	}
	var e *provider.Error
	if !errors.As(err, &e) {
		x.Errorf("%T is no *provider.Error: %v", err, err)
		return
	}
	if e.Failure != want {
		x.Errorf("%v, want %v: %v", e.Failure, want, err)
	}
}

// patience is how long the exam waits for an answer that never comes.
const patience = 250 * time.Millisecond

// slack is how much later than its deadline a call may return.
const slack = 100 * time.Millisecond
