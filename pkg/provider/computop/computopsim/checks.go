package computopsim

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/payloom/payloom/pkg/provider/computop/paygate"
)

// minimum is the least amount Paygate takes before the helpdesk has enabled
// smaller ones, in minor units.
const minimum = 100

// amountOf returns the amount of a call whose format was checked.
func (c *call) amountOf() (int64, *refusal) {
	n, err := strconv.ParseInt(c.get("Amount"), 10, 64)
	switch {
	case err != nil || n == 0:
		return 0, failed(catInvalid, detAmount, "AMOUNT INVALID")
	case n < minimum && !c.merchant.SmallAmounts:
		return 0, failed(catAmazon, detBelowMinimum, "AMOUNT BELOW MINIMUM")
	}
	return n, nil
}

var upperCurrency = regexp.MustCompile(`^[A-Z]{3}$`)

func (c *call) checkCurrency(name string) *refusal {
	if value, found := c.fields.Lookup(name); found && !upperCurrency.MatchString(value) {
		return failed(catFormat, detCurrency, "PARAMETER FORMAT: "+name)
	}
	return nil
}

// simulation is Paygate's own test mode: OrderDesc=Test:nnnn makes nnnn the
// detail of the result; 0000 is success (Paygate documentation, test guide).
var simulation = regexp.MustCompile(`^Test:([0-9]{4})$`)

func simulatedDetail(orderDesc string) string {
	if m := simulation.FindStringSubmatch(orderDesc); m != nil && m[1] != detNone {
		return m[1]
	}
	return ""
}

func simulatedCode(detail string) paygate.Code {
	return paygate.Code(paygate.SeverityFailed + catAmazon + detail)
}

// checkURLs holds the addresses to what the documentation asks of them.
func (s *Simulator) checkURLs(c *call) *refusal {
	for _, page := range []struct{ name, detail string }{
		{"URLSuccess", detURLSuccess}, {"URLFailure", detURLFailure}, {"URLCancel", detNone}, {"ShopUrl", detNone},
	} {
		if _, ok := s.checkURL(c.get(page.name)); !ok {
			return failed(catFormat, page.detail, "PARAMETER FORMAT: "+page.name)
		}
	}
	return s.checkNotifyURL(c)
}

func (s *Simulator) checkURL(text string) (*url.URL, bool) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return nil, false
	}
	return u, u.Scheme == "https" || s.cfg.RelaxURLs && u.Scheme == "http"
}

// checkNotifyURL: port 443 only, and no parameters.
func (s *Simulator) checkNotifyURL(c *call) *refusal {
	u, ok := s.checkURL(c.get("URLNotify"))
	if !ok {
		return failed(catFormat, detURLNotify, "PARAMETER FORMAT: URLNotify")
	}
	if u.RawQuery != "" || strings.HasSuffix(c.get("URLNotify"), "?") {
		return failed(catInvalid, detURLNotify, "URLNotify MUST NOT HAVE PARAMETERS")
	}
	if port := u.Port(); port != "" && port != "443" && !s.cfg.RelaxURLs {
		return failed(catInvalid, detURLNotify, "URLNotify MUST USE PORT 443")
	}
	return nil
}

// cycleLimit is the number of units a billing cycle may have.
var cycleLimit = map[string][2]int64{
	"Year": {1, 3}, "Month": {1, 36}, "Week": {1, 57}, "Day": {1, 1095}, "Variable": {0, 0},
}

// checkConditions checks the rules between parameters of an init.
func checkConditions(c *call) *refusal {
	if c.get("LocalCurrency") != "" && c.get("CountryCode") != "EU" && c.get("CountryCode") != "UK" {
		return failed(catInvalid, detCurrency, "LocalCurrency ONLY FOR EU AND UK")
	}
	if c.get("ChDesc") != "" && c.get("TxType") == txAuthorize {
		return failed(catInvalid, detChDesc, "ChDesc ONLY FOR AuthorizeWithCapture")
	}
	if c.get("RTF") == rtfInitial {
		return checkSeries(c)
	}
	return nil
}

func checkSeries(c *call) *refusal {
	for _, name := range []string{"cycle", "Value", "InstallmentAmount"} {
		if c.get(name) == "" {
			return failed(catMissing, detNone, "PARAMETER MISSING: "+name)
		}
	}
	n, err := strconv.ParseInt(c.get("Value"), 10, 64)
	limit := cycleLimit[c.get("cycle")]
	if err != nil || n < limit[0] || n > limit[1] {
		return failed(catInvalid, detNone, "PARAMETER INVALID: Value")
	}
	return nil
}
