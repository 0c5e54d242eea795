package ecommpay

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/ecommpay/gate"
)

const (
	pathStatus        = "/v2/payment/status"
	pathRequestStatus = "/v2/payment/status/request"
)

// patience is how long after an attempt's start something may still be said about
// it. What is open then, a person must look into.
const patience = 72 * time.Hour

// Inquire implements provider.Provider. It asks by payment id. Where a payout was
// accepted and there is no such payment, it asks what became of the request.
func (c *Client) Inquire(ctx context.Context, call provider.Call) (payment.Result, error) {
	if call.Operation.Kind != payment.Payout {
		return payment.Result{}, unsupported("ECommPay cannot inquire about %s", call.Operation.Kind)
	}
	key := call.Operation.Attempt.Key
	if !keyPattern.MatchString(key) {
		return payment.Result{}, provider.Reject(payment.ReasonInvalid, "the attempt's key must match %s", keyPattern)
	}
	r, err := c.ask(ctx, c.byPayment(key))
	if errors.Is(err, provider.ErrNotFound) {
		return c.notFound(ctx, call, err)
	}
	if err != nil {
		return payment.Result{}, err
	}
	return c.conclude(call, r)
}

func (c *Client) byPayment(key string) request {
	return request{"status", pathStatus, statusRequest{generalPart{ProjectID: c.cfg.ProjectID, PaymentID: key}}, gate.InGeneral}
}

func (c *Client) byRequest(id string) request {
	return request{"request status", pathRequestStatus, requestStatusRequest{c.cfg.ProjectID, id}, gate.AtTop}
}

// conclude returns what r says about the call's payout.
func (c *Client) conclude(call provider.Call, r report) (payment.Result, error) {
	op := call.Operation
	if !r.matches(op.Attempt.Key, op.Amount) {
		return payment.Result{}, forPerson(provider.Unclear(r.code(), "inquiry: %w", errForeign))
	}
	s, code := r.judge()
	switch {
	case s == doubtful:
		return payment.Result{}, forPerson(provider.Unclear(code, "inquiry: a person must find out what was paid"))
	case s == silent, s == failed && registered(call):
		// It is about another request with the same payment id.
		return c.open(call, payment.Result{Code: code})
	case s == pending:
		return c.open(call, r.result())
	}
	return r.result(), nil
}

// open returns the result of a payout that has not come to its end, as long as one
// may still be hoped for.
func (c *Client) open(call provider.Call, r payment.Result) (payment.Result, error) {
	if c.age(call) > patience {
		return payment.Result{}, forPerson(provider.Unclear(r.Code, "inquiry: still open after %s", patience))
	}
	r.Status = payment.Pending
	return r, nil
}

// registered tells whether the platform was once seen to know the payment: an
// operation's id was told.
func registered(call provider.Call) bool {
	ref := call.Operation.Ref
	return ref != "" && ref != call.Payment.Refs[RefRequestID]
}

// notFound returns what follows when there is no payment under the key.
func (c *Client) notFound(ctx context.Context, call provider.Call, err error) (payment.Result, error) {
	id := call.Payment.Refs[RefRequestID]
	if call.Operation.Status != payment.OpPending || id == "" {
		return payment.Result{}, err
	}
	// The request was accepted. The platform tells why nothing came of it.
	r, requestErr := c.ask(ctx, c.byRequest(id))
	if requestErr == nil {
		if s, _ := r.judge(); s != silent {
			return c.conclude(call, r)
		}
	}
	if c.age(call) > patience {
		return payment.Result{}, forPerson(provider.Unclear("", "inquiry: accepted, and unknown after %s", patience))
	}
	return payment.Result{}, err
}

func absent() *provider.Error {
	return &provider.Error{
		Failure: provider.NotSent, Reason: payment.ReasonNotFound, Code: codeNotFound, Answered: true, Err: provider.ErrNotFound,
	}
}

// ask sends an inquiry and returns what the answer reports of a payout of ours.
// The error wraps ErrNotFound when there is no such payment.
func (c *Client) ask(ctx context.Context, q request) (report, error) {
	answer, err := c.post(ctx, q)
	if answer.Status == 0 {
		return report{}, err
	}
	m, readErr := gate.Parse(answer.Body)
	switch {
	case readErr != nil && err != nil:
		return report{}, err
	case readErr != nil:
		return report{}, answered(provider.Unclear("", "%s: the answer cannot be read", q.operation))
	case m.Get("payment").Kind() != gate.Object:
		return report{}, aboutInquiry(q, refusalCode(m), err)
	case err != nil:
		return report{}, err
	}
	return c.vouched(q, m)
}

// aboutInquiry returns the error for an answer that refuses the inquiry itself.
// Only that there is no such payment, and that our settings are wrong, is worth
// telling apart.
func aboutInquiry(q request, code string, err error) error {
	switch {
	case code == codeNotFound:
		return absent()
	case judge(code).class == misset:
		return &provider.Error{
			Failure: provider.NotSent, Reason: payment.ReasonConfiguration, Code: code, Answered: true,
			Err: fmt.Errorf("%w: %s: refused", provider.ErrConfiguration, q.operation),
		}
	case err != nil:
		return err
	}
	return answered(provider.Unclear(code, "%s: refused", q.operation))
}

// vouched returns the report in m, if it is signed. Only "not found" may come
// without a signature. A semicolon does no harm here: nobody but the platform
// answers on this connection.
func (c *Client) vouched(q request, m gate.Message) (report, error) {
	_, err := c.parser.verify(m)
	unsigned := errors.Is(err, gate.ErrUnsigned)
	if status(text(m.Get("payment", "status"))) == "error" && faultOf(m) == codeNotFound && (err == nil || unsigned) {
		return report{}, absent()
	}
	if err != nil {
		return report{}, answered(provider.Unclear("", "%s: %w", q.operation, err))
	}
	r, err := read(m)
	switch {
	case err != nil:
		return report{}, answered(provider.Unclear("", "%s: %w", q.operation, err))
	case !r.ours(c.cfg.ProjectID):
		return report{}, answered(provider.Unclear("", "%s: it is not about a payout of project %s", q.operation, strconv.FormatInt(c.cfg.ProjectID, 10)))
	}
	return r, nil
}
