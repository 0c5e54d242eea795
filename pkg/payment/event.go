package payment

import "time"

// Event says what happened to a payment. Events are immutable; those of one
// payment, in the order of Version, are its ledger.
type Event struct {
	ID       string // unique; drawn by the writer, so that it knows its own event again
	Payment  ID
	Merchant Merchant
	Provider Provider
	Version  uint64 // 1, 2, …; set by Next
	Command  CommandID
	At       time.Time // broker time as the writer knew it
	Source   Source
	Data     EventData
}

// Source says where the writer of an event had it from.
type Source string

// The sources.
const (
	FromAnswer   Source = "answer"   // the provider's answer to a call
	FromCallback Source = "callback" // an authentic callback
	FromBrowser  Source = "browser"  // the buyer's return; decides nothing about money
	FromInquiry  Source = "inquiry"
	FromWorker   Source = "worker" // our own decision
	FromOperator Source = "operator"
)

// EventData is the part of an event that differs by type. Only the types of
// this package implement it.
type EventData interface{ Type() EventType }

// EventType names a type of event, as it stands in headers and rows.
type EventType string

// The event types.
const (
	TypeAttemptStarted     EventType = "AttemptStarted"
	TypeAttemptNotSent     EventType = "AttemptNotSent"
	TypeAttemptVoided      EventType = "AttemptVoided"
	TypeActionRequired     EventType = "ActionRequired"
	TypeOperationPending   EventType = "OperationPending"
	TypeOperationSucceeded EventType = "OperationSucceeded"
	TypeOperationDeclined  EventType = "OperationDeclined"
	TypeOperationFailed    EventType = "OperationFailed"
	TypeOperationRejected  EventType = "OperationRejected"
	TypeOperationReversed  EventType = "OperationReversed"
	TypeOutcomeUnknown     EventType = "OutcomeUnknown"
	TypeParked             EventType = "Parked"
	TypeBuyerDetails       EventType = "BuyerDetailsReceived"
	TypeMandateIssued      EventType = "MandateIssued"
	TypeCallbackConfirmed  EventType = "CallbackConfirmed"
	TypeLateOutcome        EventType = "LateOutcome"
	TypeSynced             EventType = "Synced"
	TypeReconcileBreak     EventType = "ReconcileBreak"
	TypeUnfrozen           EventType = "Unfrozen"
)

// EventTypes lists all event types in a stable order.
func EventTypes() []EventType {
	return []EventType{
		TypeAttemptStarted, TypeAttemptNotSent, TypeAttemptVoided, TypeActionRequired, TypeOperationPending,
		TypeOperationSucceeded, TypeOperationDeclined, TypeOperationFailed, TypeOperationRejected, TypeOperationReversed, TypeOutcomeUnknown,
		TypeParked, TypeBuyerDetails, TypeMandateIssued, TypeCallbackConfirmed, TypeLateOutcome, TypeUnfrozen, TypeSynced,
		TypeReconcileBreak,
	}
}

type (
	// AttemptStarted is the intent: stored before one byte goes to the provider.
	AttemptStarted struct {
		Kind    Kind
		Amount  Money
		Attempt int
		Key     string
		Idem    string
		Account string
		Terms   *Terms // with the first attempt of an operation that opens a payment
	}
	// Terms is what a payment keeps of the command that opened it.
	Terms struct {
		Capture CaptureMode
		Method  Method
		Country string
		Return  ReturnURLs
		Cycle   Cycle // of the series, if one begins
		// MandateOnly is set when no money is to move, only a mandate is wanted.
		MandateOnly bool
	}
	// AttemptNotSent says that nothing was executed; another attempt follows.
	AttemptNotSent struct {
		Attempt int
		Refused bool // the provider answered; false: it was not reached
		Code    string
		Reason  Reason
		RetryAt time.Time
	}
	// AttemptVoided says that the provider knows nothing of an attempt and will
	// not come to know it: another may follow.
	AttemptVoided struct{ Attempt int }
	// ActionRequired says what the buyer has to do.
	ActionRequired struct {
		Attempt int
		Action  Action
		Ref     string
		Refs    map[string]string
	}
	// OperationPending says that the provider accepted and will tell later.
	OperationPending struct {
		Attempt int
		Ref     string
		Refs    map[string]string
		Code    string
		RetryAt time.Time // when to inquire
	}
	// OperationSucceeded says that an operation took effect.
	OperationSucceeded struct {
		Ref      string
		Refs     map[string]string
		Code     string
		Amount   int64 // minor units
		Captured bool  // of an Authorize: the money was taken at once
	}
	// OperationDeclined says that somebody refused.
	OperationDeclined struct {
		Ref    string
		Code   string
		Reason Reason
	}
	// OperationFailed says that an operation will not happen, for another reason
	// than a decline.
	OperationFailed struct {
		Ref    string
		Code   string
		Reason Reason
	}
	// OperationRejected says that a command can never be executed as written. It
	// may come without any attempt.
	OperationRejected struct {
		Kind   Kind
		Code   string
		Reason Reason
		Detail string // for people; holds no personal data
	}
	// OperationReversed says that the provider took back what had succeeded, as
	// it may with a payout.
	OperationReversed struct {
		Ref    string
		Code   string
		Reason Reason
	}
	// OutcomeUnknown says that the provider may or may not have executed an
	// attempt. Only inquiry, or a resend that it deduplicates, can tell.
	OutcomeUnknown struct {
		Attempt int
		Code    string
		Reason  Reason
		RetryAt time.Time // when to inquire again
	}
	// Parked says that neither resend nor inquiry can tell: a person must.
	Parked struct {
		Attempt int
		Reason  Reason
		Detail  string
	}
	// BuyerDetailsReceived carries what the provider told about the buyer, and
	// the action that comes with it.
	BuyerDetailsReceived struct {
		Buyer  Buyer
		Action *Action
		ToldAt time.Time // of two tellings the later one counts
	}
	// MandateIssued carries the right to charge again.
	MandateIssued struct{ Mandate Mandate }
	// CallbackConfirmed says that a callback confirmed what was already known by
	// other means. Providers that want their first notify answered before
	// follow-ups need it.
	CallbackConfirmed struct {
		Ref  string
		Refs map[string]string
	}
	// LateOutcome says that an outcome arrived which the ledger has no place for,
	// a success after a failure or of a voided attempt. It freezes the payment.
	LateOutcome struct {
		Kind   Kind
		Status Status
		Ref    string
		Code   string
		Amount int64
	}
	// Synced says that a sync command was carried out.
	Synced struct {
		Found  bool
		Totals *Totals
	}
	// Unfrozen says that a person has dealt with the late outcomes that froze the
	// payment. Those of Refs freeze it no more.
	Unfrozen struct{ Refs []string }
	// ReconcileBreak says that the payment and its provider's books differ, or no
	// longer do, or that a person has accepted that they do. It moves neither money
	// nor state.
	ReconcileBreak struct{ Break Break }
)

// The event types of the data.

func (AttemptStarted) Type() EventType       { return TypeAttemptStarted }     //nolint:revive // says itself
func (AttemptNotSent) Type() EventType       { return TypeAttemptNotSent }     //nolint:revive // says itself
func (AttemptVoided) Type() EventType        { return TypeAttemptVoided }      //nolint:revive // says itself
func (ActionRequired) Type() EventType       { return TypeActionRequired }     //nolint:revive // says itself
func (OperationPending) Type() EventType     { return TypeOperationPending }   //nolint:revive // says itself
func (OperationSucceeded) Type() EventType   { return TypeOperationSucceeded } //nolint:revive // says itself
func (OperationDeclined) Type() EventType    { return TypeOperationDeclined }  //nolint:revive // says itself
func (OperationFailed) Type() EventType      { return TypeOperationFailed }    //nolint:revive // says itself
func (OperationRejected) Type() EventType    { return TypeOperationRejected }  //nolint:revive // says itself
func (OperationReversed) Type() EventType    { return TypeOperationReversed }  //nolint:revive // says itself
func (OutcomeUnknown) Type() EventType       { return TypeOutcomeUnknown }     //nolint:revive // says itself
func (Parked) Type() EventType               { return TypeParked }             //nolint:revive // says itself
func (BuyerDetailsReceived) Type() EventType { return TypeBuyerDetails }       //nolint:revive // says itself
func (MandateIssued) Type() EventType        { return TypeMandateIssued }      //nolint:revive // says itself
func (CallbackConfirmed) Type() EventType    { return TypeCallbackConfirmed }  //nolint:revive // says itself
func (LateOutcome) Type() EventType          { return TypeLateOutcome }        //nolint:revive // says itself
func (Synced) Type() EventType               { return TypeSynced }             //nolint:revive // says itself
func (ReconcileBreak) Type() EventType       { return TypeReconcileBreak }     //nolint:revive // says itself
func (Unfrozen) Type() EventType             { return TypeUnfrozen }           //nolint:revive // says itself
