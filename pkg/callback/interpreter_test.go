package callback_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/callback"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/wire"
)

// callback returns a stored callback without storing it.
func (w *world) callback(kind wire.CallbackKind, fields []string) wire.StoredCallback {
	c := wire.StoredCallback{
		ID: "c", Provider: payment.Computop, Merchant: merchant, Account: "eu", Endpoint: endpoint, Kind: kind,
		Method: http.MethodPost, Body: []byte(w.sealed(fields)), Verdict: wire.Accepted, ReceivedAt: time.Now(),
	}
	if kind == wire.FromBuyerBrowser {
		c.Page = string(provider.PageReview)
	}
	return c
}

// now returns the broker's time.
func (w *world) now() time.Time {
	w.t.Helper()
	now, err := w.bus.Now(w.t.Context())
	if err != nil {
		w.t.Fatalf("broker's time: %v", err)
	}
	return now
}

func (w *world) mustHandle(i *callback.Interpreter, c wire.StoredCallback) {
	w.t.Helper()
	if err := i.Handle(w.t.Context(), c, w.now()); err != nil {
		w.t.Fatalf("handle: %v", err)
	}
}

// types returns the types of a payment's events.
func (w *world) types(id payment.ID) []payment.EventType {
	w.t.Helper()
	var types []payment.EventType
	err := w.bus.Follow(w.t.Context(), w.bus.EventStreams()[0], bus.FollowOptions{ToEnd: true}, func(_ context.Context, batch []bus.Message) error {
		for _, m := range batch {
			r, err := wire.UnmarshalRecord(m.Data)
			if err != nil {
				return err
			}
			if r.Event.Payment == id {
				types = append(types, r.Event.Data.Type())
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatalf("read events: %v", err)
	}
	return types
}

func (w *world) checkTypes(id payment.ID, want ...payment.EventType) {
	w.t.Helper()
	if diff := cmp.Diff(want, w.types(id)); diff != "" {
		w.t.Errorf("events of %s (-want +got):\n%s", id, diff)
	}
}

// TestInterpret_OvertakesTheAnswer has the notify come before the worker has
// stored what it was answered.
func TestInterpret_OvertakesTheAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.append("order-1", opened("order-1", ""))
	w.mustHandle(w.interpreter(), w.callback(wire.FromServer, notify("order-1")))
	p := w.find("order-1")
	if p.State != payment.StateAuthorized || p.Authorized != 1000 || p.Notified.IsZero() {
		t.Errorf("payment is %s with %d, notified %v; want authorized with 1000, notified", p.State, p.Authorized, p.Notified)
	}
	events, err := payment.Observe(p, payment.Observation{
		Source: payment.FromAnswer, Command: command("open order-1"), Attempt: 1,
		Result: payment.Result{Status: payment.NeedBuyer, Action: &payment.Action{Type: payment.ActionButton}},
	}, w.now())
	if err != nil || len(events) != 0 {
		t.Errorf("the late answer makes %d events, %v; want none", len(events), err)
	}
}

func TestInterpret_DuplicatesAtOnceAreOneEvent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.append("order-1", opened("order-1", ""))
	c := w.callback(wire.FromServer, notify("order-1"))
	i := w.interpreter()
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() { w.mustHandle(i, c) })
	}
	wg.Wait()
	w.checkTypes("order-1", payment.TypeAttemptStarted, payment.TypeOperationSucceeded)
}

// TestInterpret_OrderDoesNotMatter brings the notifies of one payment in every
// order, each twice, after the worker knew what it could know.
func TestInterpret_OrderDoesNotMatter(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i := w.interpreter()
	notifies := []func(payment.ID) []string{notifyOf, captureNotify, creditNotify}
	var first *payment.Payment
	for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		id := payment.ID("order" + strings.Join(digits(order), ""))
		open, capture, refund := opened(id, ""), began(id, payment.Capture, 1000), began(id, payment.Refund, 400)
		w.append(id, open, succeeded(open, 1000), capture, succeeded(capture, 1000), refund)
		for _, k := range append(order, order...) {
			w.mustHandle(i, w.callback(wire.FromServer, notifies[k](id)))
		}
		p := w.find(id)
		if p.State != payment.StatePartiallyRefunded || p.Captured != 1000 || p.Refunded != 400 || p.Frozen != "" {
			t.Errorf("order %v: %s, captured %d, refunded %d, frozen %q", order, p.State, p.Captured, p.Refunded, p.Frozen)
		}
		if first == nil {
			first = &p
		}
		checkSame(t, *first, p)
	}
}

func notifyOf(id payment.ID) []string { return notify(id) }

func digits(list []int) []string {
	out := make([]string, len(list))
	for i, n := range list {
		out[i] = string(rune('0' + n))
	}
	return out
}

// checkSame compares all of two payments but their names and the way they took.
func checkSame(t *testing.T, a, b payment.Payment) {
	t.Helper()
	diff := cmp.Diff(a, b, cmpopts.IgnoreFields(payment.Payment{}, "ID", "Version", "UpdatedAt", "Notified", "Refs"),
		cmpopts.IgnoreFields(payment.Operation{}, "ID", "At", "Attempt"))
	if diff != "" {
		t.Errorf("another order gives another payment (-first +this):\n%s", diff)
	}
}

// TestInterpret_CopiedFailureChangesNothing has the encrypted message of a failed
// attempt sent again to a payment that was paid since.
func TestInterpret_CopiedFailureChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.append("order-1", opened("order-1", ""))
	i := w.interpreter()
	w.mustHandle(i, w.callback(wire.FromServer, notify("order-1")))
	w.mustHandle(i, w.callback(wire.FromServer, notify("order-1", "Status", "FAILED", "Code", "22520305", "AmountAuth", "0")))
	if p := w.find("order-1"); p.State != payment.StateAuthorized || p.Frozen != "" {
		t.Errorf("payment is %s, frozen %q; want authorized", p.State, p.Frozen)
	}
}

// TestInterpret_NothingButZeroesIsSuccess brings what looks well and is not.
func TestInterpret_NothingButZeroesIsSuccess(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i := w.interpreter()
	for name, fields := range map[payment.ID][]string{
		"failed":   notify("failed", "Status", "FAILED", "Code", "22520305", "AmountAuth", "0"),
		"zero":     notify("zero", "Code", "0"),
		"almost":   notify("almost", "Code", "00000001"),
		"declined": notify("declined", "Status", "FAILED", "Code", "22520100"),
	} {
		w.append(name, opened(name, ""))
		w.mustHandle(i, w.callback(wire.FromServer, fields))
		if p := w.find(name); p.State == payment.StateAuthorized || p.Authorized != 0 {
			t.Errorf("%s: payment is %s with %d authorised", name, p.State, p.Authorized)
		}
	}
}

func TestInterpret_BrowserTellsOnlyOfTheBuyer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.append("order-1", opened("order-1", ""), payment.Event{
		Command: command("open order-1"), Source: payment.FromAnswer,
		Data: payment.ActionRequired{Attempt: 1, Action: payment.Action{Type: payment.ActionButton}},
	})
	i := w.interpreter()
	w.mustHandle(i, w.callback(wire.FromBuyerBrowser, reviewed("order-1")))
	w.mustHandle(i, w.callback(wire.FromBuyerBrowser, reviewed("order-1")))
	w.checkTypes("order-1", payment.TypeAttemptStarted, payment.TypeActionRequired, payment.TypeBuyerDetails)
	p := w.find("order-1")
	if p.Buyer == nil || p.Buyer.Shipping == nil || p.Buyer.Shipping.City != "Town" {
		t.Error("the buyer's address is not there")
	}
	if p.State != payment.StateRequiresAction || p.Action == nil || p.Action.URL != "https://amazon.example/confirm" {
		t.Errorf("payment is %s, want requires_action with the address to confirm at", p.State)
	}
	if !p.Notified.IsZero() {
		t.Error("a browser opened the way for follow-ups")
	}
}

// outcomes is a parser whose browsers bring outcomes.
type outcomes struct{ broken }

func (outcomes) ParseReturn(provider.Page, url.Values) (provider.Callback, error) {
	return provider.Callback{Payment: "order-1", Observation: payment.Observation{
		Kind: payment.Authorize, Result: payment.Result{Status: payment.Approved, Amount: 1000},
	}}, nil
}

func TestInterpret_BrowserNeverHasAnOutcome(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.append("order-1", opened("order-1", ""))
	i := w.interpreter(func(o *callback.InterpreterOptions) {
		o.Parsers = func(*account.Account) (provider.CallbackParser, error) { return outcomes{}, nil }
	})
	w.mustHandle(i, w.callback(wire.FromBuyerBrowser, reviewed("order-1")))
	w.checkTypes("order-1", payment.TypeAttemptStarted)
}

// checkLater wants err to ask for a delay between least and most.
func checkLater(t *testing.T, err error, least, most time.Duration) {
	t.Helper()
	later, ok := errors.AsType[interface {
		error
		RetryAfter() time.Duration
	}](err)
	if !ok || later.RetryAfter() < least || later.RetryAfter() > most {
		t.Errorf("error %v, want one that asks for a delay of %s to %s", err, least, most)
	}
}

func checkDead(t *testing.T, err error) {
	t.Helper()
	if _, ok := errors.AsType[interface {
		error
		Dead() bool
	}](err); !ok {
		t.Errorf("error %v, want one that buries", err)
	}
}

func TestInterpret_WaitsThenGivesUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.append("order-1", opened("order-1", ""))
	i := w.interpreter()
	accepted, unread := w.callback(wire.FromServer, notify("nobody")), w.callback(wire.FromServer, notify("order-1"))
	gone := accepted
	gone.Account = "gone"
	unread.Body = []byte("Len=8&Data=0011223344556677")
	for name, c := range map[string]struct {
		callback wire.StoredCallback
		patience time.Duration
	}{
		"an unknown payment":                 {accepted, 24 * time.Hour},
		"an account that is gone":            {gone, 24 * time.Hour},
		"one that was read when it came":     {unread, 24 * time.Hour},
		"an operation the payment knows not": {w.callback(wire.FromServer, captureNotify("order-1")), time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			handle := func(age time.Duration) error {
				return i.Handle(t.Context(), c.callback, w.now().Add(-age))
			}
			checkLater(t, handle(0), time.Second, time.Second+100*time.Millisecond)
			checkLater(t, handle(30*time.Second), 30*time.Second, 31*time.Second)
			checkLater(t, handle(40*time.Minute), 10*time.Minute, 10*time.Minute)
			checkLater(t, handle(c.patience-5*time.Second), time.Second, 5*time.Second)
			checkDead(t, handle(c.patience))
		})
	}
}

// TestInterpret_DeadLetter runs the whole way on a clock that was put forward.
func TestInterpret_DeadLetter(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustNotify(w.sealed(notify("nobody")))
	w.mustNotify(w.sealed(notify("order-1")))
	w.append("order-1", opened("order-1", ""))
	w.bus.by.Store(int64(25 * time.Hour))
	stop := w.consume(w.interpreter())
	eventually(t, "the unknown one is buried, the other applied", func() bool {
		s, err := w.bus.StreamState(t.Context(), bus.DeadStream)
		return err == nil && s.Messages == 1 && w.find("order-1").State == payment.StateAuthorized
	})
	stop()
}

// TestInterpret_PaymentComesLater has a payment begin after its callback came.
func TestInterpret_PaymentComesLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustNotify(w.sealed(notify("order-1")))
	var waited atomic.Int64
	i := w.interpreter(func(o *callback.InterpreterOptions) { o.Ledger = watched{w.bus, &waited} })
	stop := w.consume(i)
	eventually(t, "it is looked at", func() bool { return waited.Load() > 0 })
	w.append("order-1", opened("order-1", ""))
	eventually(t, "it is applied", func() bool { return w.find("order-1").State == payment.StateAuthorized })
	stop()
}

// watched counts loads.
type watched struct {
	*shifted
	loads *atomic.Int64
}

func (l watched) Load(ctx context.Context, m payment.Merchant, id payment.ID) (payment.Head, error) {
	defer l.loads.Add(1)
	return l.shifted.Load(ctx, m, id)
}

// consume runs i on the broker until stop is called.
func (w *world) consume(i *callback.Interpreter) (stop func()) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	go func() { done <- w.bus.ConsumeCallbacks(ctx, bus.ConsumeOptions{Concurrency: 4}, i.Handle) }()
	return func() {
		w.t.Helper()
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("consume: %v", err)
		}
	}
}

func TestInterpret_AnotherAccountSettlesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.append("order-1", opened("order-1", "eu"))
	c := w.callback(wire.FromServer, notify("order-1", "mid", "demo_test"))
	c.Account = "test"
	i := w.interpreter()
	w.mustHandle(i, c)
	w.checkTypes("order-1", payment.TypeAttemptStarted)
	if _, _, err := i.Interpret(t.Context(), c); !errors.Is(err, callback.ErrElsewhere) {
		t.Errorf("error %v, want ErrElsewhere", err)
	}
}

func TestInterpret_QuarantinedStaysWhereItIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustNotify(w.sealed(notify("order-1", "AmountAuth", "ten")))
	stop := w.consume(w.interpreter())
	eventually(t, "it is acknowledged", func() bool {
		return strings.Contains(w.delivered(), `answer="ack"`)
	})
	stop()
	w.checkStored(wire.Quarantined)
	if s, err := w.bus.StreamState(t.Context(), bus.DeadStream); err != nil || s.Messages != 0 {
		t.Errorf("%d dead letters, %v; want none", s.Messages, err)
	}
}

// contested is a ledger on which others are quicker for a while.
type contested struct {
	*shifted
	left atomic.Int64
}

func (l *contested) Append(ctx context.Context, h payment.Head, e payment.Event) (payment.Head, error) {
	if l.left.Add(-1) >= 0 {
		return payment.Head{}, payment.ErrConflict
	}
	return l.shifted.Append(ctx, h, e)
}

func TestInterpret_LostRaces(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.append("order-1", opened("order-1", ""))
	ledger := &contested{shifted: w.bus}
	i := w.interpreter(func(o *callback.InterpreterOptions) { o.Ledger = ledger })
	c := w.callback(wire.FromServer, notify("order-1"))

	ledger.left.Store(8)
	checkLater(t, i.Handle(t.Context(), c, w.now()), time.Second, time.Second)
	ledger.left.Store(7)
	w.mustHandle(i, c)
	w.checkTypes("order-1", payment.TypeAttemptStarted, payment.TypeOperationSucceeded)
}

// away is a ledger that cannot be reached.
type away struct{ *shifted }

func (away) Load(context.Context, payment.Merchant, payment.ID) (payment.Head, error) {
	return payment.Head{}, payment.ErrUnavailable
}

func TestInterpret_LedgerAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i := w.interpreter(func(o *callback.InterpreterOptions) { o.Ledger = away{w.bus} })
	err := i.Handle(t.Context(), w.callback(wire.FromServer, notify("order-1")), w.now().Add(-48*time.Hour))
	if !errors.Is(err, payment.ErrUnavailable) {
		t.Errorf("error %v, want ErrUnavailable as it is, however old the callback", err)
	}
}

func TestInterpret_AsksTheProviderWhereOnlyItKnows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.append("order-1", opened("order-1", ""))
	c := w.callback(wire.FromServer, notify("order-1"))
	c.Verdict = wire.Unverified
	unable := func(o *callback.InterpreterOptions) { o.Parsers = failing(provider.ErrUnverified) }

	w.mustHandle(w.interpreter(unable), c)
	w.checkTypes("order-1", payment.TypeAttemptStarted)

	down := w.interpreter(unable, func(o *callback.InterpreterOptions) {
		o.Verify = func(context.Context, *account.Account, http.Header, []byte) (provider.Callback, error) {
			return provider.Callback{}, &provider.Error{Failure: provider.NotSent}
		}
	})
	checkLater(t, down.Handle(t.Context(), c, w.now()), time.Second, 2*time.Second)

	able := w.interpreter(unable, func(o *callback.InterpreterOptions) {
		o.Verify = func(_ context.Context, a *account.Account, h http.Header, body []byte) (provider.Callback, error) {
			parser, err := parserOf(a)
			if err != nil {
				return provider.Callback{}, err
			}
			return parser.ParseCallback(h, body)
		}
	})
	w.mustHandle(able, c)
	w.checkTypes("order-1", payment.TypeAttemptStarted, payment.TypeOperationSucceeded)
}

// delivered returns what the bus counts of deliveries, as text.
func (w *world) delivered() string {
	w.t.Helper()
	text, err := testutil.CollectAndFormat(w.bus.Metrics(), expfmt.TypeTextPlain, "payloom_bus_deliveries_total")
	if err != nil {
		w.t.Fatalf("metrics: %v", err)
	}
	return string(text)
}
