package axerve

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/axerve/gestpay"
)

// The names of the ids that later operations need in a payment's references.
const (
	RefShopID = "shop_transaction_id"
	RefBankID = "bank_transaction_id"
)

// Client is one account at Axerve. It implements provider.Provider and may be
// used concurrently.
type Client struct {
	cfg  Config
	http *provider.HTTPClient
	env  gestpay.Environment
	shop gestpay.Shop
}

var (
	_ provider.Provider         = (*Client)(nil)
	_ provider.Bookkeeper       = (*Client)(nil)
	_ provider.CallbackVerifier = (*Client)(nil)
	_ provider.ReturnVerifier   = (*Client)(nil)
	_ provider.CallbackParser   = (*Parser)(nil)
	_ provider.ReturnParser     = (*Parser)(nil)
)

// New returns the client of an account. The error names every field of cfg that
// is wrong.
func New(cfg Config) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Client{cfg: cfg, http: provider.NewHTTPClient(cfg.http()), env: cfg.hosts(), shop: cfg.shop()}, nil
}

// Format writes the account's name for every verb: the fields hold secrets.
func (c *Client) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "axerve:"+c.cfg.ShopLogin) }

// Capability implements provider.Provider.
func (c *Client) Capability() provider.Capability { return Capability() }

// Submit implements provider.Provider.
func (c *Client) Submit(ctx context.Context, call provider.Call) (payment.Result, error) {
	switch call.Operation.Kind {
	case payment.Authorize:
		return c.authorize(ctx, call)
	case payment.Capture:
		return c.settle(ctx, call)
	case payment.Refund:
		return c.refund(ctx, call)
	case payment.Cancel:
		return c.delete(ctx, call)
	case payment.UpdateAmount, payment.Payout, payment.Sync:
	}
	return payment.Result{}, unsupported("Axerve cannot %s", call.Operation.Kind)
}

func unsupported(format string, args ...any) *provider.Error {
	e := provider.Reject(payment.ReasonUnsupported, format, args...)
	e.Err = fmt.Errorf("%w: %w", provider.ErrUnsupported, e.Err)
	return e
}

// ids are those that a call names and its answer may repeat.
type ids struct {
	shop gestpay.ShopTransactionID
	bank gestpay.BankTransactionID
}

// ask sends r and returns an answer that is to it. Errors are *Error; what the
// answer says is not looked at.
func (c *Client) ask(ctx context.Context, r gestpay.Request, about ids) (gestpay.Reply, error) {
	op := r.Operation()
	msg, err := gestpay.Build(gestpay.SOAP11, r)
	if err != nil {
		return gestpay.Reply{}, provider.Reject(payment.ReasonInvalid, "%s: %w", op, err)
	}
	answer, err := c.http.Post(ctx, provider.HTTPRequest{
		Operation: string(op), URL: c.env.URL(op), ContentType: msg.ContentType, Header: msg.Header(), Body: msg.Body,
	})
	if err != nil && !wholeAnswer(err) {
		return gestpay.Reply{}, err
	}
	reply, err := gestpay.Parse(op, answer.Status, answer.Body)
	if err == nil {
		err = reply.CheckIDs(about.shop, about.bank)
	}
	if err != nil {
		return gestpay.Reply{}, untrusted(op, err)
	}
	return reply, nil
}

// wholeAnswer tells whether a failed call was answered to the end, with a status
// that may come with a fault of the service: that says more than the status.
func wholeAnswer(err error) bool {
	e := provider.AsError(err)
	return e.Failure == provider.Unknown && e.Code != ""
}

// untrusted returns the error for an answer that settles nothing. A fault of the
// client's making says that the request was not accepted at all. What is no fault
// of the service may come from whatever stands before it.
func untrusted(op gestpay.Operation, err error) *provider.Error {
	e := provider.Unclear("", "%s: %w", op, err)
	fault, ok := errors.AsType[*gestpay.Fault](err)
	switch {
	case ok && fault.Code == "":
		return e
	case ok && fault.Client():
		e = provider.Reject(payment.ReasonInvalid, "%s: %w", op, err)
	}
	return answered(e)
}

// answered marks an error as the provider's own word.
func answered(e *provider.Error) *provider.Error {
	e.Answered = true
	return e
}
