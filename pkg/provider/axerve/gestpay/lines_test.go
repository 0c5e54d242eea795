package gestpay

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// mustRun feeds one line and returns what came back.
func mustRun(t *testing.T, line map[string]any) map[string]any {
	t.Helper()
	raw, err := json.Marshal(line)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := Lines(bytes.NewReader(raw), &out); err != nil {
		t.Fatal(err)
	}
	var reply map[string]any
	if err := json.Unmarshal(out.Bytes(), &reply); err != nil {
		t.Fatalf("%q: %v", out.String(), err)
	}
	return reply
}

// remarks are the keys of a vector's expectation that are said to people, or to
// those who keep the state of a payment.
var remarks = []string{"note", "neutral_state_note", "must_not", "notification_reply_status", "when_expected", "given"}

// checkExpectations compares every key a vector names with the line that came
// back; objects may have more keys than the vector.
func checkExpectations(t *testing.T, want, got map[string]any) {
	t.Helper()
	for key, value := range want {
		if slices.Contains(remarks, key) {
			continue
		}
		reply := got[key]
		if inner, isObject := value.(map[string]any); isObject && key == "amazon" {
			all, _ := reply.(map[string]any)
			part := map[string]any{}
			for k := range inner {
				part[k] = all[k]
			}
			reply = part
		}
		if diff := cmp.Diff(value, reply); diff != "" {
			t.Errorf("%s: %s", key, diff)
		}
	}
}

func TestLines_ResponseVectors(t *testing.T) {
	t.Parallel()
	for _, v := range mustVectors(t).Responses {
		t.Run(v.File, func(t *testing.T) {
			t.Parallel()
			line := map[string]any{"op": "parse", "operation": v.Operation, "http_status": v.Status, "body": string(mustRead(t, v.File))}
			if e := v.Context.Expected; e != nil {
				line["expected_payment"] = map[string]any{"shop_transaction_id": e.ShopTransactionID,
					"currency": e.Currency, "amount_minor": e.AmountMinor, "recurring": e.Recurring}
			}
			got := mustRun(t, line)
			checkExpectations(t, v.Expect, got)
			if v.Expect["outcome"] == string(ProtocolError) {
				return
			}
			fields, _ := got["fields"].(map[string]any)
			if fields["TransactionType"] != v.Operation.TransactionType() {
				t.Errorf("fields %v", fields)
			}
		})
	}
}

func TestLines_RejectVectors(t *testing.T) {
	t.Parallel()
	for _, v := range mustVectors(t).Rejects {
		t.Run(v.File, func(t *testing.T) {
			t.Parallel()
			line := map[string]any{"op": "parse", "operation": "callReadTrxS2S", "http_status": v.Status, "body": string(mustRead(t, v.File))}
			switch {
			case strings.HasPrefix(v.File, "wrong_"):
				line["operation"], line["given"] = "callSettleS2S", v.Expect["given"]
			case v.Expect["outcome"] == string(ProtocolError):
				line["operation"] = "Encrypt"
			}
			want := v.Expect
			if want["retryable"] == "read operations only" {
				want["retryable"] = true
				delete(want, "money_operation_outcome")
				money := mustRun(t, map[string]any{"op": "parse", "operation": "callRefundS2S", "http_status": v.Status, "body": line["body"]})
				if money["retryable"] != false || money["money_operation_outcome"] != "UNKNOWN" {
					t.Errorf("after a refund: %v", money)
				}
			}
			delete(want, "money_operation_outcome")
			checkExpectations(t, want, mustRun(t, line))
		})
	}
}

func TestLines_Build(t *testing.T) {
	t.Parallel()
	for _, v := range mustVectors(t).Requests {
		t.Run(v.File, func(t *testing.T) {
			t.Parallel()
			_, want := mustTree(t, mustRead(t, v.File))
			params := map[string]any{}
			for _, c := range want.Children {
				params[c.Name] = c.Text
				if c.Name == "paymentTypes" {
					params[c.Name] = []string{c.Children[0].Text}
				}
			}
			got := mustRun(t, map[string]any{"op": "build", "operation": v.Operation, "params": params})
			body, _ := got["body"].(string)
			_, tree := mustTree(t, []byte(body))
			if diff := cmp.Diff(want, tree); diff != "" || got["soap_action"] != v.Action || got["content_type"] != v.ContentType {
				t.Errorf("%s %v", diff, got)
			}
		})
	}
}

func TestLines_BuildTakesPaymentTypesInAnyForm(t *testing.T) {
	t.Parallel()
	for name, form := range map[string]string{
		"a list": `"paymentTypes":["AMAZONPAY"]`, "a text": `"paymentTypes":"AMAZONPAY"`,
		"an object": `"paymentTypes":{"paymentType":["AMAZONPAY"]}`, "bare": `"paymentType":"AMAZONPAY"`,
	} {
		line := `{"op":"build","operation":"Encrypt","params":{` + form + `,"shopLogin":"S","uicCode":242,"amount":"1.00","shopTransactionId":"a","apikey":null}}`
		var out bytes.Buffer
		if err := Lines(strings.NewReader(line), &out); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), `<paymentTypes><paymentType>AMAZONPAY</paymentType></paymentTypes></Encrypt>`) {
			t.Errorf("%s: %s", name, out.String())
		}
	}
}

func TestLines_Refuses(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		line map[string]any
		want string
	}{
		"an op that does not exist":       {map[string]any{"op": "guess"}, "op must be parse or build"},
		"an operation that does not":      {map[string]any{"op": "parse", "operation": "x"}, "operation must be Encrypt"},
		"a body that is missing":          {map[string]any{"op": "parse", "operation": "Encrypt"}, "body is missing"},
		"a body that is no text":          {map[string]any{"op": "parse", "operation": "Encrypt", "body": 1}, "body has the wrong type"},
		"params that are missing":         {map[string]any{"op": "build", "operation": "Encrypt"}, "params must be an object"},
		"params that are a list":          {map[string]any{"op": "build", "operation": "Encrypt", "params": []string{"hush"}}, "params must be an object"},
		"a param that is neither":         {map[string]any{"op": "build", "operation": "Encrypt", "params": map[string]any{"amount": true}}, "params must be an object"},
		"a version that does not exist":   {map[string]any{"op": "build", "operation": "callReadTrxS2S", "soap": "2", "params": map[string]any{"shopLogin": "S"}}, "unknown SOAP version"},
		"a request that cannot be sent":   {map[string]any{"op": "build", "operation": "callReadTrxS2S", "params": map[string]any{"shopLogin": "hush"}}, "bankTransactionId is needed"},
		"a document longer than allowed":  {map[string]any{"op": "parse", "operation": "Encrypt", "body": strings.Repeat("x", MaxBody+1)}, "longer than 1048576 bytes"},
		"a document that pulls in a file": {map[string]any{"op": "parse", "operation": "Encrypt", "body": "<!DOCTYPE x>"}, "DOCTYPE is refused"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reason, _ := mustRun(t, c.line)["error"].(string)
			if !strings.Contains(reason, c.want) || strings.Contains(reason, "hush") {
				t.Errorf("%q, want %q", reason, c.want)
			}
		})
	}
}
