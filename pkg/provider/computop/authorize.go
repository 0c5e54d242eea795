package computop

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
)

const (
	txAuthorize = "Authorize"
	txSale      = "AuthorizeWithCapture" // what Paygate does when TxType is left out
)

func (c *Client) authorize(ctx context.Context, call provider.Call) (payment.Result, error) {
	auth := call.Command.Authorization
	if auth == nil {
		return payment.Result{}, provider.Reject(payment.ReasonInvalid, "authorization is missing")
	}
	switch auth.Method {
	case payment.Button:
		return c.open(ctx, call, *auth)
	case payment.MandateCharge:
		return c.charge(ctx, call, *auth)
	case payment.Redirect, payment.OrderReference:
	}
	return payment.Result{}, unsupported("authorization.method: Paygate has no %q for Amazon Pay", string(auth.Method))
}

// opening returns the values that both ways to open a payment share.
func (c *Client) opening(call provider.Call, auth payment.Authorization) (map[string]string, error) {
	if err := c.checkOpening(call, auth); err != nil {
		return nil, err
	}
	amount := call.Operation.Amount
	values := map[string]string{
		"TransID": call.Operation.Attempt.Key, "ReqId": call.Operation.Attempt.Idem,
		"Amount": strconv.FormatInt(amount.Minor, 10), "Currency": string(amount.Currency),
		"CountryCode": auth.Country, "URLNotify": c.cfg.notifyURL(), "TxType": txAuthorize,
		"refnr": call.Command.Reference, "OrderDesc": call.Command.Description,
	}
	if auth.Capture == payment.CaptureAuto {
		values["TxType"], values["ChDesc"] = txSale, call.Command.StatementText
	}
	return values, nil
}

func (c *Client) checkOpening(call provider.Call, auth payment.Authorization) error {
	switch {
	case auth.Capture != payment.CaptureManual && auth.Capture != payment.CaptureAuto:
		return invalid("authorization.capture must be manual or automatic")
	case auth.Capture == payment.CaptureManual && call.Command.StatementText != "":
		return invalid("statement_text is taken with automatic capture only; give it with the capture")
	case !slices.Contains(countries(), auth.Country):
		return invalid("authorization.country must be one of " + strings.Join(countries(), ", "))
	}
	if err := c.checkAmount(call.Operation.Amount); err != nil {
		return err
	}
	return c.checkText(call.Command)
}

func invalid(what string) *provider.Error { return provider.Reject(payment.ReasonInvalid, "%s", what) }

// checkAmount refuses what Paygate would: amounts below the account's least one,
// and those that n..10 cannot hold.
func (c *Client) checkAmount(m payment.Money) error { return checkMoney(m, c.cfg.minAmount()) }

func checkMoney(m payment.Money, least int64) error {
	if err := m.Validate(); err != nil {
		return provider.Reject(payment.ReasonAmount, "amount: %w", err)
	}
	if m.Minor < least || m.Minor > maxAmount {
		return provider.Reject(payment.ReasonAmount, "amount.value must be %d to %d", least, int64(maxAmount))
	}
	return nil
}

// checkText keeps Paygate's simulation out of live accounts: OrderDesc=Test:0000
// succeeds without any money, there too (Paygate documentation, Test Guide).
func (c *Client) checkText(cmd payment.Command) error {
	if c.cfg.Live && strings.HasPrefix(strings.ToLower(strings.TrimSpace(cmd.Description)), "test:") {
		return invalid("description must not begin with Test: on a live account; Paygate would only simulate")
	}
	return nil
}

// open begins a checkout session and returns what the button needs.
func (c *Client) open(ctx context.Context, call provider.Call, auth payment.Authorization) (payment.Result, error) {
	values, err := c.opening(call, auth)
	if err != nil {
		return payment.Result{}, err
	}
	values["Response"] = "encrypt"
	for name, page := range map[string]provider.Page{
		"URLSuccess": provider.PageSuccess, "URLFailure": provider.PageFailure,
		"URLCancel": provider.PageCancel, "ShopUrl": provider.PageReview,
	} {
		values[name] = c.cfg.returnURL(page)
	}
	if err := addBuyer(values, auth); err != nil {
		return payment.Result{}, err
	}
	if err := addSeries(values, auth, call.Operation.Amount); err != nil {
		return payment.Result{}, err
	}
	answer, err := c.ask(ctx, request{"authorize", "amazonAPA.aspx", initTable, values})
	if err != nil {
		return payment.Result{}, err
	}
	return opened(call, answer)
}

// addBuyer adds what is wanted of the buyer and how the buyer is charged.
func addBuyer(values map[string]string, auth payment.Authorization) error {
	for _, s := range auth.Scope {
		if !slices.Contains([]string{"name", "email", "phoneNumber", "billingAddress"}, s) {
			return invalid("authorization.scope must hold only name, email, phoneNumber, billingAddress")
		}
	}
	// The documentation shows neither quotes nor separator.
	values["Scope"] = strings.Join(auth.Scope, ",")
	if auth.LocalCurrency == "" {
		return nil
	}
	if auth.Country != "EU" && auth.Country != "UK" {
		return invalid("authorization.local_currency is for the marketplaces EU and UK only")
	}
	if !auth.LocalCurrency.Known() {
		return invalid("authorization.local_currency is no ISO 4217 currency")
	}
	values["LocalCurrency"] = string(auth.LocalCurrency)
	return nil
}

// cycles are Paygate's words and the range of units that Amazon takes.
var cycles = map[payment.Cycle]struct {
	word     string
	min, max int
}{
	payment.Year: {"Year", 1, 3}, payment.Month: {"Month", 1, 36}, payment.Week: {"Week", 1, 57},
	payment.Day: {"Day", 1, 1095}, payment.Variable: {"Variable", 0, 0},
}

// addSeries adds the first payment's part of a series.
func addSeries(values map[string]string, auth payment.Authorization, amount payment.Money) error {
	r := auth.Recurring
	if r == nil {
		return nil
	}
	cycle, known := cycles[r.Cycle]
	switch {
	case r.Only:
		return unsupported("authorization.recurring.only: Paygate has no mandate without a payment")
	case !known:
		return invalid("authorization.recurring.cycle must be year, month, week, day or variable")
	case r.Interval < cycle.min || r.Interval > cycle.max:
		return provider.Reject(payment.ReasonInvalid, "authorization.recurring.interval must be %d to %d", cycle.min, cycle.max)
	case r.Amount.Minor < 0:
		return invalid("authorization.recurring.amount must not be negative")
	// Currency and currency are one parameter to Paygate.
	case r.Amount.Minor > 0 && r.Amount.Currency != amount.Currency:
		return invalid("authorization.recurring.amount must be in the currency of the payment")
	}
	values["RTF"], values["cycle"] = "I", cycle.word
	values["Value"] = strconv.Itoa(r.Interval)
	values["InstallmentAmount"] = strconv.FormatInt(r.Amount.Minor, 10)
	return nil
}

// opened reads the answer to an init. A good one has no Code: it is Status OK
// with the three fields of the button, passed on as they are.
func opened(call provider.Call, answer reply) (payment.Result, error) {
	if answer.code() != "" && !answer.code().OK() {
		return conclude(call, answer, answer.judge())
	}
	action := payment.Action{
		Type: payment.ActionButton, Payload: answer.fields["buttonpayload"],
		Signature: answer.fields["buttonsignature"], PublicKeyID: answer.fields["buttonpublickeyid"],
	}
	complete := action.Payload != "" && action.Signature != "" && action.PublicKeyID != ""
	if answer.open || answer.status() != "OK" || !complete || !payIDPattern.MatchString(answer.get("PayID")) {
		return conclude(call, answer, doubt)
	}
	refs := answer.refs()
	refs[RefXID] = answer.get("XID")
	return payment.Result{Status: payment.NeedBuyer, Ref: answer.get("XID"), Refs: refs, Action: &action}, nil
}

// charge takes a further payment of a series, without the buyer.
func (c *Client) charge(ctx context.Context, call provider.Call, auth payment.Authorization) (payment.Result, error) {
	if !c.cfg.Recurring {
		return payment.Result{}, unsupported("authorization.method: further charges of a series are not enabled for the account")
	}
	values, err := c.opening(call, auth)
	if err != nil {
		return payment.Result{}, err
	}
	values["RTF"], values["chargepermissionid"] = "R", auth.Mandate
	answer, err := c.ask(ctx, request{"charge", "amazonAPA.aspx", chargeTable, values})
	if err != nil {
		return payment.Result{}, err
	}
	v := answer.judge()
	if v.class != success || answer.open {
		return conclude(call, answer, v)
	}
	return charged(call, answer)
}

// charged reads a good answer to a charge. Without totals the code alone speaks.
func charged(call provider.Call, answer reply) (payment.Result, error) {
	r := good(answer)
	asked := call.Operation.Amount.Minor
	sale := call.Command.Authorization.Capture == payment.CaptureAuto
	switch {
	case r.Totals == nil && sale:
		r.Totals = &payment.Totals{Authorized: asked, Captured: asked}
	case r.Totals == nil:
		r.Totals = &payment.Totals{Authorized: asked}
	case r.Totals.Authorized == 0:
		r.Status = payment.Pending
	case r.Totals.Authorized != asked:
		return conclude(call, answer, doubt)
	}
	r.Amount = r.Totals.Authorized
	return r, nil
}
