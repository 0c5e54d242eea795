package ecommpaysim

import (
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/payloom/payloom/pkg/provider/ecommpay/gate"
)

// The amounts the method takes, in minor units (ECommPay documentation, Amazon
// Pay, operations support). There is none for USD.
const (
	leastINR = 100
	mostINR  = 40_000_000
)

// required are the members of a payout (ECommPay documentation, Amazon Pay,
// request format), with the kind of value each has in the example there.
var required = []struct {
	object, name string
	kind         gate.Kind
}{
	{"general", "project_id", gate.Number},
	{"general", "payment_id", gate.String},
	{"payment", "amount", gate.Number},
	{"payment", "currency", gate.String},
	{"customer", "id", gate.String},
	{"customer", "ip_address", gate.String},
	{"customer", "first_name", gate.String},
	{"customer", "last_name", gate.String},
	{"customer", "email", gate.String},
	{"customer", "address", gate.String},
	{"account", "number", gate.String},
}

func checkRequired(m gate.Message) *refusal {
	for _, r := range required {
		v := m.Get(r.object, r.name)
		field := r.object + "." + r.name
		text, _ := v.Text()
		switch {
		case v.Kind() == gate.Absent || v.Kind() == gate.Null || v.Kind() == r.kind && strings.TrimSpace(text) == "":
			return refuse(codeMissing, field)
		case v.Kind() != r.kind:
			return refuse(codeValidation, field)
		}
	}
	return nil
}

// authenticate finds the project and checks the signature where the documentation
// puts it.
func (s *Simulator) authenticate(c *call, projectAt []string, place gate.Place) *refusal {
	id, ok := c.message.Get(projectAt...).Int()
	if !ok {
		return refuse(codeValidation, strings.Join(projectAt, "."))
	}
	p, ok := s.projects[id]
	if !ok {
		return refuse(codeProject, strings.Join(projectAt, "."))
	}
	match, err := c.message.Verify(p.Secret)
	if err != nil && p.Next != "" {
		match, err = c.message.Verify(p.Next)
	}
	switch {
	case err == gate.ErrUnsigned: //nolint:errorlint // exactly this error
		return refuse(codeNoSignature, place.String())
	case err != nil || match.Place != place || match.Order != gate.Natural:
		return refuse(codeSignature, place.String())
	case match.Ambiguous:
		// What is signed fits another request as well.
		return refuse(codeValidation, "")
	}
	c.project = p
	return nil
}

var (
	accountPattern  = regexp.MustCompile(`^[0-9]{10,15}$`)
	emailPattern    = regexp.MustCompile(`^[^@\s]+@[^@\s]+$`)
	currencyPattern = regexp.MustCompile(`^(INR|USD)$`)
)

// checkValues holds the members of a payout to their formats.
func (s *Simulator) checkValues(m gate.Message) *refusal {
	text := func(path ...string) string {
		v, _ := m.Get(path...).Text()
		return v
	}
	if utf8.RuneCountInString(text("general", "payment_id")) > 255 {
		return refuse(codePaymentID, "general.payment_id")
	}
	for _, name := range []string{"id", "first_name", "last_name", "email", "address"} {
		if utf8.RuneCountInString(text("customer", name)) > 255 {
			return refuse(codeValidation, "customer."+name)
		}
	}
	switch address, err := netip.ParseAddr(text("customer", "ip_address")); {
	case err != nil || address.Zone() != "":
		return refuse(codeValidation, "customer.ip_address")
	case !emailPattern.MatchString(text("customer", "email")):
		return refuse(codeEmail, "customer.email")
	case !accountPattern.MatchString(text("account", "number")):
		return refuse(codeValidation, "account.number")
	}
	if v := m.Get("general", "merchant_callback_url"); v.Kind() != gate.Absent && !s.cfg.callbackURL(text("general", "merchant_callback_url")) {
		return refuse(codeValidation, "general.merchant_callback_url")
	}
	return checkMoney(m)
}

func checkMoney(m gate.Message) *refusal {
	amount, ok := m.Get("payment", "amount").Int()
	currency, _ := m.Get("payment", "currency").Text()
	switch {
	case !currencyPattern.MatchString(currency):
		return refuse(codeCurrency, "payment.currency")
	case !ok || amount <= 0:
		return refuse(codeValidation, "payment.amount")
	case currency == "INR" && amount < leastINR:
		return refuse(codeBelowLimit, "payment.amount")
	case currency == "INR" && amount > mostINR:
		return refuse(codeAboveLimit, "payment.amount")
	}
	return nil
}

// callbackURL tells whether callbacks can be sent to an address.
func (c Config) callbackURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && u.User == nil && u.Fragment == "" &&
		(u.Scheme == "https" || c.RelaxURLs && u.Scheme == "http")
}
