package gestpay

import "errors"

// Outcome is what an answer comes to. Two different things are called KO: that a
// call was refused and that a payment was; the outcome tells them apart.
type Outcome string

// The outcomes.
const (
	CallOK         Outcome = "CALL_OK"         // OpEncrypt: there is a string
	CallFailed     Outcome = "CALL_FAILED"     // the call was refused; the payment is as it was
	PaymentOK      Outcome = "PAYMENT_OK"      // authorised, maybe captured: read the events
	PaymentKO      Outcome = "PAYMENT_KO"      // the payment was refused
	PaymentPending Outcome = "PAYMENT_PENDING" // not final
	OpOK           Outcome = "OP_OK"           // settle, refund or delete was accepted
	OpKO           Outcome = "OP_KO"           // it was refused
	Unknown        Outcome = "UNKNOWN"         // money may have moved: read before anything else
	NotFound       Outcome = "NOT_FOUND"       // OpRead: no such transaction, yet
	Ambiguous      Outcome = "AMBIGUOUS"       // OpRead: several with this shop id
	ProtocolError  Outcome = "PROTOCOL_ERROR"  // the answer cannot be trusted
	TransportFault Outcome = "TRANSPORT_FAULT" // the gateway's application gave no answer
)

// OutcomeOf tells what Parse returned comes to. After a money call,
// ProtocolError and TransportFault leave the outcome unknown too.
func OutcomeOf(r Reply, err error) Outcome {
	switch {
	case errors.Is(err, ErrTransport):
		return TransportFault
	case err != nil:
		return ProtocolError
	}
	return r.Outcome()
}

// Outcome of a reply that Parse returned without an error.
func (r Reply) Outcome() Outcome {
	switch r.Operation {
	case OpEncrypt:
		return outcome(r.TransactionResult, CallOK, CallFailed)
	case OpDecrypt:
		return r.decryptOutcome()
	case OpPay:
		return r.payOutcome()
	case OpRead:
		return r.readOutcome()
	default:
		return r.callOutcome()
	}
}

// outcome spells the three results; the verified ones have no others.
func outcome(r Result, ok, ko Outcome) Outcome {
	switch r {
	case ResultOK:
		return ok
	case ResultPending:
		return PaymentPending
	default:
		return ko
	}
}

// decryptOutcome: without a ShopTransactionID it was the call that was refused.
func (r Reply) decryptOutcome() Outcome {
	if r.ShopTransactionID == "" {
		return CallFailed
	}
	return outcome(r.TransactionResult, PaymentOK, PaymentKO)
}

// payOutcome: a BankTransactionID says that a transaction was recorded. Without
// one nothing was opened, provided that the code says what was wrong.
func (r Reply) payOutcome() Outcome {
	if r.TransactionResult != ResultKO || r.BankTransactionID != "" {
		return outcome(r.TransactionResult, PaymentOK, PaymentKO)
	}
	switch r.ErrorCode.Class() {
	case ClassTechnical, ClassConflict, ClassNotFound, ClassAmbiguous, ClassUnknown, ClassWireOnly, ClassInformational, ClassOK:
		return Unknown
	default:
		return CallFailed
	}
}

// readOutcome. A declined transaction may carry its reason or 0; what is about
// the call and not the transaction stands beside no event.
func (r Reply) readOutcome() Outcome {
	if r.TransactionResult != ResultKO {
		return outcome(r.TransactionResult, PaymentOK, PaymentKO)
	}
	class := r.ErrorCode.Class()
	if len(r.Events) > 0 || r.BankTransactionID != "" && aboutPayment(class) {
		return PaymentKO
	}
	switch r.ErrorCode.Trim() {
	case CodeNotFound:
		return NotFound
	case CodeAmbiguous:
		return Ambiguous
	default: // whatever the code: the answer is not about the transaction
		return CallFailed
	}
}

// aboutPayment tells whether a code gives the reason of a refused payment.
func aboutPayment(c Class) bool {
	switch c {
	case ClassOK, ClassDeclined, ClassBuyerAction, ClassBuyerAbandoned, ClassRiskRule, ClassExpired, ClassTokenInvalid, ClassExceeds:
		return true
	default:
		return false
	}
}

// callOutcome of settle, refund and delete: a technical KO says nothing, because
// the gateway may execute the call later by itself.
func (r Reply) callOutcome() Outcome {
	if r.TransactionResult == ResultOK {
		return OpOK
	}
	switch r.ErrorCode.Class() {
	case ClassTechnical, ClassUnknown, ClassWireOnly, ClassInformational, ClassOK:
		return Unknown
	default:
		return OpKO
	}
}

// Retryable tells whether the same call may simply be sent again later.
func (r Reply) Retryable() bool {
	return r.Operation.ReadOnly() && r.Outcome() == CallFailed && r.ErrorCode.Class() == ClassTechnical
}

// BuyerCanRetry tells whether the buyer can put right what was wrong.
func (r Reply) BuyerCanRetry() bool { return r.ErrorCode.Class() == ClassBuyerAction }

// Alert tells whether a person should look: the shop's settings are wrong, a
// code is in no list, or ids or events are not what they should be.
func (r Reply) Alert() bool {
	switch r.ErrorCode.Class() {
	case ClassConfig, ClassAmbiguous, ClassCardsOnly, ClassWireOnly, ClassUnknown:
		return r.TransactionResult == ResultKO
	case ClassInvalidRequest:
		return r.Operation.follows()
	default: // foreseen; what the answer lists may still be odd
		ledger, err := r.Ledger()
		return err != nil || len(ledger.Unknown) > 0
	}
}
