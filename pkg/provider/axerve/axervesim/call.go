package axervesim

import (
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/payloom/payloom/pkg/provider/axerve/gestpay"
)

// Op is a call a shop makes, or what it is sent, as rules name it.
type Op string

// The operations.
const (
	OpEncrypt Op = "encrypt"
	OpDecrypt Op = "decrypt"
	OpPay     Op = "pay"
	OpRead    Op = "read"
	OpSettle  Op = "settle"
	OpRefund  Op = "refund"
	OpDelete  Op = "delete"
	OpNotify  Op = "notify" // the server-to-server notification
)

var opNames = map[gestpay.Operation]Op{
	gestpay.OpEncrypt: OpEncrypt, gestpay.OpDecrypt: OpDecrypt, gestpay.OpPay: OpPay, gestpay.OpRead: OpRead,
	gestpay.OpSettle: OpSettle, gestpay.OpRefund: OpRefund, gestpay.OpDelete: OpDelete,
}

// call is one request, decoded.
type call struct {
	op        gestpay.Operation
	name      Op
	version   gestpay.Version
	fields    gestpay.Node
	shop      *Shop // nil when the shopLogin is unknown
	ip        string
	base      string
	at        time.Time
	reference string // shopTransactionId of the payment, for rules
}

// get returns an element's text, or "".
func (c *call) get(name string) string { return c.fields.Get(name) }

// ids are the two that name a transaction. Only settle has names of its own for
// them; under the others' names it sees nothing.
func (c *call) ids() (shopID, bankID string) {
	if c.op == gestpay.OpSettle {
		return c.get("shopTransID"), c.get("bankTransID")
	}
	return c.get("shopTransactionId"), c.get("bankTransactionId")
}

// identify finds the shop, and the payment that rules may be about.
func (s *Simulator) identify(c *call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.shop = s.shops[c.get("shopLogin")]
	shopID, bankID := c.ids()
	c.reference = shopID
	if c.shop == nil {
		return
	}
	if p := s.book.byBankID[shopKey{c.shop.Login, bankID}]; p != nil {
		c.reference = p.shopID
	}
	if res := s.book.results[c.get("CryptedString")]; res != nil && res.payment.shop == c.shop {
		c.reference = res.payment.shopID
	}
}

// authenticate checks who calls, before any field is looked at.
func (c *call) authenticate() *refusal {
	login, _ := c.fields.Child("shopLogin")
	switch {
	case login.Nil || c.get("shopLogin") == "":
		return refuse(gestpay.CodeSystem)
	case c.shop == nil:
		return refuse(codeShopUnknown)
	case c.shop.Inactive:
		return refuse(codeShopInactive)
	case !c.shop.admits(c.ip):
		return refuse(codeIP)
	case !c.shop.knows(c.get("apikey")):
		return refuse(codeAPIKey)
	}
	return nil
}

// knows tells whether a key is good. A shop without any is known by its address.
func (s *Shop) knows(key string) bool {
	return s.APIKey == "" || key == s.APIKey || s.NextKey != "" && key == s.NextKey
}

// admits compares an address with the patterns of the shop.
func (s *Shop) admits(ip string) bool {
	return len(s.IPs) == 0 || slices.ContainsFunc(s.IPs, func(pattern string) bool {
		match, err := path.Match(pattern, ip)
		return err == nil && match
	})
}

var (
	plainAmount = regexp.MustCompile(`^[0-9]{1,9}(\.[0-9]{1,2})?$`)
	plainShopID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`)
)

// longestAmount is in characters.
const longestAmount = 9

// money reads amount and currency: minor units, and the letters of the number.
func (c *call) money() (minor int64, iso string, r *refusal) {
	iso, known := gestpay.ISOCurrency(c.get("uicCode"))
	text := c.get("amount")
	switch {
	case !known:
		return 0, "", refuse(codeCurrency)
	case text == "":
		return 0, "", refuse(codeNoAmount)
	case len(text) > longestAmount || !plainAmount.MatchString(text):
		return 0, "", refuse(codeAmount)
	}
	whole, fraction, point := strings.Cut(text, ".")
	if places := places(iso); places == 0 && point {
		return 0, "", refuse(codeAmount)
	} else if places == 2 {
		whole += (fraction + "00")[:2]
	}
	minor, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || minor == 0 {
		return 0, "", refuse(codeAmount)
	}
	return minor, iso, nil
}

// places is the number of decimals a currency has.
func places(iso string) int {
	if iso == "JPY" || iso == "KRW" || iso == "ISK" {
		return 0
	}
	return 2
}

// major writes minor units, with as many decimals as the gateway happens to
// print: none, one or two.
func (p *payment) major(minor int64) string {
	text := strconv.FormatInt(minor, 10)
	if places(p.iso) == 0 {
		return text
	}
	for len(text) < 3 {
		text = "0" + text
	}
	text = text[:len(text)-2] + "." + text[len(text)-2:]
	if p.amount%3 == 0 { // some payments print short amounts, always the same ones
		text = strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(text, "0"), "0"), ".")
	}
	return text
}

// checkShopID holds the shop's id to the rule for Amazon Pay.
func (c *call) checkShopID() *refusal {
	id := c.get("shopTransactionId")
	switch {
	case id == "":
		return refuse(codeNoShopID)
	case len(id) > 32:
		return refuse(codeLongShopID)
	case !plainShopID.MatchString(id):
		return refuse(codeShopID)
	}
	return nil
}

// forbiddenInNames are characters that the gateway does not take in values.
const forbiddenInNames = `&§()*<>,;/[]?=%~°`

// checkBuyer checks what is optional about a payment.
func (c *call) checkBuyer() *refusal {
	for _, name := range []string{"buyerName", "buyerEmail"} {
		text := strings.TrimPrefix(c.get(name), ":NOSEND:")
		if utf8.RuneCountInString(text) > 50 || strings.ContainsAny(text, forbiddenInNames) || strings.Contains(text, "--") {
			return refuse(codeParameter)
		}
	}
	info := c.get("customInfo")
	if utf8.RuneCountInString(info) > 1000 {
		return refuse(codeCustomLength)
	}
	for key, value := range gestpay.ParseCustomInfo(info) {
		if utf8.RuneCountInString(value) > 300 {
			return refuse(codeCustomLength)
		}
		if !slices.ContainsFunc(c.shop.CustomKeys, func(k string) bool { return strings.EqualFold(k, key) }) {
			return refuse(codeCustomKey)
		}
	}
	return nil
}

// paymentTypes are those that the call names.
func (c *call) paymentTypes() []string {
	list, _ := c.fields.Child("paymentTypes")
	var types []string
	for _, t := range list.Children {
		types = append(types, strings.TrimSpace(t.Text))
	}
	return types
}

// newPayment checks what every new payment must have, and makes one.
func (s *Simulator) newPayment(c *call) (*payment, *refusal) {
	amount, iso, r := c.money()
	if r == nil {
		r = c.checkShopID()
	}
	if r == nil {
		r = c.checkBuyer()
	}
	if r != nil {
		return nil, r
	}
	return &payment{
		shop: c.shop, shopID: c.get("shopTransactionId"), iso: iso, uic: c.get("uicCode"), amount: amount,
		buyerName: c.get("buyerName"), buyerEmail: c.get("buyerEmail"), customInfo: c.get("customInfo"),
		base: c.base, created: c.at,
	}, nil
}
