package intake

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/wire"
)

// Compile returns an error when the rules of commands do not compile.
func Compile() error {
	if err := wire.Validate(payment.Command{}); !isInvalid(err) {
		return fmt.Errorf("the rules of commands: %w", err)
	}
	return nil
}

func isInvalid(err error) bool {
	_, ok := errors.AsType[*wire.Invalid](err)
	return ok
}

// checkRules adds what the rules of commands, which are the same for commands
// that do not come by HTTP, find wrong with c.
func checkRules(c payment.Command, f *Faults) {
	invalid, ok := errors.AsType[*wire.Invalid](wire.Validate(c))
	if !ok {
		return
	}
	for _, e := range invalid.Fields {
		if e.Field == "req_id" && e.Code == "card_number" {
			continue // it comes in a header or a line, and was looked at there
		}
		// Who names no provider may leave it to us.
		if e.Field != "provider" || c.Provider != "" {
			f.Add(apiName(c.Kind, e.Field), e.Code, "%s", e.Detail)
		}
	}
}

// apiName returns what the API calls a field of a command.
func apiName(k payment.Kind, field string) string {
	switch {
	case field == "description" && k == payment.Cancel:
		return "reason"
	case field == "authorization.order_ref":
		return "order_reference"
	}
	return strings.TrimPrefix(field, "authorization.")
}

// CheckProvider adds what the command's provider, which must be set, would refuse.
// able are the providers there are, and at is the account that will serve the
// command, if that is known.
func (r *Request) CheckProvider(able map[payment.Provider]provider.Capability, at *account.Account) {
	f, cmd := r.Faults, &r.Command
	can, ok := able[cmd.Provider]
	if !ok || !can.Supports(cmd.Kind) {
		f.Add("provider", "not_supported", "%s has no %s", cmd.Provider, strings.ReplaceAll(string(cmd.Kind), "_", " "))
		return
	}
	if p := can.Limits.PaymentID; cmd.Kind.Opens() && p != nil && !p.MatchString(string(cmd.Payment)) {
		f.Add("payment_id", "format", "must match %s at %s", p, cmd.Provider)
	}
	if p := can.Limits.NotPaymentID; cmd.Kind.Opens() && p != nil && p.MatchString(string(cmd.Payment)) {
		f.Add("payment_id", "format", "must not match %s at %s", p, cmd.Provider)
	}
	if cmd.Amount != (payment.Money{}) {
		checkAmount(*cmd, windowOf(can, at, cmd.Amount.Currency), can, f)
	}
	if cmd.Authorization != nil {
		checkAuthorization(cmd, can, f)
	}
	checkTexts(*cmd, can, f)
}

// windowOf returns what amounts a provider takes; an account may have agreed on
// another least amount, its setting min_amount.
func windowOf(can provider.Capability, at *account.Account, c payment.Currency) provider.Window {
	w, ok := can.Limits.Amount[c]
	if !ok {
		w = can.Limits.Amount[""]
	}
	if at != nil {
		if least, err := strconv.ParseInt(at.Setting("min_amount"), 10, 64); err == nil {
			w.Min = least
		}
	}
	return w
}

func checkAmount(c payment.Command, w provider.Window, can provider.Capability, f *Faults) {
	list := can.Limits.Currencies
	if len(list) > 0 && !slices.Contains(list, c.Amount.Currency) {
		f.Add("amount.currency", "not_supported", "must be one of %s at %s", OneOf(list), c.Provider)
		return
	}
	least := w.Min
	// What is left to give back may be less than what a payment must come to, and
	// an agreement alone comes to nothing.
	if c.Kind == payment.Refund || agreementOnly(c) {
		least = 0
	}
	if c.Amount.Minor < least || (w.Max > 0 && c.Amount.Minor > w.Max) {
		f.Add("amount.value", "out_of_range", "must be %s in minor units of %s at %s", span(least, w.Max), c.Amount.Currency, c.Provider)
	}
}

func span(least, most int64) string {
	if most == 0 {
		return fmt.Sprintf("at least %d", least)
	}
	return fmt.Sprintf("%d to %d", least, most)
}

func agreementOnly(c payment.Command) bool {
	return c.Authorization != nil && c.Authorization.Recurring != nil && c.Authorization.Recurring.Only
}

func checkAuthorization(c *payment.Command, can provider.Capability, f *Faults) {
	a := c.Authorization
	if a.Method != "" && !slices.Contains(can.Methods, a.Method) {
		f.Add("method", "not_supported", "must be one of %s at %s", OneOf(can.Methods), c.Provider)
	}
	checkCapture(c, can, f)
	switch list := can.Limits.Countries; {
	case len(list) == 0 || slices.Contains(list, a.Country):
	case a.Country == "":
		f.Add("country", "required", "is required, one of %s at %s", strings.Join(list, ", "), c.Provider)
	default:
		f.Add("country", "not_supported", "must be one of %s at %s", strings.Join(list, ", "), c.Provider)
	}
}

// checkCapture fills in the default, which takes no money by itself.
func checkCapture(c *payment.Command, can provider.Capability, f *Faults) {
	a := c.Authorization
	switch {
	case len(can.Captures) == 0 && a.Capture != "":
		f.Add("capture", "not_supported", "%s has it set per account: leave it out", c.Provider)
	case len(can.Captures) == 0 || slices.Contains(can.Captures, a.Capture):
	case a.Capture == "":
		a.Capture = DefaultCapture(can)
	default:
		f.Add("capture", "not_supported", "must be one of %s at %s", OneOf(can.Captures), c.Provider)
	}
}

// DefaultCapture returns how a provider captures when nobody says: by itself only if
// it cannot do otherwise. Empty: that is nobody's to say.
func DefaultCapture(can provider.Capability) payment.CaptureMode {
	switch {
	case len(can.Captures) == 0:
		return ""
	case slices.Contains(can.Captures, payment.CaptureManual):
		return payment.CaptureManual
	}
	return can.Captures[0]
}

// checkTexts checks texts against the provider's own formats.
func checkTexts(c payment.Command, can provider.Capability, f *Faults) {
	texts := textsOf(c)
	for _, field := range slices.Sorted(maps.Keys(can.Limits.Text)) {
		if text, p := texts[field], can.Limits.Text[field]; text != "" && !p.MatchString(text) {
			f.Add(apiName(c.Kind, field), "format", "must match %s at %s", p, c.Provider)
		}
	}
}

// textsOf returns the texts of c by the names of the API.
func textsOf(c payment.Command) map[string]string {
	texts := map[string]string{
		"description": c.Description, "statement_text": c.StatementText, "reference": c.Reference,
	}
	if a := c.Authorization; a != nil {
		texts["language"], texts["mandate"], texts["order_reference"] = a.Language, a.Mandate, a.OrderRef
		u := a.Return
		texts["return_urls.success"], texts["return_urls.failure"] = u.Success, u.Failure
		texts["return_urls.cancel"], texts["return_urls.review"] = u.Cancel, u.Review
	}
	if b := c.Beneficiary; b != nil {
		texts["beneficiary.customer_id"], texts["beneficiary.ip_address"] = b.CustomerID, b.IPAddress
		texts["beneficiary.first_name"], texts["beneficiary.last_name"] = b.FirstName, b.LastName
		texts["beneficiary.email"], texts["beneficiary.address"] = b.Email, b.Address
		texts["beneficiary.account_number"] = b.AccountNumber
	}
	return texts
}
