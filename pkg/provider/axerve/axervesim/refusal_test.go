package axervesim

import (
	"net/http"
	"strings"
	"testing"

	"github.com/payloom/payloom/pkg/provider/axerve/gestpay"
)

func TestAuthentication(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cases := map[string]struct {
		shop gestpay.Shop
		want gestpay.Code
	}{
		"a shop that does not exist":  {gestpay.Shop{Login: "GESPAY99999", APIKey: apiKey}, "1131"},
		"a shop that is not active":   {gestpay.Shop{Login: inactive, APIKey: apiKey}, "1132"},
		"an address that is not ours": {gestpay.Shop{Login: elsewhere, APIKey: apiKey}, "1142"},
		"no key":                      {gestpay.Shop{Login: unified}, "1169"},
		"another key":                 {gestpay.Shop{Login: unified, APIKey: "guess"}, "1169"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, req := range []gestpay.Request{
				gestpay.EncryptRequest{Shop: c.shop, Money: euro(100), ShopTransactionID: "p-1"},
				gestpay.DecryptRequest{Shop: c.shop, CryptedString: "x"},
				gestpay.ReadRequest{Shop: c.shop, ShopTransactionID: "p-1"},
			} {
				checkReply(t, string(req.Operation()), r.call(req), gestpay.CallFailed, c.want)
			}
			for _, req := range []gestpay.Request{
				gestpay.SettleRequest{Shop: c.shop, Money: euro(100), ShopTransactionID: "p-1"},
				gestpay.RefundRequest{Shop: c.shop, Money: euro(100), ShopTransactionID: "p-1"},
				gestpay.DeleteRequest{Shop: c.shop, ShopTransactionID: "p-1"},
			} {
				checkReply(t, string(req.Operation()), r.call(req), gestpay.OpKO, c.want)
			}
			pay := gestpay.PayRequest{Shop: c.shop, Money: euro(100), ShopTransactionID: "p-1", OrderReference: "S02-7654321-1234567"}
			checkReply(t, "pay", r.call(pay), gestpay.CallFailed, c.want)
		})
	}
}

func TestAuthentication_NilShopLogin(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	body := `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><Decrypt xmlns="https://ecomm.sella.it/">` +
		`<shopLogin xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true"/><CryptedString>x</CryptedString></Decrypt></s:Body></s:Envelope>`
	reply, err := gestpay.Parse(gestpay.OpDecrypt, 200, r.mustPost(gestpay.OpDecrypt, []byte(body)))
	if err != nil || reply.ErrorCode != "9999" {
		t.Errorf("%+v, %v", reply, err)
	}
}

// leafs makes elements of names and values, which alternate; "-" leaves one out.
func leafs(base map[string]string, pairs ...string) []gestpay.Node {
	for i := 0; i+1 < len(pairs); i += 2 {
		base[pairs[i]] = pairs[i+1]
	}
	var nodes []gestpay.Node
	for name, text := range base {
		if text != "-" {
			nodes = append(nodes, gestpay.Leaf(name, text))
		}
	}
	return nodes
}

func TestEncrypt_Refusals(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cases := map[string]struct {
		change []string
		want   gestpay.Code
	}{
		"the ISO number of a currency":   {[]string{"uicCode", "978"}, "1111"},
		"letters of a currency":          {[]string{"uicCode", "EUR"}, "1111"},
		"no currency":                    {[]string{"uicCode", "-"}, "1111"},
		"no amount":                      {[]string{"amount", "-"}, "1113"},
		"nothing":                        {[]string{"amount", "0.00"}, "1114"},
		"a comma":                        {[]string{"amount", "1,00"}, "1114"},
		"three decimals":                 {[]string{"amount", "1.000"}, "1114"},
		"ten characters":                 {[]string{"amount", "1000000.00"}, "1114"},
		"less than nothing":              {[]string{"amount", "-1.00"}, "1114"},
		"decimals of a yen":              {[]string{"uicCode", "71", "amount", "100.00"}, "1114"},
		"no id":                          {[]string{"shopTransactionId", "-"}, "1115"},
		"an id too long":                 {[]string{"shopTransactionId", strings.Repeat("x", 33)}, "1116"},
		"an id with a slash":             {[]string{"shopTransactionId", "a/b"}, "4801"},
		"a buyer with an ampersand":      {[]string{"buyerName", "A & B"}, codeParameter},
		"a buyer with a long name":       {[]string{"buyerName", strings.Repeat("x", 51)}, codeParameter},
		"a key that was not declared":    {[]string{"customInfo", "cart=1*P1*secret=2"}, "1104"},
		"a value too long":               {[]string{"customInfo", "cart=" + strings.Repeat("x", 301)}, "1107"},
		"too much":                       {[]string{"customInfo", strings.Repeat("cart=1*P1*", 200)}, "1107"},
		"an agreement that is none":      {[]string{"amazonPayBillingAgreementDescription", "always"}, codeParameter},
		"an element of another spelling": {[]string{"shopTransactionID", "p-1", "shopTransactionId", "-"}, "1115"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			good := map[string]string{"uicCode": "242", "amount": "49.90", "shopTransactionId": "p-1"}
			checkReply(t, name, r.raw(gestpay.OpEncrypt, leafs(good, c.change...)...), gestpay.CallFailed, c.want)
		})
	}
}

func TestEncrypt_TakesWhatIsAllowed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for name, change := range map[string][]string{
		"no decimals":             {"amount", "50"},
		"one decimal":             {"amount", "49.9"},
		"yen":                     {"uicCode", "71", "amount", "500"},
		"an agreement with space": {"amazonPayBillingAgreementDescription", "\n paynowandrecurring\n"},
		"keys in any case":        {"customInfo", "CART=1*P1*note="},
	} {
		good := map[string]string{"uicCode": "242", "amount": "49.90", "shopTransactionId": "p-1"}
		checkReply(t, name, r.raw(gestpay.OpEncrypt, leafs(good, change...)...), gestpay.CallOK, "0")
	}
	for name, types := range map[string][]string{"another": {"PAYPAL"}, "two": {"AMAZONPAY", "AMAZONPAY"}} {
		list := gestpay.Node{Name: "paymentTypes"}
		for _, one := range types {
			list.Children = append(list.Children, gestpay.Leaf("paymentType", one))
		}
		good := leafs(map[string]string{"uicCode": "242", "amount": "49.90", "shopTransactionId": "p-1"})
		checkReply(t, name, r.raw(gestpay.OpEncrypt, append(good, list)...), gestpay.CallFailed, codeParameter)
	}
}

func TestFollowUps_Refusals(t *testing.T) {
	t.Parallel()
	r := newRig(t).as(separated)
	bank := string(r.authorised("p-1"))
	cases := map[string]struct {
		op   gestpay.Operation
		in   []string
		want gestpay.Code
	}{
		"ids that are spelt as elsewhere":  {gestpay.OpSettle, []string{"shopTransactionId", "p-1", "bankTransactionId", bank}, "2016"},
		"an id in other letters":           {gestpay.OpSettle, []string{"bankTransId", bank}, "2016"},
		"settle's ids in a refund":         {gestpay.OpRefund, []string{"shopTransID", "p-1"}, "2016"},
		"no id":                            {gestpay.OpDelete, nil, "2016"},
		"ids that are swapped":             {gestpay.OpDelete, []string{"shopTransactionId", bank, "bankTransactionId", "p-1"}, "2011"},
		"an id that does not exist":        {gestpay.OpDelete, []string{"shopTransactionId", "p-2"}, "2011"},
		"a reason too long":                {gestpay.OpDelete, []string{"shopTransactionId", "p-1", "CancelReason", strings.Repeat("x", 51)}, "9999"},
		"a settlementID too long":          {gestpay.OpSettle, []string{"shopTransID", "p-1", "uicCode", "242", "amount", "1", "settlementID", strings.Repeat("x", 21)}, "9999"},
		"a settle without an amount":       {gestpay.OpSettle, []string{"shopTransID", "p-1", "uicCode", "242"}, "1113"},
		"a refund of what is not captured": {gestpay.OpRefund, []string{"shopTransactionId", "p-1", "uicCode", "242", "amount", "1"}, "2018"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := r.raw(c.op, leafs(map[string]string{}, c.in...)...)
			if got.TransactionResult != gestpay.ResultKO || got.ErrorCode != c.want {
				t.Errorf("%s %s, want %s", got.TransactionResult, got.ErrorCode, c.want)
			}
		})
	}
	t.Cleanup(func() { r.checkLedger("p-1", "authorize 4990") })
}

func TestDecrypt_KnowsOnlyItsOwnStrings(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	crypt := r.encrypted("p-1")
	visit := r.decide("p-1", Approve)
	for what, text := range map[string]string{"a string of Encrypt": crypt, "a forged one": "FORGED"} {
		checkReply(t, what, r.call(gestpay.DecryptRequest{Shop: r.shop, CryptedString: text}), gestpay.CallFailed, "1141")
	}
	checkReply(t, "another shop's", r.as(separated).decrypt(queryOf(t, visit.ReturnURL)), gestpay.CallFailed, "1141")
	checkReply(t, "its own", r.decrypt(queryOf(t, visit.ReturnURL)), gestpay.PaymentOK, "0")
	checkReply(t, "and again", r.decrypt(queryOf(t, visit.ReturnURL)), gestpay.PaymentOK, "0")
}

func TestRead_IsBlindToOtherShops(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	bank := r.authorised("p-1")
	other := r.as(separated)
	got := other.call(gestpay.ReadRequest{Shop: other.shop, BankTransactionID: bank})
	checkReply(t, "by the bank's id", got, gestpay.NotFound, "2011")
	checkReply(t, "no id", r.raw(gestpay.OpRead), gestpay.CallFailed, "2016")
}

func TestSOAP_WhatIsNoCall(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	good, err := gestpay.Build(gestpay.SOAP11, gestpay.ReadRequest{Shop: r.shop, ShopTransactionID: "p-1"})
	if err != nil {
		t.Fatal(err)
	}
	body := string(good.Body)
	s2s, crypt := gestpay.S2SPath, gestpay.CryptPath
	cases := map[string]struct{ path, action, media, body, fault string }{
		"a broken document":        {s2s, good.Action, good.ContentType, body[:50], "soap:Client"},
		"a document type":          {s2s, good.Action, good.ContentType, "<!DOCTYPE x>" + body, "soap:Client"},
		"no document":              {s2s, good.Action, good.ContentType, "", "soap:Client"},
		"another action":           {s2s, `"https://ecomms2s.sella.it/callSettleS2S"`, good.ContentType, body, "soap:Client"},
		"no action":                {s2s, "", good.ContentType, body, "soap:Client"},
		"the other service":        {crypt, good.Action, good.ContentType, body, "soap:Client"},
		"another namespace":        {s2s, good.Action, good.ContentType, strings.ReplaceAll(body, "https://ecomms2s", "http://ecomms2s"), "soap:Client"},
		"another operation":        {s2s, good.Action, good.ContentType, strings.ReplaceAll(body, "callReadTrxS2S", "callStealS2S"), "soap:Client"},
		"the other version's type": {s2s, good.Action, "application/soap+xml; charset=utf-8", body, "soap:Sender"},
		"another character set":    {s2s, good.Action, "text/xml; charset=iso-8859-1", body, "soap:Client"},
		"a form":                   {s2s, good.Action, "application/x-www-form-urlencoded", body, "soap:Client"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, answer, err := r.post(t.Context(), c.path, gestpay.Message{Action: c.action, ContentType: c.media, Body: []byte(c.body)})
			if err != nil || status != http.StatusInternalServerError || !strings.Contains(string(answer), c.fault) {
				t.Errorf("status %d, %s, %v", status, answer, err)
			}
			if _, err := gestpay.Parse(gestpay.OpRead, status, answer); gestpay.OutcomeOf(gestpay.Reply{}, err) != gestpay.TransportFault {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestSOAP_BothVersionsAndAnyCaseOfPath(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.soap = gestpay.SOAP12
	checkReply(t, "SOAP 1.2", r.read("p-1"), gestpay.NotFound, "2011")
	m, err := gestpay.Build(gestpay.SOAP11, gestpay.ReadRequest{Shop: r.shop, ShopTransactionID: "p-1"})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/gestpay/gestpayws/WSs2s.asmx", "/GESTPAY/GESTPAYWS/wss2s.ASMX"} {
		if status, _, err := r.post(t.Context(), path, m); err != nil || status != http.StatusOK {
			t.Errorf("%s: %d, %v", path, status, err)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.server.URL+gestpay.S2SPath+"?wsdl", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := r.server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: %s", res.Status)
	}
}

func TestSOAP_ElementsOutsideTheNamespaceAreNotSeen(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.authorised("p-1")
	body := gestpay.SOAP11.Envelope(gestpay.Node{Space: gestpay.S2SNamespace, Name: "callReadTrxS2S", Children: []gestpay.Node{
		{Space: gestpay.S2SNamespace, Name: "shopLogin", Text: unified},
		{Space: gestpay.S2SNamespace, Name: "apikey", Text: apiKey},
		{Space: "", Name: "shopTransactionId", Text: "p-1"},
	}})
	reply, err := gestpay.Parse(gestpay.OpRead, 200, r.mustPost(gestpay.OpRead, body))
	if err != nil || reply.ErrorCode != "2016" {
		t.Errorf("%+v, %v", reply, err)
	}
}
