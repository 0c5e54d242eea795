package wire

import (
	"github.com/payloom/payloom/pkg/payment"
	pb "github.com/payloom/payloom/proto/payloom/v1"
)

// enum is a table of the names that Go uses and the numbers on the wire.
type enum[G ~string, P ~int32] struct {
	name    string
	numbers map[G]P
	names   map[P]G
}

func newEnum[G ~string, P ~int32](name string, numbers map[G]P) enum[G, P] {
	names := make(map[P]G, len(numbers))
	for g, p := range numbers {
		names[p] = g
	}
	return enum[G, P]{name: name, numbers: numbers, names: names}
}

// encode returns v's number; 0 for an empty v and -1, which no enum has, for an
// unknown one, both of which fail.
func (e enum[G, P]) encode(c *coder, v G) P {
	if p, ok := e.numbers[v]; ok {
		return p
	}
	if v == "" {
		c.fail("%s is missing", e.name)
		return 0
	}
	c.fail("%s %.40q is not known", e.name, string(v))
	return -1
}

// encodeOptional is encode for what may be empty.
func (e enum[G, P]) encodeOptional(c *coder, v G) P {
	if v == "" {
		return 0
	}
	return e.encode(c, v)
}

func (e enum[G, P]) decode(c *coder, p P) G {
	g, ok := e.names[p]
	if !ok {
		c.fail("%s %d is not known", e.name, int32(p))
	}
	return g
}

func (e enum[G, P]) decodeOptional(c *coder, p P) G {
	if p == 0 {
		return ""
	}
	return e.decode(c, p)
}

var kinds = newEnum("kind", map[payment.Kind]pb.Kind{
	payment.Authorize:    pb.Kind_KIND_AUTHORIZE,
	payment.UpdateAmount: pb.Kind_KIND_UPDATE_AMOUNT,
	payment.Capture:      pb.Kind_KIND_CAPTURE,
	payment.Refund:       pb.Kind_KIND_REFUND,
	payment.Cancel:       pb.Kind_KIND_CANCEL,
	payment.Payout:       pb.Kind_KIND_PAYOUT,
	payment.Sync:         pb.Kind_KIND_SYNC,
})

var methods = newEnum("method", map[payment.Method]pb.Method{
	payment.Button:         pb.Method_METHOD_BUTTON,
	payment.Redirect:       pb.Method_METHOD_REDIRECT,
	payment.OrderReference: pb.Method_METHOD_ORDER_REFERENCE,
	payment.MandateCharge:  pb.Method_METHOD_MANDATE,
})

var captureModes = newEnum("capture mode", map[payment.CaptureMode]pb.CaptureMode{
	payment.CaptureManual: pb.CaptureMode_CAPTURE_MODE_MANUAL,
	payment.CaptureAuto:   pb.CaptureMode_CAPTURE_MODE_AUTOMATIC,
})

var cycles = newEnum("cycle", map[payment.Cycle]pb.Cycle{
	payment.Year:     pb.Cycle_CYCLE_YEAR,
	payment.Month:    pb.Cycle_CYCLE_MONTH,
	payment.Week:     pb.Cycle_CYCLE_WEEK,
	payment.Day:      pb.Cycle_CYCLE_DAY,
	payment.Variable: pb.Cycle_CYCLE_VARIABLE,
})

var sources = newEnum("source", map[payment.Source]pb.Source{
	payment.FromAnswer:   pb.Source_SOURCE_ANSWER,
	payment.FromCallback: pb.Source_SOURCE_CALLBACK,
	payment.FromBrowser:  pb.Source_SOURCE_BROWSER,
	payment.FromInquiry:  pb.Source_SOURCE_INQUIRY,
	payment.FromWorker:   pb.Source_SOURCE_WORKER,
	payment.FromOperator: pb.Source_SOURCE_OPERATOR,
})

var statuses = newEnum("status", map[payment.Status]pb.ResultStatus{
	payment.Approved:  pb.ResultStatus_RESULT_STATUS_APPROVED,
	payment.Declined:  pb.ResultStatus_RESULT_STATUS_DECLINED,
	payment.Failed:    pb.ResultStatus_RESULT_STATUS_FAILED,
	payment.Pending:   pb.ResultStatus_RESULT_STATUS_PENDING,
	payment.NeedBuyer: pb.ResultStatus_RESULT_STATUS_NEED_BUYER,
})

var opStatuses = newEnum("operation status", map[payment.OpStatus]pb.OperationStatus{
	payment.OpOpen:      pb.OperationStatus_OPERATION_STATUS_OPEN,
	payment.OpUnknown:   pb.OperationStatus_OPERATION_STATUS_UNKNOWN,
	payment.OpWaiting:   pb.OperationStatus_OPERATION_STATUS_WAITING,
	payment.OpAction:    pb.OperationStatus_OPERATION_STATUS_ACTION_REQUIRED,
	payment.OpPending:   pb.OperationStatus_OPERATION_STATUS_PENDING,
	payment.OpSucceeded: pb.OperationStatus_OPERATION_STATUS_SUCCEEDED,
	payment.OpDeclined:  pb.OperationStatus_OPERATION_STATUS_DECLINED,
	payment.OpFailed:    pb.OperationStatus_OPERATION_STATUS_FAILED,
	payment.OpRejected:  pb.OperationStatus_OPERATION_STATUS_REJECTED,
	payment.OpParked:    pb.OperationStatus_OPERATION_STATUS_PARKED,
})

var actionTypes = newEnum("action type", map[payment.ActionType]pb.ActionType{
	payment.ActionButton:   pb.ActionType_ACTION_TYPE_BUTTON,
	payment.ActionRedirect: pb.ActionType_ACTION_TYPE_REDIRECT,
	payment.ActionReview:   pb.ActionType_ACTION_TYPE_REVIEW,
})

// StateNew is the empty string and has a number all the same, so that a missing
// state is told from a new payment.
var states = newEnum("state", map[payment.State]pb.State{
	payment.StateNew:               pb.State_STATE_NEW,
	payment.StateRejected:          pb.State_STATE_REJECTED,
	payment.StateProcessing:        pb.State_STATE_PROCESSING,
	payment.StateRequiresAction:    pb.State_STATE_REQUIRES_ACTION,
	payment.StatePending:           pb.State_STATE_PENDING,
	payment.StateAuthorized:        pb.State_STATE_AUTHORIZED,
	payment.StatePartiallyCaptured: pb.State_STATE_PARTIALLY_CAPTURED,
	payment.StateCaptured:          pb.State_STATE_CAPTURED,
	payment.StatePartiallyRefunded: pb.State_STATE_PARTIALLY_REFUNDED,
	payment.StateRefunded:          pb.State_STATE_REFUNDED,
	payment.StateCancelled:         pb.State_STATE_CANCELLED,
	payment.StateDeclined:          pb.State_STATE_DECLINED,
	payment.StateFailed:            pb.State_STATE_FAILED,
	payment.StateExpired:           pb.State_STATE_EXPIRED,
	payment.StateAgreed:            pb.State_STATE_AGREED,
	payment.StatePaid:              pb.State_STATE_PAID,
	payment.StateReversed:          pb.State_STATE_REVERSED,
})

var reasons = newEnum("reason", map[payment.Reason]pb.Reason{
	payment.ReasonDeclined:         pb.Reason_REASON_DECLINED,
	payment.ReasonBuyerCancelled:   pb.Reason_REASON_CANCELLED_BY_BUYER,
	payment.ReasonExpired:          pb.Reason_REASON_EXPIRED,
	payment.ReasonAmount:           pb.Reason_REASON_AMOUNT_NOT_ALLOWED,
	payment.ReasonState:            pb.Reason_REASON_NOT_ALLOWED_IN_THIS_STATE,
	payment.ReasonUnsupported:      pb.Reason_REASON_NOT_SUPPORTED,
	payment.ReasonInvalid:          pb.Reason_REASON_INVALID_REQUEST,
	payment.ReasonConfiguration:    pb.Reason_REASON_CONFIGURATION,
	payment.ReasonRefundBlocked:    pb.Reason_REASON_REFUND_BLOCKED,
	payment.ReasonUnavailable:      pb.Reason_REASON_PROVIDER_UNAVAILABLE,
	payment.ReasonThrottled:        pb.Reason_REASON_THROTTLED,
	payment.ReasonNoAnswer:         pb.Reason_REASON_NO_ANSWER,
	payment.ReasonUnclear:          pb.Reason_REASON_UNCLEAR_ANSWER,
	payment.ReasonNotFound:         pb.Reason_REASON_NOT_FOUND_AT_PROVIDER,
	payment.ReasonExists:           pb.Reason_REASON_PAYMENT_EXISTS,
	payment.ReasonNotStarted:       pb.Reason_REASON_PAYMENT_NOT_STARTED,
	payment.ReasonTooMany:          pb.Reason_REASON_TOO_MANY_OPERATIONS,
	payment.ReasonFrozen:           pb.Reason_REASON_PAYMENT_FROZEN,
	payment.ReasonCurrency:         pb.Reason_REASON_CURRENCY_DIFFERS,
	payment.ReasonReqIDReused:      pb.Reason_REASON_REQ_ID_REUSED,
	payment.ReasonReversed:         pb.Reason_REASON_TAKEN_BACK_BY_PROVIDER,
	payment.ReasonMandateInvalid:   pb.Reason_REASON_MANDATE_INVALID,
	payment.ReasonNothingToInquire: pb.Reason_REASON_CANNOT_BE_INQUIRED,
})

var callbackKinds = newEnum("callback kind", map[CallbackKind]pb.CallbackKind{
	FromServer:       pb.CallbackKind_CALLBACK_KIND_SERVER,
	FromBuyerBrowser: pb.CallbackKind_CALLBACK_KIND_BROWSER,
})

var verdicts = newEnum("verdict", map[Verdict]pb.CallbackVerdict{
	Accepted:    pb.CallbackVerdict_CALLBACK_VERDICT_ACCEPTED,
	Unverified:  pb.CallbackVerdict_CALLBACK_VERDICT_UNVERIFIED,
	Quarantined: pb.CallbackVerdict_CALLBACK_VERDICT_QUARANTINED,
})

var auditResults = newEnum("audit result", map[AuditResult]pb.AuditResult{
	Intended:    pb.AuditResult_AUDIT_RESULT_INTENDED,
	AuditDone:   pb.AuditResult_AUDIT_RESULT_DONE,
	AuditFailed: pb.AuditResult_AUDIT_RESULT_FAILED,
})

var breakKinds = newEnum("kind of break", map[payment.BreakKind]pb.BreakKind{
	payment.MissingThere:    pb.BreakKind_BREAK_KIND_MISSING_THERE,
	payment.MissingHere:     pb.BreakKind_BREAK_KIND_MISSING_HERE,
	payment.AmountDiffers:   pb.BreakKind_BREAK_KIND_AMOUNT_DIFFERS,
	payment.StateDiffers:    pb.BreakKind_BREAK_KIND_STATE_DIFFERS,
	payment.CurrencyDiffers: pb.BreakKind_BREAK_KIND_CURRENCY_DIFFERS,
})

var figures = newEnum("figure", map[payment.Figure]pb.Figure{
	payment.FigurePayment:    pb.Figure_FIGURE_PAYMENT,
	payment.FigureCurrency:   pb.Figure_FIGURE_CURRENCY,
	payment.FigureState:      pb.Figure_FIGURE_STATE,
	payment.FigureAuthorized: pb.Figure_FIGURE_AUTHORIZED,
	payment.FigureCaptured:   pb.Figure_FIGURE_CAPTURED,
	payment.FigureRefunded:   pb.Figure_FIGURE_REFUNDED,
})

var breakStatuses = newEnum("status of a break", map[payment.BreakStatus]pb.BreakStatus{
	payment.BreakOpen:   pb.BreakStatus_BREAK_STATUS_OPEN,
	payment.BreakHealed: pb.BreakStatus_BREAK_STATUS_HEALED,
	payment.BreakClosed: pb.BreakStatus_BREAK_STATUS_CLOSED,
})
