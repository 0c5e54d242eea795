package ecommpay

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/ecommpay/gate"
)

const pathPayout = "/v2/payment/wallet/amazonpay/payout"

// payout sends a payout once and reads the answer.
func (c *Client) payout(ctx context.Context, call provider.Call) (payment.Result, error) {
	body, err := c.cfg.payoutOf(call)
	if err != nil {
		return c.unexecuted(ctx, call, payment.Result{}, err)
	}
	answer, err := c.post(ctx, request{"payout", pathPayout, body, gate.InGeneral})
	got, readErr := gate.Parse(answer.Body)
	switch {
	case answer.Status == 200 && readErr == nil && status(text(got.Get("status"))) == "success":
		return c.accepted(call, got)
	case refusing(answer.Status) && readErr == nil && refusalCode(got) != "":
		return c.refused(ctx, call, refusalCode(got))
	case err == nil:
		return payment.Result{}, answered(provider.Unclear("", "payout: the answer cannot be read"))
	case provider.FailureOf(err) == provider.Unknown:
		return payment.Result{}, err
	}
	return c.unexecuted(ctx, call, payment.Result{}, overloaded(answer.Status, err))
}

// overloaded returns err, which is an overload's by its status, as Unknown. What
// stood before the platform may have said so after the request went on.
func overloaded(status int, err error) error {
	if status != http.StatusTooEarly && status != http.StatusTooManyRequests {
		return err
	}
	e := *provider.AsError(err)
	e.Failure = provider.Unknown
	return &e
}

// refusing tells whether an answer with this status may be a refusal that can be
// believed: no time-out, no overload and no failure of a server.
func refusing(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return status >= 200 && status < 300 || status >= 400 && status < 500
}

// refusalCode returns the code of an answer that refuses the request, in either
// form; "" when it is none.
func refusalCode(m gate.Message) string {
	if status(text(m.Get("status"))) != "error" && m.Get("errors").Kind() != gate.Array {
		return ""
	}
	if c := code(m.Get("code")); c != "" {
		return c
	}
	return faultOf(m)
}

// accepted returns the result of an answer that takes the request, if it is to
// ours.
func (c *Client) accepted(call provider.Call, m gate.Message) (payment.Result, error) {
	project, id := text(m.Get("project_id")), text(m.Get("payment_id"))
	if project != "" && project != strconv.FormatInt(c.cfg.ProjectID, 10) || id != "" && id != call.Operation.Attempt.Key {
		return payment.Result{}, answered(provider.Unclear("", "payout: %w", errForeign))
	}
	r := payment.Result{Status: payment.Pending}
	if ref := text(m.Get("request_id")); ref != "" {
		r.Ref, r.Refs = ref, map[string]string{RefRequestID: ref}
	}
	return r, nil
}

// refused returns what follows from a refusal with this code. No operation is
// created then (ECommPay documentation, Unified codes); but where the code says
// that there is one already, or says nothing, the platform is asked; and where it
// tells of a time-out or an outage, the payout may be made only under the same
// payment_id again.
func (c *Client) refused(ctx context.Context, call provider.Call, code string) (payment.Result, error) {
	v := judge(code)
	e := &provider.Error{Reason: v.reason, Code: code, Answered: true, Err: errRefused}
	switch v.class {
	case transient:
		e.Failure = provider.Unknown
	case misset:
		e.Failure, e.Err = provider.NotSent, fmt.Errorf("%w: %w", provider.ErrConfiguration, errRefused)
	case limit, invalid:
		e.Failure = provider.Rejected
	case refused:
		return c.unexecuted(ctx, call, payment.Result{Status: payment.Declined, Code: code, Reason: v.reason}, nil)
	case query, fine, wait, manual:
		return c.duplicate(ctx, call, code)
	}
	return c.unexecuted(ctx, call, payment.Result{}, e)
}

var errRefused = errors.New("payout: refused")

// duplicate returns the result of the payment that is there already. Where none
// is found the refusal stays unclear: one that claims that there is one cannot be
// right, and the others may be followed by what they do not tell of.
func (c *Client) duplicate(ctx context.Context, call provider.Call, code string) (payment.Result, error) {
	result, err := c.Inquire(ctx, call)
	if err == nil {
		return result, nil
	}
	e := answered(provider.Unclear(code, "payout: refused, and the inquiry settles nothing: %w", err))
	e.Person = judge(code).class == manual || c.hopeless(call, err)
	return payment.Result{}, e
}

// hopeless tells whether only a person can help where a request was refused and the
// inquiry that followed failed with err.
func (c *Client) hopeless(call provider.Call, err error) bool {
	return provider.AsError(err).Person || errors.Is(err, provider.ErrNotFound) && c.age(call) > patience
}

// sendWindow is how long after the intent a worker may send for the first time.
const sendWindow = 2 * time.Second

// repeats tells whether the attempt may have been sent before.
func (c *Client) repeats(call provider.Call) bool {
	op := call.Operation
	return op.Status == payment.OpUnknown || op.Status == payment.OpOpen && c.age(call) > sendWindow
}

// age returns how long ago the attempt was started, 0 when that is not known.
func (c *Client) age(call provider.Call) time.Duration {
	if call.Operation.Attempt.Started.IsZero() || call.Now.IsZero() {
		return 0
	}
	return call.Now.Sub(call.Operation.Attempt.Started)
}

// unexecuted returns what is known when this request was not executed, as result
// or refusal say. Of a repeated request that says nothing about the first one, and
// a new attempt would have a new payment_id and pay twice: the platform is asked.
// That it finds nothing is not believed so soon after this request, whatever the
// first one's age: the error is Unknown, and the caller settles it.
func (c *Client) unexecuted(ctx context.Context, call provider.Call, result payment.Result, refusal error) (payment.Result, error) {
	if !c.repeats(call) {
		return result, refusal
	}
	found, err := c.Inquire(ctx, call)
	if err == nil {
		return found, nil
	}
	e := provider.Error{Reason: payment.ReasonUnclear, Code: result.Code, Answered: true, Err: errRefused}
	if refusal != nil {
		e = *provider.AsError(refusal)
	}
	e.Failure, e.Person = provider.Unknown, c.hopeless(call, err)
	e.Err = fmt.Errorf("repeated, and the inquiry settles nothing: %w", e.Err)
	return payment.Result{}, &e
}
