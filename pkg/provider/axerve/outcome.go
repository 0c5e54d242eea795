package axerve

import (
	"fmt"
	"regexp"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/axerve/gestpay"
)

// lost says why a payment was refused, by the class of its code.
func lost(code gestpay.Code) (payment.Status, payment.Reason) {
	switch code.Class() {
	case gestpay.ClassDeclined, gestpay.ClassRiskRule, gestpay.ClassBuyerAction:
		return payment.Declined, payment.ReasonDeclined
	case gestpay.ClassBuyerAbandoned:
		return payment.Failed, payment.ReasonBuyerCancelled
	case gestpay.ClassExpired:
		return payment.Failed, payment.ReasonExpired
	case gestpay.ClassTokenInvalid:
		return payment.Failed, payment.ReasonMandateInvalid
	case gestpay.ClassExceeds:
		return payment.Failed, payment.ReasonAmount
	case gestpay.ClassInvalidRequest:
		return payment.Failed, payment.ReasonInvalid
	case gestpay.ClassCardsOnly:
		return payment.Failed, payment.ReasonUnsupported
	default: // refused all the same; only why is not known
		return payment.Failed, payment.ReasonUnclear
	}
}

// final tells whether a code gives the reason of a refused payment. Others stand
// beside a KO that another transaction of the same id may contradict.
func final(code gestpay.Code) bool {
	switch code.Class() {
	case gestpay.ClassDeclined, gestpay.ClassRiskRule, gestpay.ClassBuyerAction, gestpay.ClassBuyerAbandoned,
		gestpay.ClassExpired, gestpay.ClassTokenInvalid:
		return true
	default:
		return false
	}
}

// reasons are why a call that was refused can never be executed as written.
var reasons = map[gestpay.Class]payment.Reason{
	gestpay.ClassInvalidRequest: payment.ReasonInvalid,
	gestpay.ClassExceeds:        payment.ReasonAmount,
	gestpay.ClassExpired:        payment.ReasonExpired,
	gestpay.ClassNotFound:       payment.ReasonNotFound,
	gestpay.ClassTokenInvalid:   payment.ReasonMandateInvalid,
	gestpay.ClassConflict:       payment.ReasonState,
	gestpay.ClassCardsOnly:      payment.ReasonUnsupported,
	gestpay.ClassDeclined:       payment.ReasonDeclined,
	gestpay.ClassRiskRule:       payment.ReasonDeclined,
	// The buyer has to choose something else at Amazon; then the payment may be
	// opened again.
	gestpay.ClassBuyerAction:    payment.ReasonDeclined,
	gestpay.ClassBuyerAbandoned: payment.ReasonBuyerCancelled,
}

// refused returns the error for a call that was refused and executed nothing.
// Descriptions are Axerve's for people, and may quote what was sent: only the
// code goes into the error.
func refused(r gestpay.Reply) *provider.Error {
	e := &provider.Error{Code: plainCode(r.ErrorCode), Answered: true, Err: fmt.Errorf("%s: refused", r.Operation)}
	class := r.ErrorCode.Class()
	if class == gestpay.ClassConfig {
		e.Failure, e.Reason = provider.NotSent, payment.ReasonConfiguration
		e.Err = fmt.Errorf("%w: %w", provider.ErrConfiguration, e.Err)
		return e
	}
	if reason, ok := reasons[class]; ok {
		e.Failure, e.Reason = provider.Rejected, reason
		return e
	}
	return doubtful(r)
}

// doubtful returns the error for an answer after which nobody knows.
func doubtful(r gestpay.Reply) *provider.Error {
	return answered(provider.Unclear(plainCode(r.ErrorCode), "%s: answered without saying what was done", r.Operation))
}

// unavailable turns the error of a call that executes nothing into one after
// which it is simply made again.
func unavailable(err error) error {
	e := *provider.AsError(err)
	if e.Failure == provider.Rejected {
		return &e
	}
	if e.Failure == provider.Unknown {
		e.Failure, e.Reason = provider.NotSent, payment.ReasonUnavailable
	}
	return &e
}

var codePattern = regexp.MustCompile(`^[0-9]{1,9}$`)

// plainCode returns a code that is one, and nothing of what is not.
func plainCode(c gestpay.Code) string {
	if c = c.Trim(); codePattern.MatchString(string(c)) {
		return string(c)
	}
	return ""
}

// maxLooks is how many attempts are inquired about because an earlier one might
// have caused the refusal.
const maxLooks = 3

// haunted tells whether an attempt before this one may have been executed, and
// still has to be looked for.
func haunted(call provider.Call) bool {
	return doubted(call) && call.Operation.Attempt.Number <= maxLooks
}

// doubted tells whether any attempt before this one ended without an answer.
func doubted(call provider.Call) bool {
	return call.Operation.Attempt.Number-1 > call.Operation.Refused
}
