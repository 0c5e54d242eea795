package main

import (
	"math"
	"strings"

	"github.com/payloom/payloom/pkg/payment"
)

// request is what a body asks for, as far as it says: provider and account may
// be left to be found.
type request struct {
	command payment.Command
	named   payment.Provider // empty: the body names none
	body    *object
}

// The bodies of the API, one function per kind. Which values are right is said
// by the rules of the commands; these say only which fields there are.

func readAuthorize(r *request) {
	o, c := r.body, &r.command
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

func readPayout(r *request) {
	readOpening(r)
	o, c := r.body, &r.command
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
func readOpening(r *request) {
	if id := r.body.text("payment_id"); id != "" {
		r.command.Payment = payment.ID(id)
	} else {
		r.command.Payment = payment.DeriveID(r.command.ID)
	}
	r.command.Account = r.body.text("account")
	r.command.Amount = readMoney(r.body)
}

func readTexts(r *request) {
	r.command.Description = r.body.text("description")
	r.command.StatementText = r.body.text("statement_text")
	r.command.Reference = r.body.text("reference")
}

func readAmount(r *request) { r.command.Amount = readMoney(r.body) }

func readCapture(r *request) {
	readAmount(r)
	readTexts(r)
}

func readRefund(r *request) {
	readAmount(r)
	r.command.Description, r.command.Reference = r.body.text("description"), r.body.text("reference")
}

func readCancel(r *request) { r.command.Description = r.body.text("reason") }

func readNothing(*request) {}

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

func oneOf[T ~string](list []T) string {
	words := make([]string, len(list))
	for i, v := range list {
		words[i] = string(v)
	}
	return strings.Join(words, ", ")
}
