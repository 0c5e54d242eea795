package providertest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
)

// Act is what a Fake does with one call.
type Act string

// The acts of a step.
const (
	DoApprove       Act = "approve"
	DoDecline       Act = "decline"
	DoPend          Act = "accept, and finish when told to"
	DoAskBuyer      Act = "ask for the buyer"
	DoUnknownBefore Act = "lose the request"
	DoUnknownAfter  Act = "act, and lose the answer"
	DoNotSent       Act = "be unreachable"
	DoRefuse        Act = "answer that it did not act"
	DoForbid        Act = "refuse our credentials"
	DoReject        Act = "reject what is written"
	DoPanicky       Act = "return an error of no kind"
)

// Step is what a Fake does with one call.
type Step struct {
	Act Act
	// Delay is how long it takes, unless the call's context ends first: then the
	// step comes to DoUnknownBefore, or DoUnknownAfter if that was it.
	Delay time.Duration
	After time.Duration // of DoRefuse: how long to leave it alone
	Code  string        // the provider's code of the answer
}

// Effect is one thing that a Fake did.
type Effect struct {
	Payment  payment.ID
	Command  payment.CommandID
	Kind     payment.Kind
	Key      string // of the attempt
	Idem     string
	Amount   payment.Money
	Ref      string
	At       time.Time
	Accepted bool // not finished yet
	Failed   bool // accepted, and then not done
}

// Fake is a provider in memory, for the tests of whatever calls providers. It
// keeps a ledger of effects that nobody else writes and behaves as its classes of
// recovery promise: T1 suppresses repeats of a key, T2 refuses them, T3 executes
// them again, T4 cannot be inquired about. Without a script it approves. It may be
// used concurrently.
type Fake struct {
	cap   provider.Capability
	hooks Hooks

	mu       sync.Mutex
	next     []Step
	byKind   map[payment.Kind][]Step
	always   map[payment.Kind]Step
	effects  []Effect
	sessions map[payment.ID]session
	calls    int
	asked    int
	down     bool
	lag      time.Duration
	serial   int
	sent     []Delivery
}

// Hooks are called by a Fake, without its lock.
type Hooks struct {
	// Submit is called at the beginning of each call.
	Submit func(c provider.Call)
	// Callback is called with each callback. Without it they are only kept.
	Callback func(d Delivery)
}

// session is a payment that waits for its buyer.
type session struct {
	effect Effect
	cycle  payment.Cycle
	amount int64
}

// NewFake returns a provider with this capability.
func NewFake(c provider.Capability, h Hooks) *Fake {
	return &Fake{
		cap: c, hooks: h, byKind: map[payment.Kind][]Step{}, always: map[payment.Kind]Step{}, sessions: map[payment.ID]session{},
	}
}

// FakeCapability returns a capability of all kinds in which everything that moves
// money is of class class, with Settle of a minute and Horizon of a day.
func FakeCapability(class provider.Class) provider.Capability {
	r := provider.Recovery{Class: class, Horizon: 24 * time.Hour, Settle: time.Minute}
	return provider.Capability{
		Provider: payment.Computop,
		Rules:    payment.Rules{Kinds: payment.Kinds(), Patience: time.Minute, KeySeparator: "."},
		Recovery: map[payment.Kind]provider.Recovery{
			payment.Authorize: {Class: provider.T0}, payment.UpdateAmount: {Class: provider.T1, Horizon: 24 * time.Hour, Settle: time.Minute},
			payment.Capture: r, payment.Refund: r, payment.Cancel: r, payment.Payout: r,
		},
		Direct:     r,
		Methods:    []payment.Method{payment.Button, payment.MandateCharge},
		Captures:   []payment.CaptureMode{payment.CaptureManual, payment.CaptureAuto},
		SessionTTL: time.Hour,
		PollAfter:  time.Minute,
	}
}

// Script has the next calls done as steps say, one each, whatever they are.
func (f *Fake) Script(steps ...Step) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next = append(f.next, steps...)
}

// ScriptKind has the next calls of a kind done as steps say, one each.
func (f *Fake) ScriptKind(k payment.Kind, steps ...Step) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.byKind[k] = append(f.byKind[k], steps...)
}

// Always has every unscripted call of a kind done as s says.
func (f *Fake) Always(k payment.Kind, s Step) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.always[k] = s
}

// Down makes inquiries fail, until it is called with false.
func (f *Fake) Down(down bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = down
}

// Lag is how old an effect must be for an inquiry to show it.
func (f *Fake) Lag(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lag = d
}

// Effects returns the ledger: what was done or accepted, in order.
func (f *Fake) Effects() []Effect {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.effects)
}

// EffectsOf counts how often a command took effect or was accepted.
func (f *Fake) EffectsOf(c payment.CommandID) int {
	n := 0
	for _, e := range f.Effects() {
		if e.Command == c && !e.Failed {
			n++
		}
	}
	return n
}

// Calls returns how often Submit and Inquire were called.
func (f *Fake) Calls() (submits, inquiries int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls, f.asked
}

// Capability implements provider.Provider.
func (f *Fake) Capability() provider.Capability { return f.cap }

// Format writes a name for every verb.
func (f *Fake) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte("fake provider")) }

// Submit implements provider.Provider.
func (f *Fake) Submit(ctx context.Context, c provider.Call) (payment.Result, error) {
	if err := f.check(ctx, c); err != nil {
		return payment.Result{}, err
	}
	if f.hooks.Submit != nil {
		f.hooks.Submit(c)
	}
	step := f.step(c.Operation.Kind)
	if err := wait(ctx, step.Delay); err != nil && step.Act != DoUnknownAfter {
		return payment.Result{}, unknown(err)
	}
	switch step.Act {
	case DoApprove, DoAskBuyer, DoPend:
		return f.execute(c, step)
	case DoUnknownAfter:
		_, _ = f.execute(c, Step{Act: DoApprove})
		return payment.Result{}, unknown(ctx.Err())
	case DoUnknownBefore:
		return payment.Result{}, unknown(ctx.Err())
	case DoDecline:
		return payment.Result{Status: payment.Declined, Ref: f.ref(), Code: step.Code, Reason: payment.ReasonDeclined}, nil
	case DoNotSent:
		return payment.Result{}, &provider.Error{Failure: provider.NotSent, Reason: payment.ReasonUnavailable, Err: errors.New("fake: unreachable")}
	case DoRefuse:
		return payment.Result{}, &provider.Error{Failure: provider.NotSent, Answered: true, Reason: payment.ReasonThrottled, Code: step.Code, After: step.After}
	case DoForbid:
		return payment.Result{}, &provider.Error{Failure: provider.NotSent, Answered: true, Reason: payment.ReasonConfiguration, Code: step.Code, Err: provider.ErrConfiguration}
	case DoReject:
		return payment.Result{}, &provider.Error{Failure: provider.Rejected, Answered: true, Reason: payment.ReasonInvalid, Code: step.Code}
	case DoPanicky:
	}
	return payment.Result{}, errors.New("fake: an error nobody thought of")
}

// check refuses what never leaves a provider's package.
func (f *Fake) check(ctx context.Context, c provider.Call) error {
	kind := c.Operation.Kind
	if !f.cap.Supports(kind) || kind == payment.Sync {
		e := provider.Reject(payment.ReasonUnsupported, "%w: %s", provider.ErrUnsupported, kind)
		return e
	}
	if kind != payment.Cancel {
		if err := c.Operation.Amount.Validate(); err != nil {
			return provider.Reject(payment.ReasonAmount, "amount: %w", err)
		}
	}
	if err := ctx.Err(); err != nil {
		return &provider.Error{Failure: provider.NotSent, Reason: payment.ReasonUnavailable, Err: err}
	}
	return nil
}

func (f *Fake) step(k payment.Kind) Step {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	if len(f.next) > 0 {
		s := f.next[0]
		f.next = f.next[1:]
		return s
	}
	if steps := f.byKind[k]; len(steps) > 0 {
		f.byKind[k] = steps[1:]
		return steps[0]
	}
	if s, ok := f.always[k]; ok {
		return s
	}
	return Step{Act: DoApprove}
}

func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func unknown(cause error) *provider.Error {
	return &provider.Error{Failure: provider.Unknown, Reason: payment.ReasonNoAnswer, Err: cause}
}

func (f *Fake) ref() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.newRef()
}

// newRef draws a reference. The caller holds the lock.
func (f *Fake) newRef() string {
	f.serial++
	return fmt.Sprintf("fake-%d", f.serial)
}

// execute takes effect, or opens a session, and answers.
func (f *Fake) execute(c provider.Call, step Step) (payment.Result, error) {
	f.mu.Lock()
	e, repeated := f.repeat(c)
	if repeated && f.class(c) == provider.T2 {
		f.mu.Unlock()
		return payment.Result{}, &provider.Error{Failure: provider.Unknown, Answered: true, Reason: payment.ReasonUnclear, Code: "duplicate"}
	}
	var d []Delivery
	if !repeated {
		e = f.effect(c)
		e.Accepted = step.Act == DoPend
		if f.sessionFor(c, step) {
			return f.ask(c, e)
		}
		f.effects = append(f.effects, e)
		d = f.tell(e)
	}
	f.mu.Unlock()
	f.deliver(d)
	return resultOf(e, f.totals(e.Payment)), nil
}

func (f *Fake) class(c provider.Call) provider.Class {
	return f.cap.RecoveryOf(c.Operation.Kind, methodOf(c)).Class
}

func methodOf(c provider.Call) payment.Method {
	if a := c.Command.Authorization; a != nil {
		return a.Method
	}
	return c.Payment.Terms.Method
}

// repeat returns the effect that a call under the same key had, where the class
// promises to know. The caller holds the lock.
func (f *Fake) repeat(c provider.Call) (Effect, bool) {
	if cl := f.class(c); cl != provider.T1 && cl != provider.T2 {
		return Effect{}, false
	}
	horizon := f.cap.RecoveryOf(c.Operation.Kind, methodOf(c)).Horizon
	for _, e := range f.effects {
		same := e.Kind == c.Operation.Kind && e.Idem == c.Operation.Attempt.Idem && !e.Failed
		if same && (f.class(c) == provider.T2 || time.Since(e.At) < horizon) {
			return e, true
		}
	}
	return Effect{}, false
}

// effect returns what a call is to do. The caller holds the lock.
func (f *Fake) effect(c provider.Call) Effect {
	op := c.Operation
	return Effect{
		Payment: paymentOf(c), Command: op.ID, Kind: op.Kind, Key: op.Attempt.Key, Idem: op.Attempt.Idem,
		Amount: op.Amount, Ref: f.newRef(), At: time.Now(),
	}
}

func paymentOf(c provider.Call) payment.ID {
	if c.Payment.ID != "" {
		return c.Payment.ID
	}
	return c.Command.Payment
}

// sessionFor tells whether a call is one that waits for the buyer.
func (f *Fake) sessionFor(c provider.Call, step Step) bool {
	m := methodOf(c)
	return step.Act == DoAskBuyer || c.Operation.Kind == payment.Authorize && (m == payment.Button || m == payment.Redirect) && step.Act != DoPend
}

// ask opens a session. It is called with the lock and gives it back.
func (f *Fake) ask(c provider.Call, e Effect) (payment.Result, error) {
	defer f.mu.Unlock()
	s := session{effect: e, amount: e.Amount.Minor}
	if a := c.Command.Authorization; a != nil && a.Recurring != nil {
		s.cycle = a.Recurring.Cycle
	}
	f.sessions[e.Payment] = s
	return payment.Result{
		Status: payment.NeedBuyer, Ref: e.Ref, Refs: map[string]string{"session": e.Ref},
		Action: &payment.Action{Type: payment.ActionRedirect, URL: "https://fake.example/" + e.Ref},
	}, nil
}

func resultOf(e Effect, t payment.Totals) payment.Result {
	r := payment.Result{Status: payment.Approved, Amount: e.Amount.Minor, Ref: e.Ref, Totals: &t}
	switch {
	case e.Failed:
		r.Status, r.Amount, r.Reason = payment.Failed, 0, payment.ReasonDeclined
	case e.Accepted:
		r.Status, r.Amount = payment.Pending, 0
	}
	return r
}

// totals sums the ledger up.
func (f *Fake) totals(id payment.ID) payment.Totals {
	f.mu.Lock()
	defer f.mu.Unlock()
	var t payment.Totals
	for _, e := range f.effects {
		if e.Payment != id || e.Accepted || e.Failed {
			continue
		}
		switch e.Kind {
		case payment.Authorize:
			t.Authorized += e.Amount.Minor
		case payment.Capture:
			t.Captured += e.Amount.Minor
		case payment.Refund:
			t.Refunded += e.Amount.Minor
		case payment.Cancel:
			t.Authorized, t.Captured = 0, 0
		case payment.Payout:
			t.Authorized, t.Captured = t.Authorized+e.Amount.Minor, t.Captured+e.Amount.Minor
		case payment.UpdateAmount, payment.Sync:
		}
	}
	return t
}

// Inquire implements provider.Provider.
func (f *Fake) Inquire(_ context.Context, c provider.Call) (payment.Result, error) {
	e, err := f.find(c)
	if err != nil {
		return payment.Result{}, err
	}
	return resultOf(e, f.totals(e.Payment)), nil
}

func (f *Fake) find(c provider.Call) (Effect, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	if f.down {
		return Effect{}, unknown(errors.New("fake: inquiries are down"))
	}
	if f.class(c) == provider.T4 {
		return Effect{}, provider.Reject(payment.ReasonUnsupported, "%w: no inquiry", provider.ErrUnsupported)
	}
	op := c.Operation
	for _, e := range slices.Backward(f.effects) {
		if e.Payment == paymentOf(c) && e.Command == op.ID && e.Key == op.Attempt.Key && time.Since(e.At) >= f.lag {
			return e, nil
		}
	}
	return Effect{}, &provider.Error{Failure: provider.NotSent, Answered: true, Reason: payment.ReasonNotFound, Err: provider.ErrNotFound}
}

// Buyer lets the buyer of an open session agree or refuse. The error says that
// there is none.
func (f *Fake) Buyer(id payment.ID, agree bool) error {
	f.mu.Lock()
	s, ok := f.sessions[id]
	if !ok {
		f.mu.Unlock()
		return fmt.Errorf("fake: no buyer of %s is awaited", id)
	}
	delete(f.sessions, id)
	e := s.effect
	e.Amount.Minor, e.At, e.Failed = s.amount, time.Now(), !agree
	f.effects = append(f.effects, e)
	d := f.tellOf(e, s.cycle)
	f.mu.Unlock()
	f.deliver(d)
	return nil
}

// Finish ends what DoPend accepted, well or not, and tells. The error says that
// nothing was accepted.
func (f *Fake) Finish(c payment.CommandID, well bool) error {
	f.mu.Lock()
	for i, e := range f.effects {
		if e.Command != c || !e.Accepted {
			continue
		}
		f.effects[i].Accepted, f.effects[i].Failed = false, !well
		d := f.tell(f.effects[i])
		f.mu.Unlock()
		f.deliver(d)
		return nil
	}
	f.mu.Unlock()
	return fmt.Errorf("fake: nothing of %s was accepted", c)
}

// Sessions returns the payments whose buyer is awaited, with the amounts that
// they are to pay.
func (f *Fake) Sessions() map[payment.ID]int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	amounts := map[payment.ID]int64{}
	for id := range maps.Keys(f.sessions) {
		amounts[id] = f.sessions[id].amount
	}
	return amounts
}

// Books implements provider.Bookkeeper by the ledger of effects. A payment without
// any is not found.
func (f *Fake) Books(_ context.Context, c provider.Call) (payment.Statement, error) {
	f.mu.Lock()
	f.asked++
	down, found := f.down, false
	for _, e := range f.effects {
		found = found || e.Payment == paymentOf(c)
	}
	f.mu.Unlock()
	if down {
		return payment.Statement{}, unknown(errors.New("fake: inquiries are down"))
	}
	return payment.Statement{Found: found, Currency: c.Payment.Amount.Currency, Totals: f.totals(paymentOf(c))}, nil
}

// ByHand adds an effect that nobody asked for, as a clerk would, and tells nobody.
func (f *Fake) ByHand(e Effect) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e.Ref, e.At = f.newRef(), time.Now()
	f.effects = append(f.effects, e)
}

// Undo takes a payment's last effect of a kind back, as a clerk would, and reports
// whether there was one.
func (f *Fake) Undo(id payment.ID, k payment.Kind) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, e := range slices.Backward(f.effects) {
		if e.Payment == id && e.Kind == k {
			f.effects = slices.Delete(f.effects, i, i+1)
			return true
		}
	}
	return false
}
