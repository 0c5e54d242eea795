package gestpay

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse_Vectors(t *testing.T) {
	t.Parallel()
	for _, v := range mustVectors(t).Responses {
		t.Run(v.File, func(t *testing.T) {
			t.Parallel()
			r, err := Parse(v.Operation, v.Status, mustRead(t, v.File))
			if got := OutcomeOf(r, err); string(got) != v.Expect["outcome"] {
				t.Fatalf("outcome %s, want %s (%v)", got, v.Expect["outcome"], err)
			}
			if err == nil && r.Version != v.SOAP {
				t.Errorf("SOAP %s, want %s", r.Version, v.SOAP)
			}
		})
	}
}

func TestParse_Everything(t *testing.T) {
	t.Parallel()
	r := mustParse(t, OpRead, "readtrx_captured_full_details.xml")
	r.Fields = nil
	want := Reply{
		Operation: OpRead, Version: SOAP11,
		TransactionType: "QUERYTX", TransactionResult: ResultOK, TransactionState: EventCaptured,
		ShopTransactionID: "pay_01HZX9-1", BankTransactionID: "900417", AuthorizationCode: "00A7K2",
		UICCode: "242", Company: "AMAZONPAY",
		ErrorCode: "0", ErrorDescription: "Transazione correttamente effettuata",
		CustomInfo: map[string]string{},
		Events: []Event{
			{Type: EventAuthorised, Amount: "49.90", Date: "20/01/26 10:05:10", ID: "51001"},
			{Type: EventCaptured, Amount: "49.90", Date: "20/01/26 10:05:11", ID: "51002"},
		},
		Order: &OrderReferenceDetails{
			ID: "S02-7654321-1234567", State: "Open", LastUpdate: "2026-01-20T10:05:11.004Z",
			CreationTime: "2026-01-20T10:03:40.512Z", ExpirationTime: "2026-07-19T10:03:40.512Z",
			Language: "it-IT", Environment: "Sandbox", SellerOrderID: "pay_01HZX9-1",
			TotalCurrency: "EUR", TotalAmount: "49.90",
			BuyerName: "Anna", BuyerEmail: "anna.verdi@example.org", DestinationType: "Physical",
			Shipping: &Address{
				Name: "Anna Verdi", Lines: []string{"Via Garibaldi 7"}, City: "Torino", Region: "TO",
				PostalCode: "10121", Country: "IT", Phone: "+39 011 5550100",
			},
			Billing: &Address{
				Name: "Anna Verdi", Lines: []string{"Ringstrasse 3", "Top 12"}, City: "Wien",
				PostalCode: "1010", Country: "AT",
			},
			BillingType: "Physical",
		},
	}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Error(diff)
	}
	if !r.Order.Sandbox() || r.Order.Expires().Sub(r.Order.Created()).Hours() != 180*24 {
		t.Errorf("order lives from %v to %v", r.Order.Created(), r.Order.Expires())
	}
}

func TestParse_Fields(t *testing.T) {
	t.Parallel()
	r := mustParse(t, OpRead, "readtrx_captured_full_details.xml")
	for name, want := range map[string]string{
		"ShopTransactionID": "pay_01HZX9-1", "TransactionState": "MOV",
		"eventtype": "AUT", "eventtype#2": "MOV", "Name": "Anna Verdi", "Name#2": "Anna", "CurrencyCode": "EUR", "IdList": "",
	} {
		if got, found := r.Fields[name]; !found || got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	// A direct child keeps its name whatever stands before it further down.
	xml := `<GestPayS2S><Inner><ErrorCode>7</ErrorCode></Inner><TransactionResult>KO</TransactionResult><ErrorCode>2017</ErrorCode></GestPayS2S>`
	r, err := Parse(OpDelete, 200, []byte(xml))
	if err != nil || r.Fields["ErrorCode"] != "2017" || r.Fields["ErrorCode#2"] != "7" {
		t.Errorf("fields %v, %v", r.Fields, err)
	}
}

func TestParse_BuyerData(t *testing.T) {
	t.Parallel()
	for file, op := range map[string]Operation{"pagam_ok_escaped_cdata.xml": OpPay, "pagam_ok_real_cdata.xml": OpPay} {
		r := mustParse(t, op, file)
		if r.BuyerName != "Anna Verdi" || r.BuyerEmail != "anna.verdi@example.org" || r.Fields["BuyerName"] != "Anna Verdi" {
			t.Errorf("%s: %q, %q, %q", file, r.BuyerName, r.BuyerEmail, r.Fields["BuyerName"])
		}
	}
	twice := `<GestPayS2S><TransactionResult>KO</TransactionResult><Buyer><BuyerName>&lt;![CDATA[&lt;![CDATA[x]]&gt;]]&gt;</BuyerName></Buyer></GestPayS2S>`
	r, err := Parse(OpPay, 200, []byte(twice))
	if err != nil || r.BuyerName != "<![CDATA[x]]>" {
		t.Errorf("two wrappers: %q, %v: one is stripped", r.BuyerName, err)
	}
}

func TestParse_Shapes(t *testing.T) {
	t.Parallel()
	inner := `<TransactionType>Settle</TransactionType><TransactionResult>OK</TransactionResult><BankTransactionID>7</BankTransactionID><ErrorCode>0</ErrorCode>`
	result := `<GestPayS2S>` + inner + `</GestPayS2S>`
	cases := map[string]struct {
		body string
		want Outcome
	}{
		"a bare result":                         {result, OpOK},
		"a result element around it":            {`<callSettleS2SResult>` + result + `</callSettleS2SResult>`, OpOK},
		"both elements around it":               {`<r:callSettleS2SResponse xmlns:r="urn:x"><callSettleS2SResult>` + result + `</callSettleS2SResult></r:callSettleS2SResponse>`, OpOK},
		"an envelope of no known version":       {`<Envelope><Body>` + result + `</Body></Envelope>`, OpOK},
		"a header is passed over":               {`<E:Envelope xmlns:E="http://schemas.xmlsoap.org/soap/envelope/"><E:Header><x/></E:Header><E:Body>` + result + `</E:Body></E:Envelope>`, OpOK},
		"a byte order mark":                     {"\ufeff" + result, OpOK},
		"comments and processing instructions":  {`<?x y?><!-- a -->` + result + `<!-- b -->`, OpOK},
		"blanks around decisive values":         {strings.ReplaceAll(result, ">OK<", ">\n OK\n<"), OpOK},
		"two bodies in one":                     {`<Envelope><Body>` + result + result + `</Body></Envelope>`, ProtocolError},
		"two results in one":                    {`<callSettleS2SResult>` + result + result + `</callSettleS2SResult>`, ProtocolError},
		"a decisive element twice":              {`<GestPayS2S>` + inner + `<TransactionResult>KO</TransactionResult></GestPayS2S>`, ProtocolError},
		"the other service's result":            {`<GestPayCryptDecrypt>` + inner + `</GestPayCryptDecrypt>`, ProtocolError},
		"another operation's type":              {strings.ReplaceAll(result, "Settle", "Refund"), ProtocolError},
		"a result that does not exist":          {strings.ReplaceAll(result, ">OK<", ">ok<"), ProtocolError},
		"no result":                             {strings.ReplaceAll(result, ">OK<", "><"), ProtocolError},
		"OK beside an error code":               {strings.ReplaceAll(result, ">0<", ">2019<"), ProtocolError},
		"a settle that is not final":            {strings.ReplaceAll(result, ">OK<", ">XX<"), ProtocolError},
		"text after the end":                    {result + "x", ProtocolError},
		"a second document":                     {result + result, ProtocolError},
		"nothing":                               {"", ProtocolError},
		"no XML":                                {"OK", ProtocolError},
		"an entity nobody declared":             {strings.ReplaceAll(result, ">7<", ">&x;<"), ProtocolError},
		"another character set":                 {`<?xml version="1.0" encoding="iso-8859-1"?>` + result, ProtocolError},
		"bytes that are no UTF-8":               {strings.ReplaceAll(result, ">7<", ">\xff<"), ProtocolError},
		"a document type further down":          {`<GestPayS2S><!DOCTYPE x>` + inner + `</GestPayS2S>`, ProtocolError},
		"elements without end":                  {strings.Repeat("<a>", 1000), ProtocolError},
		"more than a megabyte":                  {result + strings.Repeat(" ", MaxBody), ProtocolError},
		"a page for people with status 200":     {"\n<!DOCTYPE html><html><body>busy</body></html>", TransportFault},
		"a fault with status 200":               {`<Envelope><Body><Fault><faultcode>soap:Server</faultcode></Fault></Body></Envelope>`, TransportFault},
		"an envelope without a body":            {`<Envelope/>`, ProtocolError},
		"an operation's response with no child": {`<callSettleS2SResponse/>`, ProtocolError},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := Parse(OpSettle, 200, []byte(c.body))
			if got := OutcomeOf(r, err); got != c.want {
				t.Errorf("%s (%v), want %s", got, err, c.want)
			}
		})
	}
}

func TestParse_StatusCountsMoreThanTheBody(t *testing.T) {
	t.Parallel()
	_, err := Parse(OpSettle, 502, mustRead(t, "settle_ok.xml"))
	var f *Fault
	if !errors.As(err, &f) || f.Status != 502 || f.Code != "" || f.Client() {
		t.Errorf("%v", err)
	}
}

func TestParse_RejectVectors(t *testing.T) {
	t.Parallel()
	ops := map[string]Operation{"wrong_operation.xml": OpSettle, "wrong_transaction.xml": OpSettle, "truncated.xml": OpDecrypt}
	for _, v := range mustVectors(t).Rejects {
		op := ops[v.File]
		if op == "" {
			op = OpEncrypt
		}
		r, err := Parse(op, v.Status, mustRead(t, v.File))
		if v.File == "wrong_transaction.xml" {
			if err = r.CheckIDs("pay_01HZX9-1", "900417"); !errors.Is(err, ErrOtherTransaction) {
				t.Errorf("%s: %v", v.File, err)
			}
		}
		if got := OutcomeOf(r, err); string(got) != v.Expect["outcome"] {
			t.Errorf("%s: %s, %v", v.File, got, err)
		}
		var f *Fault
		if want, isFault := v.Expect["fault_code"]; isFault && (!errors.As(err, &f) || f.Code != want) {
			t.Errorf("%s: %v, want %v", v.File, err, want)
		}
		if f != nil && f.Client() != (v.File == "fault_soap11.xml") {
			t.Errorf("%s: client %v", v.File, f.Client())
		}
	}
}

func TestFault_KeepsTheServersWordsToItself(t *testing.T) {
	t.Parallel()
	body := `<Envelope><Body><Fault><faultcode>hush hush</faultcode><faultstring>hush</faultstring></Fault></Body></Envelope>`
	_, err := Parse(OpPay, 500, []byte(body))
	if err == nil || strings.Contains(err.Error(), "hush") {
		t.Errorf("%v", err)
	}
}

func TestReply_CheckIDs(t *testing.T) {
	t.Parallel()
	r := Reply{BankTransactionID: "900417"}
	if err := r.CheckIDs("pay-1", "900417"); err != nil {
		t.Errorf("a blank shop id: %v", err)
	}
	if err := r.CheckIDs("", ""); err != nil {
		t.Errorf("nothing asked for: %v", err)
	}
	if err := r.CheckIDs("pay-1", "900418"); !errors.Is(err, ErrProtocol) {
		t.Errorf("another bank id: %v", err)
	}
}
