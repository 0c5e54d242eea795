package intake

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/wire"
)

// FuzzParse reads anything with every body of the API: nothing panics, what is
// read is JSON to everybody else as well, and what has no fault can be stored.
func FuzzParse(f *testing.F) {
	for _, body := range []string{
		`{}`, `[]`, `null`, `{"amount":`, `{"a":1,}`, `{'a':1}`, `{"amount":NaN}`, `{"a":1}{"a":1}`, `{"a":{"b":[1,2,{"c":null}]}}`,
		`{"amount":{"value":12990,"currency":"EUR"},"method":"button","country":"EU","return_urls":{"success":"https://s.example/ok"}}`,
		`{"amount":{"value":100,"value":200,"currency":"EUR","cents":1},"method":"button","Method":"button","country":"EU","country":"US"}`,
		`{"payment_id":1,"provider":[],"account":{},"amount":"12.50","capture":true,"method":null,"scope":"name","recurring":"monthly"}`,
		`{"recurring":{"cycle":"month","interval":37,"amount":{"value":-1,"currency":"EUR"},"only":"no"},"scope":["a","a"],"language":"english"}`,
		`{"provider":"ecommpay","payment_id":"p-1","req_id":"r","amount":{"value":150000,"currency":"INR"},"reference":"r","beneficiary":{"customer_id":"c",
			"ip_address":"203.0.113.7","first_name":"Test","last_name":"Person","email":"t@example.com","address":"1 Example Street","account_number":"4000000000006"}}`,
		`{"payment_id":"4111111111111111","4111111111111111":1,"description":"card 4111 1111-1111 1111 please","reason":"\u0000"}`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		d, err := Parse([]byte(body))
		if err != nil {
			if len(body) > 20 && strings.Contains(err.Error(), body) {
				t.Errorf("the error repeats the body: %v", err)
			}
			return
		}
		if !json.Valid([]byte(body)) {
			t.Fatalf("read what is no JSON: %q", body)
		}
		for _, k := range payment.Kinds() {
			checkRead(t, k, d)
		}
	})
}

func checkRead(t *testing.T, k payment.Kind, d Document) {
	t.Helper()
	var f Faults
	f.RefuseCards(d)
	q := Read(payment.Command{
		ID: payment.DeriveCommandID("m", "r"), Merchant: "m", ReqID: "r", Kind: k, Payment: "p", Provider: payment.Computop,
	}, d, &f)
	if len(f.List) > 0 {
		return
	}
	data, err := wire.MarshalCommand(q.Command)
	if err != nil {
		t.Fatalf("%s without faults cannot be stored: %v", k, err)
	}
	back, err := wire.UnmarshalCommand(data)
	if err != nil || wire.Fingerprint(back) != wire.Fingerprint(q.Command) {
		t.Fatalf("%s is another command once it was stored: %v", k, err)
	}
}
