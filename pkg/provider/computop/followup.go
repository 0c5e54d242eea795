package computop

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
)

// neutralDesc stands where Paygate demands a description and none was given.
const neutralDesc = "Refund"

// follow returns the values that refer to an opened payment.
func follow(call provider.Call) (map[string]string, error) {
	id := call.Payment.Refs[RefPayID]
	if !payIDPattern.MatchString(id) {
		return nil, provider.Reject(payment.ReasonNotFound, "the payment has no PayID")
	}
	return map[string]string{"PayID": id, "TransID": call.Operation.Attempt.Key, "ReqId": call.Operation.Attempt.Idem}, nil
}

// chargeOf adds the charge's id to values. It comes with the first notify.
func chargeOf(call provider.Call, values map[string]string) error {
	id := call.Payment.Refs[RefChargeID]
	if id == "" {
		return provider.Reject(payment.ReasonNotFound, "the payment has no charge id")
	}
	values["chargeid"] = id
	return nil
}

func addMoney(values map[string]string, m payment.Money) {
	values["Amount"], values["Currency"] = strconv.FormatInt(m.Minor, 10), string(m.Currency)
}

// updateAmount changes the amount while the buyer is on the review page.
func (c *Client) updateAmount(ctx context.Context, call provider.Call) (payment.Result, error) {
	if err := c.checkAmount(call.Operation.Amount); err != nil {
		return payment.Result{}, err
	}
	ids, err := follow(call)
	if err != nil {
		return payment.Result{}, err
	}
	values := map[string]string{
		"PayId": ids["PayID"], "CountryCode": call.Payment.Terms.Country, "eventToken": "UpdateAuthorizeAmount",
	}
	addMoney(values, call.Operation.Amount)
	answer, err := c.ask(ctx, request{"update_amount", "amazonAPA.aspx", updateTable, values})
	if err != nil {
		return payment.Result{}, err
	}
	v := answer.judge()
	switch authorized, _ := answer.minor("AmountAuth"); {
	case answer.open || authorized > 0: // the buyer had confirmed already
		return conclude(call, answer, cmp.Or(onlyRefusal(v), doubt))
	case v.class == buyer, v.class == success:
		return payment.Result{Status: payment.Approved, Amount: call.Operation.Amount.Minor, Ref: answer.get("XID"), Code: string(answer.code())}, nil
	case v.class == unlisted:
		// Nothing moved, and it said that it failed.
		return payment.Result{Status: payment.Failed, Reason: v.reason, Code: string(answer.code())}, nil
	}
	return conclude(call, answer, v)
}

// onlyRefusal returns v if it says that nothing was executed.
func onlyRefusal(v verdict) verdict {
	switch v.class {
	case rejected, refused, misconfigured, failed, declined:
		return v
	case unclear, success, pending, buyer, active, unlisted:
	}
	return verdict{}
}

func (c *Client) capture(ctx context.Context, call provider.Call) (payment.Result, error) {
	if err := c.checkAmount(call.Operation.Amount); err != nil {
		return payment.Result{}, err
	}
	if err := c.checkText(call.Command); err != nil {
		return payment.Result{}, err
	}
	values, err := follow(call)
	if err != nil {
		return payment.Result{}, err
	}
	addMoney(values, call.Operation.Amount)
	values["refnr"], values["OrderDesc"] = call.Command.Reference, call.Command.Description
	values["ChDesc"] = call.Command.StatementText
	answer, err := c.ask(ctx, request{"capture", "capture.aspx", captureTable, values})
	if err != nil {
		return payment.Result{}, err
	}
	return moved(call, answer, "AmountCap", call.Payment.Captured)
}

func (c *Client) credit(ctx context.Context, call provider.Call) (payment.Result, error) {
	// Of a small rest the least amount cannot be asked; Paygate decides.
	if err := checkMoney(call.Operation.Amount, 1); err != nil {
		return payment.Result{}, err
	}
	if err := c.checkText(call.Command); err != nil {
		return payment.Result{}, err
	}
	values, err := follow(call)
	if err != nil {
		return payment.Result{}, err
	}
	if err := chargeOf(call, values); err != nil {
		return payment.Result{}, err
	}
	addMoney(values, call.Operation.Amount)
	values["refnr"] = call.Command.Reference
	values["OrderDesc"] = cmp.Or(call.Command.Description, neutralDesc)
	answer, err := c.ask(ctx, request{"refund", "credit.aspx", creditTable, values})
	if err != nil {
		return payment.Result{}, err
	}
	return moved(call, answer, "AmountCred", call.Payment.Refunded)
}

// moved reads the answer to a capture or a refund. A success counts when the
// running total has grown by the amount; one that has not grown yet will, and
// one that has grown by anything else is not our doing.
func moved(call provider.Call, answer reply, total string, before int64) (payment.Result, error) {
	v := answer.judge()
	if v.class != success || answer.open {
		return conclude(call, answer, v)
	}
	r := good(answer)
	r.Amount = call.Operation.Amount.Minor
	now, told := answer.minor(total)
	switch {
	case !told, now-before == r.Amount:
		return r, nil
	case now == before:
		r.Status = payment.Pending
		return r, nil
	}
	return conclude(call, answer, doubt)
}

// reverse gives up an authorisation. reverse.aspx undoes the last step whatever
// it was, so Paygate is asked first what there is.
func (c *Client) reverse(ctx context.Context, call provider.Call) (payment.Result, error) {
	values, err := follow(call)
	if err != nil {
		return payment.Result{}, err
	}
	if err := chargeOf(call, values); err != nil {
		return payment.Result{}, err
	}
	if err := c.onlyAuthorized(ctx, call); err != nil {
		return payment.Result{}, err
	}
	delete(values, "TransID") // the table has none, and so its place in the MAC is empty
	if classWords.MatchString(call.Command.Description) {
		values["Reason"] = call.Command.Description
	}
	answer, err := c.ask(ctx, request{"cancel", "reverse.aspx", reverseTable, values})
	if err != nil {
		return payment.Result{}, err
	}
	v := answer.judge()
	left := answer.totals()
	switch {
	case v.class != success || answer.open:
		return conclude(call, answer, v)
	case left != nil && (left.Authorized != 0 || left.Captured != 0):
		return conclude(call, answer, doubt)
	}
	return good(answer), nil
}

// onlyAuthorized returns nil when the payment holds an authorisation and nothing
// else. Whatever else comes of asking, nothing was executed.
func (c *Client) onlyAuthorized(ctx context.Context, call provider.Call) error {
	answer, err := c.look(ctx, call)
	switch {
	case errors.Is(err, provider.ErrNotFound):
		return provider.Reject(payment.ReasonNotFound, "Paygate does not know the payment")
	case err != nil:
		e := *provider.AsError(err)
		e.Failure, e.Answered = provider.NotSent, false
		e.Err = fmt.Errorf("asked before cancelling: %w", e.Err)
		return &e
	}
	totals := answer.totals()
	switch {
	case totals.Captured > 0 || totals.Refunded > 0:
		return provider.Reject(payment.ReasonState, "the payment was captured")
	case totals.Authorized == 0:
		// Perhaps an earlier attempt of ours did it; asking again later tells.
		return answered(provider.Unclear("", "cancel: Paygate shows no authorisation"))
	}
	return nil
}
