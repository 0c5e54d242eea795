package provider

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/payloom/payloom/pkg/payment"
)

// Router is a Provider that hands every call to the client of its payment's
// account.
type Router struct {
	// Cap is the capability that all accounts share.
	Cap Capability
	// Client returns the client of a merchant's account; an empty account means
	// the merchant's default one.
	Client func(m payment.Merchant, account string) (Provider, error)
}

// Capability implements Provider.
func (r Router) Capability() Capability { return r.Cap }

// Submit implements Provider. An account that is not configured is NotSent: the
// same call will work once it is.
func (r Router) Submit(ctx context.Context, c Call) (payment.Result, error) {
	p, err := r.client(c)
	if err != nil {
		return payment.Result{}, err
	}
	return p.Submit(ctx, c)
}

// Inquire implements Provider.
func (r Router) Inquire(ctx context.Context, c Call) (payment.Result, error) {
	p, err := r.client(c)
	if err != nil {
		return payment.Result{}, err
	}
	return p.Inquire(ctx, c)
}

// VerifyCallback implements CallbackVerifier where the merchant's client does.
func (r Router) VerifyCallback(ctx context.Context, m payment.Merchant, account string, h http.Header, body []byte) (Callback, error) {
	p, err := r.Client(m, account)
	if err != nil {
		return Callback{}, unconfigured(err)
	}
	v, ok := p.(CallbackVerifier)
	if !ok {
		return Callback{}, ErrUnsupported
	}
	return v.VerifyCallback(ctx, h, body)
}

// VerifyReturn implements ReturnVerifier where the merchant's client does.
func (r Router) VerifyReturn(ctx context.Context, m payment.Merchant, account string, page Page, form url.Values) (Callback, error) {
	p, err := r.Client(m, account)
	if err != nil {
		return Callback{}, unconfigured(err)
	}
	v, ok := p.(ReturnVerifier)
	if !ok {
		return Callback{}, ErrUnsupported
	}
	return v.VerifyReturn(ctx, page, form)
}

func (r Router) client(c Call) (Provider, error) {
	m, account := c.Payment.Merchant, c.Payment.Account
	if m == "" {
		m, account = c.Command.Merchant, c.Command.Account
	}
	p, err := r.Client(m, account)
	if err != nil {
		return nil, unconfigured(err)
	}
	return p, nil
}

func unconfigured(err error) *Error {
	return &Error{Failure: NotSent, Reason: payment.ReasonConfiguration, Err: errors.Join(ErrConfiguration, err)}
}
