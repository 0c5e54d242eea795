package axerve

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/axerve/gestpay"
)

// VerifyCallback implements provider.CallbackVerifier: it has Axerve decrypt b,
// and reads the transaction where that says more.
func (c *Client) VerifyCallback(ctx context.Context, _ http.Header, body []byte) (provider.Callback, error) {
	n, err := notificationOf(c.shop.Login, string(body))
	if err != nil {
		return provider.Callback{}, err
	}
	reply, cb, err := c.decrypt(ctx, n)
	if err != nil {
		return provider.Callback{}, err
	}
	cb.Observation.Result, err = c.told(ctx, reply)
	if err != nil {
		return provider.Callback{}, err
	}
	cb.Observation.Ref = cb.Observation.Result.Ref
	return cb, nil
}

// VerifyReturn implements provider.ReturnVerifier. It tells the payment and
// nothing else.
func (c *Client) VerifyReturn(ctx context.Context, page provider.Page, form url.Values) (provider.Callback, error) {
	n, err := returnOf(c.shop.Login, page, form)
	if err != nil {
		return provider.Callback{}, err
	}
	_, cb, err := c.decrypt(ctx, n)
	return cb, err
}

// decrypt returns what b says and of which payment it says so.
func (c *Client) decrypt(ctx context.Context, n gestpay.Notification) (gestpay.Reply, provider.Callback, error) {
	reply, err := c.ask(ctx, gestpay.DecryptRequest{Shop: c.shop, CryptedString: n.CryptedString}, ids{})
	if err != nil {
		return gestpay.Reply{}, provider.Callback{}, readFailed(err)
	}
	if reply.Outcome() == gestpay.CallFailed {
		return gestpay.Reply{}, provider.Callback{}, undecrypted(reply)
	}
	id, _ := splitKey(string(reply.ShopTransactionID))
	if err := id.Validate(); err != nil {
		return gestpay.Reply{}, provider.Callback{}, fmt.Errorf("%w: ShopTransactionID names no payment", provider.ErrUnreadable)
	}
	asked, err := askedOf(reply)
	if err != nil {
		return gestpay.Reply{}, provider.Callback{}, fmt.Errorf("%w: %w", provider.ErrUnreadable, err)
	}
	return reply, provider.Callback{
		Payment: id, Dedup: dedup(n), Asked: asked,
		Observation: payment.Observation{Kind: payment.Authorize, Key: string(reply.ShopTransactionID)},
	}, nil
}

// askedOf returns the sum of a payment. A buyer who gave up may have left none, and
// an agreement alone has none.
func askedOf(reply gestpay.Reply) (payment.Money, error) {
	if reply.Outcome() == gestpay.PaymentKO && reply.Amount == "" || mandateAlone(reply) {
		return payment.Money{}, nil
	}
	minor, iso, err := reply.AmountMinor()
	return payment.Money{Minor: minor, Currency: payment.Currency(iso)}, err
}

// mandateAlone tells whether a message brings a token and speaks of no money.
func mandateAlone(reply gestpay.Reply) bool {
	return reply.Outcome() == gestpay.PaymentOK && reply.Token != "" && strings.Trim(reply.Amount, "0. ") == ""
}

// undecrypted returns the error for a Decrypt that was refused. It says nothing
// about any payment: either we were not let in, or b was not Axerve's.
func undecrypted(reply gestpay.Reply) error {
	switch reply.ErrorCode.Class() {
	case gestpay.ClassConfig:
		return refused(reply)
	case gestpay.ClassInvalidRequest:
		return fmt.Errorf("%w: Axerve did not make it (code %s)", provider.ErrForged, plainCode(reply.ErrorCode))
	default:
		return unavailable(doubtful(reply))
	}
}

// told returns what a decrypted message says. A refusal with a reason stands by
// itself; all else is looked at.
func (c *Client) told(ctx context.Context, reply gestpay.Reply) (payment.Result, error) {
	if reply.Outcome() == gestpay.PaymentKO && final(reply.ErrorCode) {
		status, reason := lost(reply.ErrorCode)
		return resultOf(reply, status, reason), nil
	}
	if reply.Outcome() == gestpay.PaymentPending {
		return resultOf(reply, payment.Pending, ""), nil
	}
	read, err := c.lookUp(ctx, reply)
	if err != nil {
		return payment.Result{}, err
	}
	if reply.Outcome() == gestpay.PaymentKO && read.Outcome() != gestpay.PaymentOK {
		return afterRefusal(reply, read), nil
	}
	return c.afterSuccess(reply, read)
}

func resultOf(reply gestpay.Reply, s payment.Status, why payment.Reason) payment.Result {
	return payment.Result{
		Status: s, Reason: why, Code: plainCode(reply.ErrorCode), Ref: string(reply.BankTransactionID),
		Refs: refsOf(reply.ShopTransactionID, reply.BankTransactionID),
	}
}

// lookUp reads the transaction of a message. One without a transaction, as an
// agreement alone may be, has nothing to be read.
func (c *Client) lookUp(ctx context.Context, reply gestpay.Reply) (gestpay.Reply, error) {
	agreementOnly := reply.Token != "" && reply.Outcome() == gestpay.PaymentOK
	if agreementOnly && reply.BankTransactionID == "" {
		return gestpay.Reply{}, nil
	}
	read, err := c.read(ctx, ids{shop: reply.ShopTransactionID, bank: reply.BankTransactionID})
	if err != nil {
		return gestpay.Reply{}, err
	}
	if read.Outcome() == gestpay.NotFound && reply.Outcome() == gestpay.PaymentOK && !agreementOnly {
		return gestpay.Reply{}, notFound() // not yet
	}
	return read, nil
}

// afterRefusal is for a KO without a reason that stands by itself: a string that
// was used twice, say, whose payment went well the first time.
func afterRefusal(reply, read gestpay.Reply) payment.Result {
	if read.Outcome() == gestpay.PaymentKO {
		status, reason := lost(reply.ErrorCode)
		return resultOf(reply, status, reason)
	}
	return resultOf(reply, payment.Pending, "")
}

// matches tells whether a message and the events of its transaction speak of the
// same money. A transaction may have no events yet.
func matches(reply, read gestpay.Reply, ledger gestpay.Ledger) bool {
	if mandateAlone(reply) {
		return ledger.Authorised == 0 && ledger.Captured == 0
	}
	minor, iso, err := reply.AmountMinor()
	return err == nil && (len(read.Events) == 0 || ledger.Currency == iso && ledger.Authorised == minor)
}

// errContradiction means that Decrypt and the read of one transaction differ.
var errContradiction = errors.New("what was decrypted and what was read disagree")

// afterSuccess is for an OK of either.
func (c *Client) afterSuccess(reply, read gestpay.Reply) (payment.Result, error) {
	r := resultOf(reply, payment.Approved, "")
	r.Code = string(gestpay.CodeOK)
	if reply.Token != "" {
		r.Mandate = &payment.Mandate{ID: reply.Token}
	}
	switch read.Outcome() {
	case gestpay.PaymentOK:
	case gestpay.PaymentPending:
		return resultOf(reply, payment.Pending, ""), nil
	case gestpay.PaymentKO, gestpay.Ambiguous:
		return payment.Result{}, unclear("%w", errContradiction)
	default: // an agreement that left no transaction
		return r, nil
	}
	ledger, err := read.Ledger()
	if err != nil {
		return payment.Result{}, unclear("%w", err)
	}
	if !matches(reply, read, ledger) || c.elsewhere(read.Order) {
		return payment.Result{}, unclear("%w", errContradiction)
	}
	f := finding{reply: read, ledger: ledger}
	r.Totals, r.Buyer = f.totals(), buyerOf(read.Order)
	return r, nil
}
