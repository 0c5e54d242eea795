package computop

import (
	"context"
	"strings"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
)

// lookback is how long inquire24 is believed when it does not know a TransID:
// its name promises a day.
const lookback = 20 * time.Hour

// Inquire implements provider.Provider. The amounts tell whether an operation
// took effect; LastStatus tells only what is under way or came to nothing.
func (c *Client) Inquire(ctx context.Context, call provider.Call) (payment.Result, error) {
	answer, err := c.look(ctx, call)
	if err != nil {
		return payment.Result{}, err
	}
	f := finding{call: call, answer: answer, totals: *answer.totals(), last: strings.ToUpper(answer.get("LastStatus"))}
	switch call.Operation.Kind {
	case payment.Authorize:
		return f.authorized()
	case payment.UpdateAmount:
		return f.updated()
	case payment.Capture:
		return f.grown(f.totals.Captured, call.Payment.Captured, "CAPTURE")
	case payment.Refund:
		return f.grown(f.totals.Refunded, call.Payment.Refunded, "CREDIT")
	case payment.Cancel:
		return f.cancelled()
	case payment.Payout, payment.Sync:
	}
	return payment.Result{}, unsupported("Paygate cannot inquire about %s", call.Operation.Kind)
}

// look asks what Paygate knows of the call's payment. An answer without totals
// is none.
func (c *Client) look(ctx context.Context, call provider.Call) (reply, error) {
	answer, err := c.ask(ctx, c.inquiry(call))
	if err != nil {
		return reply{}, err
	}
	switch {
	case answer.code().Detail() == "0061" || strings.EqualFold(answer.get("Description"), "PAYMENT NOT FOUND"):
		return reply{}, notFound(call, answer.open)
	case answer.open || answer.judge().class != success || answer.totals() == nil:
		_, err := conclude(call, answer, aboutInquiry(answer.judge()))
		return reply{}, err
	}
	return answer, nil
}

// aboutInquiry keeps a verdict about an inquiry from being taken for one about the
// operation: only our own settings are worth telling apart.
func aboutInquiry(v verdict) verdict {
	if v.class == misconfigured || v.class == refused {
		return v
	}
	return doubt
}

func (c *Client) inquiry(call provider.Call) request {
	values := map[string]string{"TransID": call.Operation.Attempt.Key}
	if id := call.Payment.Refs[RefPayID]; id != "" {
		values["PayID"] = id
		return request{"inquiry", "inquire.aspx", inquireTable, values}
	}
	return request{"inquiry", "inquire24.aspx", inquire24Table, values}
}

// notFound says that Paygate does not know the payment, unless that is hard to
// believe: said without encryption, or of a payment that holds money.
func notFound(call provider.Call, open bool) error {
	switch {
	case open:
		return answered(provider.Unclear("", "inquiry: not found, said without encryption"))
	case call.Operation.Kind != payment.Authorize:
		return answered(provider.Unclear("", "inquiry: the payment was opened and is not known"))
	case call.Payment.Refs[RefPayID] == "" && call.Now.Sub(call.Operation.Attempt.Started) > lookback:
		return answered(provider.Unclear("", "inquiry: the attempt is older than what can be found by TransID"))
	}
	return &provider.Error{
		Failure: provider.NotSent, Reason: payment.ReasonNotFound, Answered: true, Err: provider.ErrNotFound,
	}
}

// finding is what an inquiry gave about a call's operation.
type finding struct {
	call   provider.Call
	answer reply
	totals payment.Totals
	last   string // LastStatus, in upper case
}

func (f finding) result(s payment.Status, amount int64) payment.Result {
	return payment.Result{
		Status: s, Amount: amount, Ref: f.ref(s), Refs: f.answer.refs(), Totals: &f.totals,
		Code: string(f.answer.code()),
	}
}

// ref returns the operation's id. The XID of an inquiry is that of the last step that
// stands: a follow-up's own only if it took effect.
func (f finding) ref(s payment.Status) string {
	op := f.call.Operation
	if op.Kind == payment.Authorize || (s == payment.Approved && op.Ref == "") {
		return f.answer.get("XID")
	}
	return op.Ref
}

func (f finding) failed(why payment.Reason) payment.Result {
	r := f.result(payment.Failed, 0)
	r.Reason, r.Code = why, ""
	return r
}

func (f finding) unclear(what string) (payment.Result, error) {
	return payment.Result{}, answered(provider.Unclear("", "inquiry: %s", what))
}

func (f finding) notFound() (payment.Result, error) {
	return payment.Result{}, &provider.Error{
		Failure: provider.NotSent, Reason: payment.ReasonNotFound, Answered: true, Err: provider.ErrNotFound,
	}
}

func (f finding) authorized() (payment.Result, error) {
	if f.totals.Authorized > 0 {
		r := f.result(payment.Approved, f.totals.Authorized)
		r.Mandate = f.answer.mandate()
		return r, nil
	}
	switch {
	case strings.Contains(f.last, "EXPIRED"):
		return f.failed(payment.ReasonExpired), nil
	case strings.HasPrefix(f.last, "CANCEL"):
		return f.failed(payment.ReasonBuyerCancelled), nil
	case f.last == "FAILED" && f.call.Operation.Status != payment.OpSucceeded:
		return f.failed(payment.ReasonUnclear), nil
	case f.last == "REQUEST", f.last == "AUTHORIZE_REQUEST":
		return f.result(payment.NeedBuyer, 0), nil
	}
	return f.result(payment.Pending, 0), nil
}

// updated tells what an inquiry can: the amount shows only once the buyer has
// confirmed it.
func (f finding) updated() (payment.Result, error) {
	switch f.totals.Authorized {
	case 0:
		return f.notFound()
	case f.call.Operation.Amount.Minor:
		return f.result(payment.Approved, f.totals.Authorized), nil
	}
	return f.failed(payment.ReasonState), nil
}

// grown tells whether a running total has grown by the operation's amount since
// the payment was decided from. word begins the names of the statuses that such
// an operation has while it is under way.
func (f finding) grown(now, before int64, word string) (payment.Result, error) {
	op := f.call.Operation
	if op.Status == payment.OpSucceeded {
		before -= op.Effect // it is counted already
	}
	switch now - before {
	case op.Amount.Minor:
		r := f.result(payment.Approved, op.Amount.Minor)
		return r, nil
	case 0:
		return f.still(word)
	}
	return f.unclear("the total differs by another amount")
}

// still tells what it means that a total has not grown. Refunds, and late
// captures, are accepted long before they count.
func (f finding) still(word string) (payment.Result, error) {
	accepted := f.call.Operation.Status == payment.OpPending
	switch {
	case f.last == "":
		return f.unclear("no last status")
	case f.last == "PENDING", strings.HasPrefix(f.last, word+"_"):
		return f.result(payment.Pending, 0), nil
	case accepted && f.last == "FAILED":
		return f.failed(payment.ReasonUnclear), nil
	case accepted:
		return f.result(payment.Pending, 0), nil
	}
	return f.notFound()
}

func (f finding) cancelled() (payment.Result, error) {
	switch {
	case f.totals.Captured > 0 || f.totals.Refunded > 0:
		return f.unclear("the payment was captured")
	case f.totals.Authorized == 0:
		return f.result(payment.Approved, 0), nil
	case f.call.Operation.Status == payment.OpPending && f.last == "FAILED":
		return f.failed(payment.ReasonUnclear), nil // it was accepted, and came to nothing
	}
	return f.notFound()
}
