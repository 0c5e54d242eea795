package computopsim

import (
	"net/url"
	"strings"
	"testing"

	"github.com/payloom/payloom/pkg/provider/computop/paygate"
)

func TestInit_Refusals(t *testing.T) {
	t.Parallel()
	strict := newRig(t, func(c *Config) { c.RelaxURLs = false })
	strict.shop.server.URL = "https://shop.example" // never called: every init here is refused
	cases := map[string]struct {
		extra []string
		want  paygate.Code
	}{
		"no TransID":                    {[]string{"TransID", "-"}, "20100002"},
		"a long TransID":                {[]string{"TransID", strings.Repeat("x", 65)}, "20140002"},
		"no amount":                     {[]string{"Amount", "-"}, "20100005"},
		"an amount with a point":        {[]string{"Amount", "10.00"}, "20110005"},
		"an amount of zero":             {[]string{"Amount", "0"}, "20120005"},
		"an amount of eleven digits":    {[]string{"Amount", "12345678901"}, "20140005"},
		"an amount below the minimum":   {[]string{"Amount", "99"}, "22520070"},
		"a currency in lower case":      {[]string{"Currency", "eur"}, "20110006"},
		"a currency of two letters":     {[]string{"Currency", "EU"}, "20110006"},
		"no country":                    {[]string{"CountryCode", "-"}, "20100000"},
		"an unknown country":            {[]string{"CountryCode", "CH"}, "20160000"},
		"an unknown TxType":             {[]string{"TxType", "Capture"}, "20160000"},
		"a long refnr":                  {[]string{"refnr", strings.Repeat("9", 31)}, "20140032"},
		"no URLSuccess":                 {[]string{"URLSuccess", "-"}, "20100020"},
		"URLSuccess without TLS":        {[]string{"URLSuccess", "http://shop.example/ok"}, "20110020"},
		"URLFailure is no URL":          {[]string{"URLFailure", "shop.example"}, "20110021"},
		"no URLCancel":                  {[]string{"URLCancel", "-"}, "20100000"},
		"no ShopUrl":                    {[]string{"ShopUrl", "-"}, "20100000"},
		"URLNotify with a query":        {[]string{"URLNotify", "https://shop.example/n?a=1"}, "20120022"},
		"URLNotify with an empty query": {[]string{"URLNotify", "https://shop.example/n?"}, "20120022"},
		"URLNotify on another port":     {[]string{"URLNotify", "https://shop.example:8443/n"}, "20120022"},
		"URLNotify without TLS":         {[]string{"URLNotify", "http://shop.example/n"}, "20110022"},
		"a long ChDesc":                 {[]string{"TxType", "-", "ChDesc", strings.Repeat("c", 17)}, "20140013"},
		"ChDesc without capture":        {[]string{"ChDesc", "SHOP"}, "20120013"},
		"LocalCurrency in the US":       {[]string{"CountryCode", "US", "LocalCurrency", "USD"}, "20120006"},
		"a series without a cycle":      {[]string{"RTF", "I", "Value", "1", "InstallmentAmount", "0"}, "20100000"},
		"a series of 37 months":         {[]string{"RTF", "I", "cycle", "Month", "Value", "37", "InstallmentAmount", "0"}, "20120000"},
		"a variable series with a unit": {[]string{"RTF", "I", "cycle", "Variable", "Value", "1", "InstallmentAmount", "0"}, "20120000"},
		"an unknown RTF":                {[]string{"RTF", "X"}, "20160000"},
		"a control character":           {[]string{"OrderDesc", "a\tb"}, "20110011"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := *strict
			r.t = t
			answer := r.call("amazonAPA.aspx", r.initFields("T-1", c.extra...))
			checkCode(t, name, answer, c.want)
			if answer.Get("Status") != "FAILED" || answer.Get("PayID") == "" || answer.Get("buttonpayload") != "" {
				t.Errorf("answer %s", answer)
			}
		})
	}
}

func TestInit_Accepts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cases := map[string][]string{
		"UK":              {"CountryCode", "UK", "LocalCurrency", "GBP"},
		"port 443":        {"URLNotify", "https://shop.example:443/n"},
		"a variable":      {"RTF", "I", "cycle", "Variable", "Value", "0", "InstallmentAmount", "0"},
		"a scope":         {"Scope", `"name","email"`},
		"unknown fields":  {"EtiId", "x", "Response", "encrypt"},
		"sale and ChDesc": {"TxType", "AuthorizeWithCapture", "ChDesc", "SHOP 1"},
	}
	for name, extra := range cases {
		r.opened(strings.ReplaceAll("ok "+name, " ", "-"), extra...)
	}
	small := r.as(smallMID)
	small.opened("cent", "Amount", "1")
}

func TestInit_TransIDOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.opened("T-1")
	checkCode(t, "again", r.call("amazonAPA.aspx", r.initFields("T-1")), "20170002")
	r.as(aesMID).opened("T-1")
}

func TestAuthentication(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	good := r.signed(r.initFields("T-1"))
	cases := map[string]struct {
		message paygate.Message
		want    paygate.Code
	}{
		"no MAC":              {with(good, "MAC", "-"), "20100044"},
		"a wrong MAC":         {with(good, "MAC", strings.Repeat("0", 64)), "20120044"},
		"a short MAC":         {with(good, "MAC", "00"), "20120044"},
		"a changed amount":    {with(good, "Amount", "1"), "20120044"},
		"another MerchantID":  {with(good, "MerchantID", "shop_other"), "20120044"},
		"no MerchantID":       {with(good, "MerchantID", "-"), "20100003"},
		"two different kinds": {append(with(good), paygate.Field{Name: "x", Value: "1"}, paygate.Field{Name: "y", Value: "2"}), ""},
	}
	for name, c := range cases {
		answer, err := r.try(t.Context(), "amazonAPA.aspx", c.message)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		checkCode(t, name, answer, c.want)
	}
	for _, endpoint := range []string{"capture.aspx", "credit.aspx", "reverse.aspx"} {
		answer, err := r.try(t.Context(), endpoint, paygate.NewMessage("MerchantID", shopMID, "PayID", noID))
		if err != nil {
			t.Fatal(err)
		}
		checkCode(t, endpoint, answer, "20100044")
	}
}

func TestEnvelope_Refusals(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	sealed := func(key string, mid string, m paygate.Message) url.Values {
		env, err := paygate.Seal(paygate.Blowfish, key, mid, m)
		if err != nil {
			t.Fatal(err)
		}
		return env.Form()
	}
	good := sealed(cipherKey, shopMID, r.signed(r.initFields("T-1")))
	without := func(name string) url.Values {
		form := url.Values{}
		for k, v := range good {
			if k != name {
				form[k] = v
			}
		}
		return form
	}
	replaced := func(name, value string) url.Values {
		form := without(name)
		form.Set(name, value)
		return form
	}
	aes, err := paygate.Seal(paygate.AES, cipherKey, shopMID, r.signed(r.initFields("T-1")))
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		form  url.Values
		want  paygate.Code
		plain bool
	}{
		"no MerchantID":      {without("MerchantID"), "20100003", true},
		"a strange merchant": {replaced("MerchantID", "nobody"), "20120003", true},
		"no Data":            {without("Data"), "20100007", false},
		"no Len":             {without("Len"), "20100008", false},
		"Len too large":      {replaced("Len", "99999"), "20010007", false},
		"no hex":             {replaced("Data", "zz"+good.Get("Data")[2:]), "20010007", false},
		"half a block":       {replaced("Data", good.Get("Data")[2:]), "20010007", false},
		"another key":        {sealed("another", shopMID, r.signed(r.initFields("T-1"))), "20010007", false},
		"another cipher":     {aes.Form(), "20010007", false},
		"broken Len":         {replaced("Len", "12x"), "20110007", false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			raw, err := r.post(t.Context(), "AMAZONAPA.aspx", c.form.Encode())
			if err != nil {
				t.Fatal(err)
			}
			if c.plain {
				checkCode(t, name, paygate.ParseMessage(string(raw)), c.want)
				return
			}
			answer, err := r.read(raw)
			if err != nil {
				t.Fatal(err)
			}
			checkCode(t, name, answer, c.want)
		})
	}
}

func TestGET(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	env, err := paygate.Seal(paygate.Blowfish, cipherKey, shopMID, r.signed(r.initFields("T-1")))
	if err != nil {
		t.Fatal(err)
	}
	res, err := r.server.Client().Get(r.server.URL + "/any/path/AmazonApa.ASPX?" + env.Form().Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != 200 || r.payment("T-1").Stage != StageOpen {
		t.Errorf("status %d", res.StatusCode)
	}
}

func TestFollowUp_Refusals(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	payID, charge := r.authorised("T-1")
	sale, saleCharge := r.authorised("T-2", "TxType", "AuthorizeWithCapture")
	open := r.opened("T-3")
	stranger := r.as(aesMID)
	strangers, _ := stranger.authorised("T-4")
	aFollowUp := func(extra ...string) paygate.Message { return followUp(payID, "T-1", "1000", extra...) }
	aCredit := func(extra ...string) paygate.Message {
		return followUp(sale, "T-2", "1000", append([]string{"OrderDesc", "returned", "chargeid", saleCharge}, extra...)...)
	}
	cases := map[string]struct {
		endpoint string
		message  paygate.Message
		want     paygate.Code
	}{
		"capture without PayID":                 {"capture.aspx", aFollowUp("PayID", "-"), "20100001"},
		"capture with a short PayID":            {"capture.aspx", aFollowUp("PayID", "123"), "20110001"},
		"capture of an unknown payment":         {"capture.aspx", aFollowUp("PayID", strings.Repeat("a", 32)), "22520061"},
		"capture of a stranger's payment":       {"capture.aspx", aFollowUp("PayID", strangers, "TransID", "T-4"), "22520061"},
		"capture under another TransID":         {"capture.aspx", aFollowUp("TransID", "T-9"), "20120002"},
		"capture in another currency":           {"capture.aspx", aFollowUp("Currency", "USD"), "20120006"},
		"capture of more than authorised":       {"capture.aspx", aFollowUp("Amount", "10001"), "22520067"},
		"capture below the minimum":             {"capture.aspx", aFollowUp("Amount", "99"), "22520070"},
		"capture of what is captured":           {"capture.aspx", followUp(sale, "T-2", "1000"), "22520072"},
		"capture before the buyer confirmed":    {"capture.aspx", followUp(open, "T-3", "1000"), "22520075"},
		"capture with a long ReqId":             {"capture.aspx", aFollowUp("ReqId", strings.Repeat("r", 33)), "20140004"},
		"credit without a description":          {"credit.aspx", aCredit("OrderDesc", "-"), "20100011"},
		"credit without a charge":               {"credit.aspx", aCredit("chargeid", "-"), "20100000"},
		"credit of another charge":              {"credit.aspx", aCredit("chargeid", charge), "20120000"},
		"credit of more than captured":          {"credit.aspx", aCredit("Amount", "10001"), "22520957"},
		"credit of nothing captured":            {"credit.aspx", followUp(payID, "T-1", "1000", "OrderDesc", "x", "chargeid", charge), "22520069"},
		"reverse without a charge":              {"reverse.aspx", paygate.NewMessage("PayID", payID), "20100000"},
		"reverse of another charge":             {"reverse.aspx", paygate.NewMessage("PayID", payID, "chargeid", saleCharge), "20120000"},
		"reverse of an unknown payment":         {"reverse.aspx", paygate.NewMessage("PayID", strings.Repeat("a", 32), "chargeid", charge), "22520061"},
		"reverse under another TransID":         {"reverse.aspx", paygate.NewMessage("PayID", payID, "chargeid", charge, "TransID", "T-9"), "20120002"},
		"inquiry of an unknown PayID":           {"inquire.aspx", paygate.NewMessage("PayID", strings.Repeat("a", 32), "TransID", "T-1"), "22520061"},
		"inquiry under another TransID":         {"inquire.aspx", paygate.NewMessage("PayID", payID, "TransID", "T-9"), "20120002"},
		"inquiry of an unknown TransID":         {"inquire24.aspx", paygate.NewMessage("TransID", "T-9"), "22520061"},
		"update before the review page":         {"amazonAPA.aspx", followUp(open, "T-3", "1000", "CountryCode", "EU", "eventToken", "UpdateAuthorizeAmount"), "22520063"},
		"update after the confirmation":         {"amazonAPA.aspx", aFollowUp("CountryCode", "EU", "eventToken", "UpdateAuthorizeAmount"), "22520063"},
		"update with another token":             {"amazonAPA.aspx", aFollowUp("CountryCode", "EU", "eventToken", "LGN"), "20160000"},
		"update of an unknown payment":          {"amazonAPA.aspx", aFollowUp("PayID", strings.Repeat("a", 32), "CountryCode", "EU", "eventToken", "UpdateAuthorizeAmount"), "22520061"},
		"capture that is simulated to fail":     {"capture.aspx", aFollowUp("OrderDesc", "Test:0305"), "22520305"},
		"capture that is simulated to time out": {"capture.aspx", aFollowUp("OrderDesc", "Test:0051"), "22520051"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			answer := r.call(c.endpoint, c.message)
			checkCode(t, name, answer, c.want)
			if answer.Get("Status") != "FAILED" {
				t.Errorf("answer %s", answer)
			}
		})
	}
	if got := r.ledger("T-1") + "; " + r.ledger("T-2"); got != "authorize 10000; charge 10000" {
		t.Errorf("refusals left effects: %s", got)
	}
}

func TestCredit_SumsRefundsUnderWay(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.RefundDelay = 4 * defaultPendingDelay })
	payID, charge := r.authorised("T-1", "TxType", "AuthorizeWithCapture")
	checkCode(t, "first", r.credit(payID, "T-1", "7000", charge, "ReqId", "same"), "62520985")
	checkCode(t, "too much", r.credit(payID, "T-1", "4000", charge), "22520957")
	// ReqId protects no credit: the same one is executed again.
	checkCode(t, "second", r.credit(payID, "T-1", "3000", charge, "ReqId", "same"), "62520985")
	checkCode(t, "nothing left", r.credit(payID, "T-1", "100", charge), "22520958")
	r.quiet()
	if p := r.payment("T-1"); p.AmountCred != 10000 || p.Crediting != 0 {
		t.Errorf("payment %+v", p)
	}
}

func TestCredit_FailsLater(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	payID, charge := r.authorised("T-1", "TxType", "AuthorizeWithCapture")
	checkCode(t, "answer", r.credit(payID, "T-1", "2000", charge, "OrderDesc", "Test:0100"), "62520985")
	r.quiet()
	note := r.lastNotify()
	checkCode(t, "notify", note, "22520100")
	checkTotals(t, "notify", note, "10000/10000/0")
	if !r.genuine(note) || note.Get("NotificationType") != "CreditNotification" || r.ledger("T-1") != "charge 10000, (refund 2000)" {
		t.Errorf("notify %s, ledger %q", note, r.ledger("T-1"))
	}
	inquiry := r.call("inquire.aspx", paygate.NewMessage("PayID", payID, "TransID", "T-1"))
	if inquiry.Get("LastStatus") != "FAILED" || inquiry.Get("Status") != "OK" {
		t.Errorf("inquiry %s", inquiry)
	}
}
