package payouts_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/wire"
	"github.com/payloom/payloom/services/internal/payouts"
)

const header = "req_id,general.payment_id,payment.amount,payment.currency,customer.id,customer.ip_address,customer.first_name," +
	"customer.last_name,customer.email,customer.address,account.number"

func mustHeader(t testing.TB, text string) payouts.Header {
	t.Helper()
	h, err := payouts.ReadHeader(payouts.Line{Number: 1, Text: []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestReadHeader_TakesEveryColumn(t *testing.T) {
	t.Parallel()
	var names []string
	for _, c := range payouts.Columns() {
		names = append([]string{c.Name}, names...)
	}
	mustHeader(t, strings.Join(names, ","))
	mustHeader(t, `"`+strings.Join(names, `","`)+`"`)
}

func TestHeader_Row(t *testing.T) {
	t.Parallel()
	h := mustHeader(t, "general.project_id,"+header)
	row, fault := h.Row(payouts.Line{Number: 2, Text: []byte(`818,r,p-1,150000,INR,c,203.0.113.7,"A ""B""",=C,a@b.example,"1, x",9100000000`)})
	if fault != nil {
		t.Fatal(fault)
	}
	want := `{"req_id":"r","payment_id":"p-1","amount":{"value":150000,"currency":"INR"},"beneficiary":{"customer_id":"c","ip_address":"203.0.113.7",` +
		`"first_name":"A \"B\"","last_name":"=C","email":"a@b.example","address":"1, x","account_number":"9100000000"}}`
	if d := cmp.Diff(want, string(row.Object)); d != "" || row.Project != "818" || len(row.Missing) != 0 {
		t.Errorf("project %q, missing %v: %s", row.Project, row.Missing, d)
	}
}

func TestReqID(t *testing.T) {
	t.Parallel()
	long := payouts.ReqID(strings.Repeat("k", payouts.MaxKey), strings.Repeat("p", 64), 1)
	if err := long.Validate(); err != nil {
		t.Errorf("the longest key: %v", err)
	}
	// A payment called like a line's number is not that line.
	if a, b := payouts.ReqID("k", "5", 9), payouts.ReqID("k", "", 5); a != "k/5" || b != "k/line:5" {
		t.Errorf("keys %s and %s", a, b)
	}
}

func TestCounts_Add(t *testing.T) {
	t.Parallel()
	var c payouts.Counts
	for _, s := range []payouts.Status{payouts.Accepted, payouts.Replayed, payouts.Accepted, payouts.Rejected, payouts.Unavailable} {
		c.Add(s)
	}
	if want := (payouts.Counts{Lines: 4, Accepted: 2, Replayed: 1, Rejected: 1}); c != want {
		t.Errorf("%+v, want %+v", c, want)
	}
}

// FuzzRow reads any line of CSV. What is read without fault can be stored and says what
// the line says; what is answered to a fault names a column, and repeats nothing.
func FuzzRow(f *testing.F) {
	for _, text := range []string{
		`r,p-1,150000,INR,c,203.0.113.7,Test,Person,a@b.example,"1 Street, Town",9100000000`,
		`,,150000,INR,c,::1,=1+1,-x,a@b.example,@y,9100000000`, `,,,,,,,,,,`, `"`, `a"b,,,,,,,,,,`, ``, `r`, "\xff,,,,,,,,,,",
		`,4111111111111111,1e3,inr,c,here,T,P,a@,"1 ""Street""",+49`, `r,p,-0,USD,c,203.0.113.7,T,P,a@b.example,x,91000000001234`,
	} {
		f.Add([]byte(text))
	}
	b := payouts.Batch{Merchant: "m", Key: "k", Format: payouts.CSV, Header: mustHeader(f, header)}
	known := map[string]bool{payouts.WholeLine: true, "provider": true}
	for _, c := range payouts.Columns() {
		known[c.Name] = true
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > payouts.MaxLine || bytes.ContainsRune(text, '\n') {
			return
		}
		p := b.Read(payouts.Line{Number: 2, Text: text})
		r := p.Result(payouts.Rejected)
		for _, e := range r.Errors {
			if !known[e.Field] {
				t.Errorf("%q is no column", e.Field)
			}
		}
		if len(r.Errors) == 0 {
			checkSays(t, string(text), p)
		}
		if out, err := json.Marshal(r); err != nil || bytes.Contains(out, []byte("4111111111111111")) {
			t.Errorf("the result is %s, %v", out, err)
		}
	})
}

// checkSays checks that a command says what its line says.
func checkSays(t *testing.T, text string, p *payouts.Payout) {
	t.Helper()
	c := p.Command
	// Who reads all lines at once must read the same.
	cells, err := csv.NewReader(strings.NewReader(text)).Read()
	if err != nil {
		t.Fatalf("read what is no CSV: %v", err)
	}
	bn := c.Beneficiary
	got := []string{
		string(c.ReqID), string(c.Payment), fmt.Sprint(c.Amount.Minor), string(c.Amount.Currency), bn.CustomerID, bn.IPAddress,
		bn.FirstName, bn.LastName, bn.Email, bn.Address, bn.AccountNumber,
	}
	if cells[1] == "" {
		cells[1] = string(payment.DeriveID(c.ID))
	}
	if cells[0] == "" {
		got[0] = ""
	}
	if d := cmp.Diff(cells, got); d != "" {
		t.Error(d)
	}
	c.Provider = payment.ECommPay
	data, err := wire.MarshalCommand(c)
	if err != nil {
		t.Fatalf("without faults, and cannot be stored: %v", err)
	}
	back, err := wire.UnmarshalCommand(data)
	if d := cmp.Diff(c, back, cmpopts.EquateEmpty()); err != nil || d != "" {
		t.Errorf("another command once it was stored, %v: %s", err, d)
	}
}

// FuzzObject reads any line of JSON: nothing panics, and no result can be taken for
// more than one line.
func FuzzObject(f *testing.F) {
	for _, text := range []string{
		`{}`, `[]`, `{`, `{"req_id":1}`, `{"req_id":"4111111111111111","payment_id":"a b"}`, "{\"a\xff\":1}", `{"x\u2028":1,"x\n":2}`,
		`{"req_id":"r","provider":"ecommpay","payment_id":"p-1","amount":{"value":1,"currency":"INR"},"beneficiary":{"customer_id":"c","ip_address":"::1",` +
			`"first_name":"T","last_name":"P","email":"t@example.com","address":"a","account_number":"9100000000"}}`,
	} {
		f.Add([]byte(text))
	}
	b := payouts.Batch{Merchant: "m", Key: "k", Format: payouts.NDJSON}
	f.Fuzz(func(t *testing.T, text []byte) {
		p := b.Read(payouts.Line{Number: 1, Text: text})
		for _, s := range []payouts.Status{payouts.Rejected, payouts.Accepted} {
			out, err := json.Marshal(p.Result(s))
			if err != nil || bytes.ContainsRune(out, '\n') {
				t.Errorf("the result is %q, %v", out, err)
			}
		}
		if !p.Readable && len(p.Faults.List) == 0 {
			t.Error("neither read nor refused")
		}
	})
}
