package axerve

import (
	"cmp"
	"context"
	"strings"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/axerve/gestpay"
)

func (c *Client) authorize(ctx context.Context, call provider.Call) (payment.Result, error) {
	auth := call.Command.Authorization
	if auth == nil {
		return payment.Result{}, invalid("authorization is missing")
	}
	if err := checkID(call); err != nil {
		return payment.Result{}, err
	}
	money, err := moneyOf(call.Operation.Amount)
	if err != nil {
		return payment.Result{}, err
	}
	switch auth.Method {
	case payment.Redirect:
		return c.open(ctx, call, *auth, money)
	case payment.OrderReference, payment.MandateCharge:
		return c.charge(ctx, call, *auth, money)
	case payment.Button:
	}
	return payment.Result{}, unsupported("authorization.method: Axerve has no %q for Amazon Pay", string(auth.Method))
}

func invalid(what string) *provider.Error { return provider.Reject(payment.ReasonInvalid, "%s", what) }

// checkID refuses a payment whose id cannot be found again in what Axerve sends.
func checkID(call provider.Call) error {
	id, _ := splitKey(call.Operation.Attempt.Key)
	switch {
	case !paymentIDs.MatchString(string(id)):
		return provider.Reject(payment.ReasonInvalid, "payment_id must match %s", paymentIDs)
	case notPaymentIDs.MatchString(string(id)):
		return provider.Reject(payment.ReasonInvalid, "payment_id must not match %s", notPaymentIDs)
	}
	return nil
}

// moneyOf refuses what Axerve would: currencies without a number of their own
// and amounts of more than nine characters.
func moneyOf(m payment.Money) (gestpay.Money, error) {
	if err := m.Validate(); err != nil {
		return gestpay.Money{}, provider.Reject(payment.ReasonAmount, "amount: %w", err)
	}
	money, err := gestpay.NewMoney(m.Minor, string(m.Currency))
	if err != nil {
		return gestpay.Money{}, provider.Reject(payment.ReasonAmount, "amount: %w", err)
	}
	return money, nil
}

// open asks for the string that opens the payment page. A string that is not
// returned is held by nobody, so asking again is as good as asking once.
func (c *Client) open(ctx context.Context, call provider.Call, auth payment.Authorization, money gestpay.Money) (payment.Result, error) {
	key := shopIDOf(call)
	r := gestpay.EncryptRequest{
		Shop: c.shop, Money: money, ShopTransactionID: key,
		LanguageID:       cmp.Or(languageID(auth.Language), languageID(c.cfg.Language)),
		BillingAgreement: agreement(auth.Recurring),
	}
	text, err := c.encrypt(ctx, r)
	for range c.cfg.AvoidAsterisk {
		if err != nil || !strings.Contains(text, "*") {
			break
		}
		text, err = c.encrypt(ctx, r)
	}
	if err != nil {
		return payment.Result{}, err
	}
	page, err := c.env.RedirectURL(c.shop.Login, text)
	if err != nil {
		return payment.Result{}, answered(provider.Unclear("", "Encrypt: %w", err))
	}
	return payment.Result{
		Status: payment.NeedBuyer, Ref: string(key), Refs: map[string]string{RefShopID: string(key)},
		Action: &payment.Action{Type: payment.ActionRedirect, URL: page},
	}, nil
}

// agreement returns what the page is told about a series of payments. How often
// and how much is between shop and buyer.
func agreement(r *payment.Recurring) string {
	switch {
	case r == nil:
		return ""
	case r.Only:
		return gestpay.OnlyRecurring
	}
	return gestpay.PayNowAndRecurring
}

// encrypt returns the string. It moves no money, so a refusal without a reason is
// as good as no connection.
func (c *Client) encrypt(ctx context.Context, r gestpay.EncryptRequest) (string, error) {
	reply, err := c.ask(ctx, r, ids{})
	if err != nil {
		return "", err
	}
	if reply.Outcome() == gestpay.CallOK {
		return reply.CryptDecryptString, nil
	}
	return "", unavailable(refused(reply))
}
