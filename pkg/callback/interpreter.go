package callback

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/service"
	"github.com/payloom/payloom/pkg/wire"
)

// Ledger keeps the events of payments.
type Ledger interface {
	// Load returns the head of a payment, with Seq 0 when nothing happened to it.
	Load(ctx context.Context, m payment.Merchant, id payment.ID) (payment.Head, error)
	// Append stores e as the event that follows h. It returns an error that wraps
	// payment.ErrConflict, and stores nothing, when another event came first.
	Append(ctx context.Context, h payment.Head, e payment.Event) (payment.Head, error)
	// Now returns the ledger's time, by which events are dated.
	Now(ctx context.Context) (time.Time, error)
}

// Verify asks a provider about a callback that proves nothing by itself, as
// provider.CallbackVerifier does for the client of account a.
type Verify func(ctx context.Context, a *account.Account, h http.Header, body []byte) (provider.Callback, error)

// InterpreterOptions are what an Interpreter is made of.
type InterpreterOptions struct {
	Accounts Accounts
	Parsers  Parsers
	// Verify may be nil: then what only a provider can vouch for is left alone.
	Verify   Verify
	Ledger   Ledger
	Patience Patience // zero: DefaultPatience
	Log      *zap.Logger
}

// Patience is how long after a callback was stored something else may come that
// gives it a meaning. After it the callback is a dead letter.
type Patience struct {
	Unknown   time.Duration // for a payment that nobody has heard of, or an account
	Unmatched time.Duration // for an operation of the payment
}

// DefaultPatience returns a day for the payment: a callback may overtake what it
// speaks of by as long as the broker is away. The intent of an operation is stored
// before the provider hears of it, so one that is not there will hardly come.
func DefaultPatience() Patience {
	return Patience{Unknown: 24 * time.Hour, Unmatched: time.Hour}
}

// Interpreter turns stored callbacks into events. It may be used concurrently,
// and beside others that do the same.
type Interpreter struct {
	accounts Accounts
	parsers  Parsers
	verify   Verify
	ledger   Ledger
	patience Patience
	log      *zap.Logger
	stats    *InterpreterMetrics
}

// NewInterpreter returns an interpreter.
func NewInterpreter(o InterpreterOptions) *Interpreter {
	if o.Patience == (Patience{}) {
		o.Patience = DefaultPatience()
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	return &Interpreter{
		accounts: o.Accounts, parsers: o.Parsers, verify: o.Verify, ledger: o.Ledger, patience: o.Patience,
		log: o.Log, stats: newInterpreterMetrics(),
	}
}

// Metrics returns the interpreter's collectors, to be registered by the service.
func (i *Interpreter) Metrics() *InterpreterMetrics { return i.stats }

// The errors of a callback that has no meaning yet, or none at all.
var (
	// ErrUnknownPayment means that nothing ever happened to the payment.
	ErrUnknownPayment = errors.New("callback: unknown payment")
	// ErrNoAccount means that the account it came to is configured no longer.
	ErrNoAccount = errors.New("callback: unknown account")
	// ErrOtherSum means that the callback speaks of another sum than the payment's.
	ErrOtherSum = errors.New("callback: it speaks of another sum than the payment's")
	// ErrElsewhere means that the payment is made with another account than the
	// one the callback came to. A test account must not settle real money.
	ErrElsewhere = errors.New("callback: the payment belongs to another account")
	// errDestroyed means that what came in is sealed with a key that is gone.
	errDestroyed = fmt.Errorf("%w: the key of its day is destroyed", provider.ErrUnreadable)
	// errRaces means that too many others wrote to the payment meanwhile.
	errRaces = errors.New("callback: lost too many races")
)

// maxRaces is how often a lost race is run again within one delivery.
const maxRaces = 8

// Interpret appends what c tells to the payment that it speaks of, by the keys
// that are in force now, and returns how many events that took: none when all of
// it was known. Doing it again changes nothing.
func (i *Interpreter) Interpret(ctx context.Context, c wire.StoredCallback) (payment.ID, int, error) {
	cb, err := i.understand(ctx, c)
	if err != nil {
		return "", 0, err
	}
	total := 0
	for range maxRaces {
		n, err := i.once(ctx, c, cb)
		total += n
		if !errors.Is(err, payment.ErrConflict) {
			return cb.Payment, total, err
		}
	}
	return cb.Payment, total, laterError{time.Second, errRaces}
}

// understand reads c anew. What was found when it was received is not relied on.
func (i *Interpreter) understand(ctx context.Context, c wire.StoredCallback) (provider.Callback, error) {
	if c.Closed {
		return provider.Callback{}, errDestroyed
	}
	a, err := i.accounts.Book().Account(c.Merchant, c.Provider, c.Account)
	if err != nil {
		return provider.Callback{}, fmt.Errorf("%w: %w", ErrNoAccount, err)
	}
	cb, err := i.parsers.read(a, c)
	if errors.Is(err, provider.ErrUnverified) && i.verify != nil && c.Kind == wire.FromServer {
		cb, err = i.verify(ctx, a, c.Header, payload(c))
		if err == nil && known(cb.Payment) == "" {
			err = errForeign
		}
	}
	return cb, err
}

// once loads, decides and appends, and returns how many events it appended,
// beside an error too.
func (i *Interpreter) once(ctx context.Context, c wire.StoredCallback, cb provider.Callback) (int, error) {
	head, err := i.ledger.Load(ctx, c.Merchant, cb.Payment)
	if err != nil {
		return 0, err
	}
	if head.Seq == 0 {
		return 0, ErrUnknownPayment
	}
	if !i.sameAccount(head.Payment, c) {
		return 0, ErrElsewhere
	}
	if cb.Asked != (payment.Money{}) && cb.Asked != head.Payment.Amount {
		return 0, ErrOtherSum
	}
	now, err := i.ledger.Now(ctx)
	if err != nil {
		return 0, err
	}
	cb.Observation.At = c.ReceivedAt
	events, err := meaning(head.Payment, c.Kind, cb.Observation, now)
	if err != nil {
		return 0, err
	}
	for n, e := range events {
		if head, err = i.ledger.Append(ctx, head, e); err != nil {
			return n, err
		}
	}
	return len(events), nil
}

// sameAccount tells whether p is made with the account that c came to. A payment
// without one is made with the default.
func (i *Interpreter) sameAccount(p payment.Payment, c wire.StoredCallback) bool {
	if p.Provider != c.Provider {
		return false
	}
	a, err := i.accounts.Book().Account(p.Merchant, p.Provider, p.Account)
	return err == nil && a.Name == c.Account
}

// meaning returns the events by which p learns what o says. A browser may tell
// about the buyer and nothing else: it never has an outcome, whatever page it came
// to and whatever it brought.
func meaning(p payment.Payment, k wire.CallbackKind, o payment.Observation, now time.Time) ([]payment.Event, error) {
	o.Source = payment.FromCallback
	if k == wire.FromBuyerBrowser {
		o.Source = payment.FromBrowser
	}
	events, err := payment.Observe(p, o, now)
	if k == wire.FromBuyerBrowser {
		events = slices.DeleteFunc(events, func(e payment.Event) bool { return e.Data.Type() != payment.TypeBuyerDetails })
	}
	return events, err
}

// Handle interprets c, which was stored at broker time stored, and tells the queue
// by its error what to do: nil when c is done with or waits for an operator, one
// with RetryAfter or Dead, or any other when a redelivery may help.
func (i *Interpreter) Handle(ctx context.Context, c wire.StoredCallback, stored time.Time) error {
	id, n, err := i.Interpret(ctx, c)
	now, nowErr := i.ledger.Now(ctx)
	if nowErr != nil {
		return errors.Join(err, nowErr)
	}
	age := now.Sub(stored)
	err = i.verb(c, age, err)
	i.record(c, id, n, age, err)
	if errors.Is(err, errLeft) {
		return nil
	}
	return err
}

// errLeft means that a callback stays where it is until an operator has it looked
// at again.
var errLeft = errors.New("left for an operator")

// verb turns the error of an interpretation into what is to be done about it.
func (i *Interpreter) verb(c wire.StoredCallback, age time.Duration, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, payment.ErrUnmatched):
		return wait(err, age, i.patience.Unmatched)
	case errors.Is(err, ErrUnknownPayment), errors.Is(err, ErrNoAccount), errors.Is(err, ErrNoParser):
		return wait(err, age, i.patience.Unknown)
	case errors.Is(err, provider.ErrNotFound), failed(err):
		return wait(err, age, i.patience.Unknown)
	case errors.Is(err, ErrElsewhere), errors.Is(err, ErrOtherSum):
		return fmt.Errorf("%w: %w", errLeft, err)
	case judged(err) && c.Verdict == wire.Accepted:
		// It was read when it came: somebody has changed our own keys.
		return wait(err, age, i.patience.Unknown)
	case judged(err):
		return fmt.Errorf("%w: %w", errLeft, err)
	}
	return err
}

// judged tells whether err is a parser's judgement.
func judged(err error) bool {
	return errors.Is(err, provider.ErrForged) || errors.Is(err, provider.ErrUnreadable) || errors.Is(err, provider.ErrUnverified)
}

// failed tells whether err is a call to the provider that gave no result.
func failed(err error) bool {
	_, ok := errors.AsType[*provider.Error](err)
	return ok
}

// wait asks for another delivery after a delay that grows with age, from a second
// to ten minutes, and gives up when age has reached patience.
func wait(err error, age, patience time.Duration) error {
	if age >= patience {
		return deadError{fmt.Errorf("after %s: %w", patience, err)}
	}
	return laterError{min(max(age, time.Second), 10*time.Minute, max(patience-age, time.Second)), err}
}

// record counts and logs what became of c: one line each, and none with anything
// that c says.
func (i *Interpreter) record(c wire.StoredCallback, id payment.ID, n int, age time.Duration, err error) {
	fields := []zap.Field{
		service.CallbackID(c.ID), service.Provider(string(c.Provider)), service.Merchant(string(c.Merchant)),
		service.Account(c.Account), service.PaymentID(string(id)), service.Kind(string(c.Kind)), zap.Int("events", n),
	}
	switch result := resultOf(n, err); result {
	case Waiting, Failing:
		i.stats.results.WithLabelValues(label(c.Provider), string(result)).Inc()
		i.log.Info("callback waits", append(fields, zap.Error(err))...)
	case Applied, Known:
		i.stats.done(c.Provider, string(result), age)
		i.log.Info("callback", append(fields, service.Outcome(string(result)), service.Took(age))...)
	case Quarantined, Dead:
		i.stats.done(c.Provider, string(result), age)
		i.log.Error("callback", append(fields, service.Outcome(string(result)), zap.Error(err))...)
	}
}

// Outcome is what an interpretation came to.
type Outcome string

// The outcomes.
const (
	Applied     Outcome = "applied"     // the payment has learnt something
	Known       Outcome = "known"       // it knew already
	Waiting     Outcome = "waiting"     // what it speaks of is not there yet
	Quarantined Outcome = "quarantined" // it cannot be read, or belongs elsewhere
	Dead        Outcome = "dead"        // it waited for too long
	Failing     Outcome = "failing"     // ledger or provider are away
)

func resultOf(n int, err error) Outcome {
	var later laterError
	var dead deadError
	switch {
	case err == nil && n > 0:
		return Applied
	case err == nil:
		return Known
	case errors.As(err, &later):
		return Waiting
	case errors.As(err, &dead):
		return Dead
	case errors.Is(err, errLeft):
		return Quarantined
	}
	return Failing
}
