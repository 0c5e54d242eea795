package intake

import (
	"math"
	"strings"

	"github.com/payloom/payloom/pkg/payment"
)

// Request is what a body asks for, as far as it says: provider and account may be
// left to be found.
type Request struct {
	Command payment.Command
	// Named is the provider that the body names; empty: none, or none that there is.
	Named payment.Provider
	// Unnamed is set where the body names no provider, not even a wrong one.
	Unnamed bool
	Faults  *Faults

	body *object
}

// Read reads a body that asks for an operation of c's kind. c holds what is known
// without the body. Everything is checked that can be without knowing the
// provider; f collects it.
func Read(c payment.Command, d Document, f *Faults) *Request {
	r := &Request{Command: c, Faults: f, body: newObject("", d.value, f), Unnamed: !d.Has("provider")}
	r.read()
	return r
}

// ReadLine is Read for a line of a batch, which may hold its own req_id: the
// caller has put it into c.
func ReadLine(c payment.Command, d Document, f *Faults) *Request {
	r := &Request{Command: c, Faults: f, body: newObject("", d.value, f), Unnamed: !d.Has("provider")}
	r.body.text("req_id")
	r.read()
	return r
}

func (r *Request) read() {
	r.Named = choice(r.body, "provider", payment.Providers()...)
	switch r.Command.Kind {
	case payment.Authorize:
		readAuthorize(r)
	case payment.UpdateAmount:
		readAmount(r)
	case payment.Capture:
		readCapture(r)
	case payment.Refund:
		readRefund(r)
	case payment.Cancel:
		readCancel(r)
	case payment.Payout:
		readPayout(r)
	case payment.Sync: // nothing to be said
	}
	r.body.finish()
	checkRules(r.Command, r.Faults)
}

// The bodies of the API, one function per kind. Which values are right is said
// by the rules of the commands; these say only which fields there are.

func readAuthorize(r *Request) {
	o, c := r.body, &r.Command
	readOpening(r)
	readTexts(r)
	a := &payment.Authorization{
		Capture:       choice(o, "capture", payment.CaptureManual, payment.CaptureAuto),
		Method:        choice(o, "method", payment.Button, payment.Redirect, payment.OrderReference, payment.MandateCharge),
		Country:       o.text("country"),
		LocalCurrency: payment.Currency(o.text("local_currency")),
		Scope:         o.texts("scope"),
		Language:      o.text("language"),
		Mandate:       o.text("mandate"),
		OrderRef:      o.text("order_reference"),
	}
	if u, ok := o.object("return_urls"); ok {
		a.Return = payment.ReturnURLs{Success: u.text("success"), Failure: u.text("failure"), Cancel: u.text("cancel"), Review: u.text("review")}
		u.finish()
	}
	if s, ok := o.object("recurring"); ok {
		a.Recurring = readRecurring(s)
	}
	o.required("method")
	c.Authorization = a
}

func readRecurring(o *object) *payment.Recurring {
	r := &payment.Recurring{
		Cycle:    choice(o, "cycle", payment.Year, payment.Month, payment.Week, payment.Day, payment.Variable),
		Interval: int(o.integer("interval", math.MaxInt32)),
		Only:     o.flag("only"),
	}
	if _, ok := o.object("amount"); ok {
		r.Amount = readMoney(o)
	}
	o.required("cycle")
	o.finish()
	return r
}

func readPayout(r *Request) {
	readOpening(r)
	o, c := r.body, &r.Command
	c.Description, c.Reference = o.text("description"), o.text("reference")
	b, ok := o.object("beneficiary")
	if !ok {
		o.required("beneficiary")
		return
	}
	c.Beneficiary = &payment.Beneficiary{
		CustomerID: b.text("customer_id"), IPAddress: b.text("ip_address"), FirstName: b.text("first_name"), LastName: b.text("last_name"),
		Email: b.text("email"), Address: b.text("address"), AccountNumber: b.text("account_number"),
	}
	b.finish()
}

// readOpening reads what begins a payment, wherever it is to be.
func readOpening(r *Request) {
	if id := r.body.text("payment_id"); id != "" {
		r.Command.Payment = payment.ID(id)
	} else {
		r.Command.Payment = payment.DeriveID(r.Command.ID)
	}
	r.Command.Account = r.body.text("account")
	r.Command.Amount = readMoney(r.body)
}

func readTexts(r *Request) {
	r.Command.Description = r.body.text("description")
	r.Command.StatementText = r.body.text("statement_text")
	r.Command.Reference = r.body.text("reference")
}

func readAmount(r *Request) { r.Command.Amount = readMoney(r.body) }

func readCapture(r *Request) {
	readAmount(r)
	readTexts(r)
}

func readRefund(r *Request) {
	readAmount(r)
	r.Command.Description, r.Command.Reference = r.body.text("description"), r.body.text("reference")
}

func readCancel(r *Request) { r.Command.Description = r.body.text("reason") }

// readMoney reads the member amount of o.
func readMoney(o *object) payment.Money {
	m, ok := o.object("amount")
	if !ok {
		o.required("amount")
		return payment.Money{}
	}
	defer m.finish()
	m.required("value")
	m.required("currency")
	return payment.Money{Minor: m.integer("value", math.MaxInt64), Currency: payment.Currency(m.text("currency"))}
}

// OneOf lists words for a sentence.
func OneOf[T ~string](list []T) string {
	words := make([]string, len(list))
	for i, v := range list {
		words[i] = string(v)
	}
	return strings.Join(words, ", ")
}
