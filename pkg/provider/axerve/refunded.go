package axerve

import (
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/axerve/gestpay"
)

// refunded compares what was given back, or is about to be, with what we know of:
// a refund of ours makes the difference. So does one that a person made in the
// back office; that it is older than ours tells it apart, and nothing else does.
func (f finding) refunded() (payment.Result, error) {
	amount := f.call.Operation.Amount.Minor
	done := f.call.Payment.Refunded - f.effect()
	all := givebacks(f.reply.Events, f.ledger.Currency)
	switch grown := f.ledger.Refunded + requested(all) - done - f.outstanding(); {
	case grown == amount && !f.mayBeOurs(all):
		return payment.Result{}, personal("a refund of this amount is older than ours")
	case grown == amount && f.ledger.Refunded-done >= amount:
		return f.result(payment.Approved, amount), nil
	case grown == amount:
		return f.result(payment.Pending, 0), nil
	case grown != 0 && f.outstanding() > 0:
		return payment.Result{}, unclear("another amount was refunded, so far")
	case grown != 0:
		return payment.Result{}, personal("another amount was refunded")
	case f.accepted():
		return f.result(payment.Pending, 0), nil
	}
	return payment.Result{}, notFound()
}

// personal returns the error for what was read and only a person can explain.
func personal(why string) *provider.Error {
	e := unclear("%s", why)
	e.Person = true
	return e
}

// outstanding returns what other refunds of ours have asked for and not yet got.
func (f finding) outstanding() int64 {
	var n int64
	for _, op := range f.call.Payment.Operations {
		if op.Kind == payment.Refund && op.Status == payment.OpPending && op.ID != f.call.Operation.ID {
			n += op.Amount.Minor
		}
	}
	return n
}

// giveback is a refund that a transaction's history shows.
type giveback struct {
	minor int64
	at    time.Time // when it was asked for; zero: nobody can tell
	open  bool      // not executed so far
}

// givebacks pairs the refunds that were asked for with those that were executed: a
// STO answers the first open REQ of its amount before it. Refunds that were executed
// without being announced stand by themselves.
func givebacks(events []gestpay.Event, currency string) []giveback {
	var all []giveback
	for _, e := range events {
		minor, err := gestpay.ParseAmount(e.Amount, currency)
		if err != nil || e.Type != gestpay.EventRequested && e.Type != gestpay.EventRefunded {
			continue
		}
		if e.Type == gestpay.EventRefunded && execute(all, minor) {
			continue
		}
		at, _ := e.At() // zero when it cannot be read
		all = append(all, giveback{minor: minor, at: at, open: e.Type == gestpay.EventRequested})
	}
	return all
}

// execute closes the first open refund of an amount, if there is one.
func execute(all []giveback, minor int64) bool {
	for i := range all {
		if all[i].open && all[i].minor == minor {
			all[i].open = false
			return true
		}
	}
	return false
}

// requested sums the refunds that were asked for and are not executed.
func requested(all []giveback) int64 {
	var sum int64
	for _, g := range all {
		if g.open {
			sum += g.minor
		}
	}
	return sum
}

// clockMargin is how far the gateway's clock may be behind the ledger's.
const clockMargin = 5 * time.Minute

// mayBeOurs tells whether a refund of the operation's amount was asked for after
// the operation was begun. What was accepted may be undated.
func (f finding) mayBeOurs(all []giveback) bool {
	if f.call.Operation.Status == payment.OpSucceeded {
		return true // settled before
	}
	since := begun(f.call).Add(-clockMargin)
	for _, g := range all {
		undated := g.at.IsZero() && f.accepted()
		if g.minor == f.call.Operation.Amount.Minor && (undated || !g.at.Before(since)) {
			return true
		}
	}
	return false
}

// begun returns the time before which no attempt of the call's operation was made.
// Of attempts only the latest is dated; the first came after the command.
func begun(call provider.Call) time.Time {
	if a := call.Operation.Attempt; a.Number <= 1 {
		return a.Started
	}
	return call.Command.At
}
