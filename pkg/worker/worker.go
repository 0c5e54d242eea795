package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
)

// Ledger keeps the events of payments.
type Ledger interface {
	// Load returns the head of a payment, with Seq 0 when nothing happened to it.
	Load(ctx context.Context, m payment.Merchant, id payment.ID) (payment.Head, error)
	// Append stores e as the event that follows h. It returns an error that wraps
	// payment.ErrConflict, and stores nothing, when another event came first, and
	// payment.ErrUnavailable when it could not find out.
	Append(ctx context.Context, h payment.Head, e payment.Event) (payment.Head, error)
	// Now returns the ledger's time, by which events are dated.
	Now(ctx context.Context) (time.Time, error)
	// Steady returns for how long the ledger's time has gone on without a jump, as
	// far as is known here. What is dated before may look older than it is.
	Steady() time.Duration
}

// Timers wake commands up.
type Timers interface {
	// Wake has c handled again at or soon after at, ledger time.
	Wake(ctx context.Context, c payment.Command, at time.Time) error
}

// Worker executes the commands of one provider. Handle may be called
// concurrently.
type Worker struct {
	ledger   Ledger
	timers   Timers
	provider provider.Provider
	cap      provider.Capability
	validate func(payment.Command) error
	account  func(payment.Command) string
	limits   Limits
	guard    Guard
	log      *zap.Logger
	stats    *Metrics
	tracer   trace.Tracer
	clock    Clock
	probe    func(Point)
}

// Limits are the worker's times. Their sum, with the provider's own call
// timeout, must stay below the deadline that the queue sets a handler.
type Limits struct {
	// SendWindow is how long after the decision to call the first byte may leave.
	// Who comes later must not send: somebody may be recovering the attempt.
	SendWindow time.Duration
	// CallTimeout is how long a call may take.
	CallTimeout time.Duration
	// StoreReserve is kept back of the handler's time to store an outcome.
	StoreReserve time.Duration
	// ParkAfter is how long an attempt that the provider answers about, but
	// unclearly, is asked about before a person is called.
	ParkAfter time.Duration
	// GiveUp is how long an attempt that nothing settles is asked about, whatever
	// the answers, before a person is called; and how long a sync waits for one.
	// No provider takes as long to settle what it has accepted.
	GiveUp time.Duration
	// Pause is the first wait before a call is made again, or the provider is
	// asked about an unknown outcome.
	Pause time.Duration
	// LongestNak is how long a message may wait in the queue's hands. Messages
	// that wait count against what the queue hands out, so longer waits are
	// timers.
	LongestNak time.Duration
}

// DefaultLimits returns the limits that fit a handler deadline of 45 seconds.
func DefaultLimits() Limits {
	return Limits{
		SendWindow: 2 * time.Second, CallTimeout: 12 * time.Second, StoreReserve: 15 * time.Second,
		ParkAfter: time.Hour, GiveUp: 72 * time.Hour, Pause: 2 * time.Second, LongestNak: 3 * time.Second,
	}
}

// Options are what a worker is made of.
type Options struct {
	Ledger   Ledger
	Timers   Timers
	Provider provider.Provider
	// Validate refuses commands that did not come through a door that checks
	// them; nil refuses none. Its error must hold no personal data.
	Validate func(payment.Command) error
	// Account names the account that a command without one is carried out at; it
	// is recorded with the first attempt, so that follow-ups stay there when the
	// merchant's default changes. nil names none.
	Account func(payment.Command) string
	Limits  Limits // zero: DefaultLimits
	Guard   Guard  // nil: every call is let through
	Clock   Clock  // nil: the machine's
	// Probe is called at every Point that is passed; nil: nothing is. A test that
	// does not return from it kills the worker there.
	Probe func(Point)
	Log   *zap.Logger
}

// New returns a worker.
func New(o Options) *Worker {
	if o.Limits == (Limits{}) {
		o.Limits = DefaultLimits()
	}
	if o.Validate == nil {
		o.Validate = func(payment.Command) error { return nil }
	}
	if o.Account == nil {
		o.Account = func(c payment.Command) string { return c.Account }
	}
	if o.Guard == nil {
		o.Guard = unguarded{}
	}
	if o.Clock == nil {
		o.Clock = machine{}
	}
	if o.Probe == nil {
		o.Probe = func(Point) {}
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	return &Worker{
		ledger: o.Ledger, timers: o.Timers, provider: o.Provider, cap: o.Provider.Capability(),
		validate: o.Validate, account: o.Account, limits: o.Limits, guard: o.Guard, log: o.Log, stats: newMetrics(),
		tracer: otel.Tracer("payloom/worker"), clock: o.Clock, probe: o.Probe,
	}
}

// maxRaces is how often a lost race is run again within one delivery.
const maxRaces = 8

// errAgain means that the ledger has changed by our own hand: decide again.
var errAgain = errors.New("decide again")

// Handle brings cmd as far as it can go now. It returns nil when the command is
// answered, waits for somebody else or has a timer set, an error with RetryAfter
// when it is to be handed over again soon, and any other error when something
// went wrong that a redelivery may mend.
func (w *Worker) Handle(ctx context.Context, cmd payment.Command) error {
	ctx, span := w.tracer.Start(ctx, "handle "+string(cmd.Kind))
	defer span.End()
	for range maxRaces {
		err := w.once(ctx, cmd)
		if !errors.Is(err, payment.ErrConflict) && !errors.Is(err, errAgain) {
			return err
		}
	}
	return Later(0)
}

// once loads, decides and acts. Every append names the event it was decided
// from; whoever loses that race gets payment.ErrConflict.
func (w *Worker) once(ctx context.Context, cmd payment.Command) error {
	head, err := w.ledger.Load(ctx, cmd.Merchant, cmd.Payment)
	if err != nil {
		return err
	}
	began := w.clock.Now()
	now, err := w.ledger.Now(ctx)
	if err != nil {
		return err
	}
	w.probe(Loaded)
	d := payment.Decide(head.Payment, cmd, now, w.cap.Rules)
	if w.elsewhere(cmd, d) {
		return w.refer(ctx, head, cmd, d)
	}
	switch d.Verdict {
	case payment.Done:
		return nil
	case payment.NotYet:
		if op, wanted := w.early(head, cmd, now); wanted {
			return w.recover(ctx, head, cmd, op, now)
		}
		return w.later(ctx, cmd, d.After)
	case payment.Reject:
		return w.reject(ctx, head, cmd, d.Event)
	case payment.Start:
		if w.outOfTime(cmd, now) {
			d.Event.Data = payment.OperationRejected{Kind: cmd.Kind, Reason: payment.ReasonExpired, Detail: "the buyer's time was over before the provider could be asked"}
			return w.reject(ctx, head, cmd, d.Event)
		}
		return w.start(ctx, head, cmd, d.Event, began)
	case payment.Recover:
		return w.recover(ctx, head, cmd, d.Operation, now)
	case payment.Inquire:
		if cmd.ReqID.Reconciles() {
			return w.reconcile(ctx, head, cmd, d.Operation, now)
		}
		return w.sync(ctx, head, cmd, d.Operation, now)
	}
	return fmt.Errorf("worker: verdict %v", d.Verdict)
}

// outOfTime tells whether nobody waits any more for what cmd opens: its buyer would
// have had to pay by now.
func (w *Worker) outOfTime(cmd payment.Command, now time.Time) bool {
	a := cmd.Authorization
	waits := cmd.Kind == payment.Authorize && a != nil && (a.Method == payment.Button || a.Method == payment.Redirect)
	return waits && w.cap.SessionTTL > 0 && now.Sub(cmd.At) >= w.cap.SessionTTL
}

func (w *Worker) reject(ctx context.Context, head payment.Head, cmd payment.Command, e payment.Event) error {
	head, err := w.ledger.Append(ctx, head, e)
	if err != nil {
		return err
	}
	w.done(head, cmd)
	return nil
}

// done counts and logs what became of a command: one line each.
func (w *Worker) done(head payment.Head, cmd payment.Command) {
	status, reason := payment.OpRejected, payment.Reason("")
	if op, ok := head.Payment.Operation(cmd.ID); ok {
		status, reason = op.Status, op.Reason
	} else if head.Payment.Synced == cmd.ID {
		status = payment.OpSucceeded
	}
	w.stats.outcomes.WithLabelValues(string(cmd.Provider), string(cmd.Kind), string(status)).Inc()
	w.log.Info("operation",
		zap.String("payment_id", string(cmd.Payment)), zap.String("merchant", string(cmd.Merchant)),
		zap.String("command_id", string(cmd.ID)), zap.String("provider", string(cmd.Provider)),
		zap.String("kind", string(cmd.Kind)), zap.String("status", string(status)),
		zap.String("reason", string(reason)), zap.String("state", string(head.Payment.State)))
}
