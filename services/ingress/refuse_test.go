package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/bus"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// refusals are asked of a fixture each; the answers are in testdata/problems.txt.
func refusals() map[string]ask {
	deep := strings.Repeat(`{"a":`, 9) + "1" + strings.Repeat("}", 9)
	return map[string]ask{
		"auth: no key":                       {key: "-", body: button},
		"auth: an unknown key":               {key: "guess", body: button},
		"auth: another scheme":               {header: http.Header{"Authorization": {"Basic c2hvcC1rZXk="}}, body: button},
		"auth: two keys":                     {header: http.Header{"Authorization": {"Bearer shop-key", "Bearer big-key"}}, body: button},
		"auth: a key without the scope":      {key: "reader-key", body: button},
		"route: unknown":                     {path: "/v1/payment", body: button},
		"route: a trailing slash":            {path: "/v1/payments/", body: button},
		"route: wrong method":                {method: http.MethodGet},
		"key: missing":                       {idem: "-", body: button},
		"key: empty":                         {header: http.Header{"Idempotency-Key": {""}}, body: button},
		"key: twice":                         {header: http.Header{"Idempotency-Key": {"a", "b"}}, body: button},
		"key: with a blank":                  {idem: "a b", body: button},
		"key: too long":                      {idem: strings.Repeat("k", 256), body: button},
		"key: one of our own":                {idem: "payloom:recheck:order-1:2:1", body: button},
		"key: a card number":                 {idem: "4111111111111111", body: button},
		"body: another type":                 {header: http.Header{"Content-Type": {"text/plain"}}, body: button},
		"body: another character set":        {header: http.Header{"Content-Type": {"application/json; charset=latin1"}}, body: button},
		"body: compressed":                   {header: http.Header{"Content-Encoding": {"gzip"}}, body: button},
		"body: missing":                      {},
		"body: too large":                    {body: `{"description":"` + strings.Repeat("x", 64<<10) + `"}`},
		"body: no JSON":                      {body: `{"amount":`},
		"body: a list":                       {body: `[` + button + `]`},
		"body: null":                         {body: `null`},
		"body: two values":                   {body: button + button},
		"body: garbage behind it":            {body: button + ` x`},
		"body: too deep":                     {body: deep},
		"body: too many values":              {body: `{"scope":["a"` + strings.Repeat(`,"a"`, 600) + `]}`},
		"body: no UTF-8":                     {body: "{\"description\":\"\xff\"}"},
		"body: a comma too many":             {body: `{"a":1,}`},
		"body: single quotes":                {body: `{'a':1}`},
		"body: NaN":                          {body: `{"amount":NaN}`},
		"body: a byte order mark":            {body: "\ufeff" + button},
		"fields: nothing is said":            {body: `{}`},
		"fields: all of the wrong type":      {body: `{"payment_id":1,"provider":[],"account":{},"amount":"12.50","capture":true,"method":null,"country":1,"scope":"name","return_urls":[],"recurring":"monthly","description":{}}`},
		"fields: unknown and twice":          {body: `{"amount":{"value":100,"value":200,"currency":"EUR","cents":1},"method":"button","Method":"button","country":"EU","country":"US","` + `x":1,` + urls + `}`},
		"fields: names of all kinds":         {body: "{\"" + strings.Repeat("n", 65) + "\":1,\"\\u0000\":1,\"a b\":1," + button[1:]},
		"fields: names differ by case":       {body: strings.Replace(button, `"country"`, `"Country"`, 1)},
		"fields: unknown words":              {body: strings.Replace(button, `"button"`, `"cash","capture":"later","provider":"paypal"`, 1)},
		"fields: empty words":                {body: strings.Replace(button, `"button"`, `"","capture":"","provider":""`, 1)},
		"fields: formats":                    {body: `{"payment_id":"a b","account":"x y","amount":{"value":100,"currency":"eur"},"method":"button","country":"Europe","local_currency":"€","scope":["a","a"],"language":"english",` + urls + `}`},
		"fields: lengths and control codes":  {body: strings.Replace(button, "{", `{"description":"`+strings.Repeat("d", 128)+`","statement_text":"a\u0000b","reference":"`+strings.Repeat("r", 31)+`",`, 1)},
		"fields: text no provider writes":    {body: strings.Replace(button, "{", `{"description":"5 € off","reference":"a&b",`, 1)},
		"fields: return URLs":                {body: `{"amount":{"value":100,"currency":"EUR"},"method":"button","country":"EU","return_urls":{"success":"http://s.example/","failure":"javascript:alert(1)","cancel":"https://u:p@s.example/","review":"/review","back":"x"}}`},
		"fields: a series":                   {body: strings.Replace(button, "{", `{"recurring":{"cycle":"month","interval":37,"amount":{"value":-1,"currency":"EUR"},"only":"no"},`, 1)},
		"fields: a series without a cycle":   {body: strings.Replace(button, "{", `{"recurring":{"interval":4294967297},`, 1)},
		"fields: a mandate and a button":     {body: strings.Replace(button, "{", `{"mandate":"B01",`, 1)},
		"amount: 12.5":                       {body: strings.Replace(button, "12990", "12.5", 1)},
		"amount: 1e3":                        {body: strings.Replace(button, "12990", "1e3", 1)},
		"amount: 100.0":                      {body: strings.Replace(button, "12990", "100.0", 1)},
		"amount: a string":                   {body: strings.Replace(button, "12990", `"12990"`, 1)},
		"amount: minus nothing":              {body: strings.Replace(button, "12990", "-0", 1)},
		"amount: negative":                   {body: strings.Replace(button, "12990", "-1", 1)},
		"amount: nothing":                    {body: strings.Replace(button, "12990", "0", 1)},
		"amount: no int64":                   {body: strings.Replace(button, "12990", "9223372036854775808", 1)},
		"amount: too small for the account":  {body: strings.Replace(button, "12990", "99", 1)},
		"amount: too large":                  {body: strings.Replace(button, "12990", "10000000000", 1)},
		"amount: no such currency":           {body: strings.Replace(button, "EUR", "EUX", 1)},
		"amount: missing in a capture":       {path: "/v1/payments/order-1/captures", body: `{}`},
		"provider: not the merchant's":       {body: strings.Replace(button, "{", `{"provider":"ecommpay",`, 1)},
		"provider: which of the two":         {key: "big-key", body: button},
		"provider: none at all":              {key: "nowhere-key", body: button},
		"provider: no such account":          {body: strings.Replace(button, "{", `{"account":"us",`, 1)},
		"provider: which of its accounts":    {key: "big-key", body: strings.Replace(button, "{", `{"provider":"computop",`, 1)},
		"provider: cannot do it":             {path: "/v1/payouts", body: `{"amount":{"value":100,"currency":"EUR"},"beneficiary":{"customer_id":"c","ip_address":"203.0.113.7","first_name":"T","last_name":"P","email":"t@example.com","address":"a","account_number":"4000000000"}}`},
		"provider: not that way":             {body: strings.Replace(button, `"button"`, `"redirect"`, 1)},
		"provider: not in that country":      {body: strings.Replace(button, `"EU"`, `"CH"`, 1)},
		"provider: a longer id than it has":  {body: strings.Replace(button, "{", `{"payment_id":"`+strings.Repeat("p", 64)+`",`, 1)},
		"provider: not in that currency":     {path: "/v1/payouts", key: "big-key", body: `{"provider":"ecommpay","amount":{"value":100,"currency":"EUR"},"beneficiary":{"customer_id":"c","ip_address":"203.0.113.7","first_name":"T","last_name":"P","email":"t@example.com","address":"a","account_number":"4000000000"}}`},
		"payout: the beneficiary":            {path: "/v1/payouts", key: "big-key", body: `{"provider":"ecommpay","amount":{"value":40000001,"currency":"INR"},"beneficiary":{"customer_id":"","ip_address":"here","email":"a@","account_number":"+49 30","phone":"1"}}`},
		"payout: no beneficiary":             {path: "/v1/payouts", key: "big-key", body: `{"provider":"ecommpay","amount":{"value":100,"currency":"INR"}}`},
		"cancel: a long reason":              {path: "/v1/payments/order-1/cancel", body: `{"reason":"` + strings.Repeat("r", 128) + `","amount":{"value":1,"currency":"EUR"}}`},
		"follow-up: a malformed id":          {path: "/v1/payments/a.b%2Fc%20d/cancel"},
		"follow-up: a wildcard for an id":    {path: "/v1/payments/*/sync"},
		"follow-up: nobody knows it yet":     {path: "/v1/payments/order-9/cancel"},
		"follow-up: a provider it is not at": {path: "/v1/payments/order-1/sync", body: `{"provider":"axerve"}`},
		"follow-up: another merchant's":      {path: "/v1/payments/order-1/cancel", key: "big-key"},
		"cards: in every kind of field":      {path: "/v1/payouts", key: "big-key", body: `{"provider":"ecommpay","payment_id":"4111111111111111","amount":{"value":100,"currency":"INR"},"description":"card 4111 1111-1111 1111 please","reference":"x5500000000000004","4111111111111111":1,"beneficiary":{"customer_id":"340000000000009","ip_address":"203.0.113.7","first_name":"6011000000000004","last_name":"P","email":"t@example.com","address":"a","account_number":"4111111111111111"}}`},
		"cards: in the path":                 {path: "/v1/payments/4111111111111111/cancel"},

		"batch: no key":                  batchOfCSV(ask{key: "-"}, header),
		"batch: a key without the scope": batchOfCSV(ask{key: "reader-key"}, header),
		"batch: no Idempotency-Key":      batchOfCSV(ask{idem: "-"}, header),
		"batch: a long Idempotency-Key":  batchOfCSV(ask{idem: strings.Repeat("k", 191)}, header),
		"batch: a card number for a key": batchOfCSV(ask{idem: "4111111111111111"}, header),
		"batch: JSON":                    {path: "/v1/payouts/batches", key: "big-key", body: "{}"},
		"batch: without a header":        batchOfCSV(ask{header: http.Header{"Content-Type": {"text/csv; header=absent"}}}, row("p-1")),
		"batch: another character set":   batchOfCSV(ask{header: http.Header{"Content-Type": {"text/csv; charset=latin1"}}}, header),
		"batch: compressed":              batchOfCSV(ask{header: http.Header{"Content-Type": {"text/csv"}, "Content-Encoding": {"gzip"}}}, header),
		"batch: wrong parameters":        batchOfCSV(ask{path: "/v1/payouts/batches?first_line=1&dry_run=true"}, header),
		"batch: two first lines":         batchOfCSV(ask{path: "/v1/payouts/batches?first_line=2&first_line=3"}, header),
		"batch: nothing":                 batchOfCSV(ask{header: http.Header{"Content-Type": {"text/csv"}}}, ""),
		"batch: a blank first line":      batchOfCSV(ask{}, "\n"+header),
		"batch: semicolons":              batchOfCSV(ask{}, strings.ReplaceAll(header, ",", ";")),
		"batch: a long header":           batchOfCSV(ask{}, strings.Repeat("a", 17<<10)+"\n"),
		"batch: a header not in UTF-8":   batchOfCSV(ask{}, "\xff"+header),
		"batch: quotes in the header":    batchOfCSV(ask{}, `"`+header),
		"batch: one of our own keys":     batchOfCSV(ask{idem: "payloom:x"}, header),
		"batch: columns":                 batchOfCSV(ask{}, "general.signature,payment.amount,payment.amount,Payment.Currency,4111111111111111,\x00,,customer.id\n"),
	}
}

// batchOfCSV is a with text as its body.
func batchOfCSV(a ask, text string) ask {
	a.body = text
	if a.path == "" {
		a.path = "/v1/payouts/batches"
	}
	if a.key == "" {
		a.key = "big-key"
	}
	if a.header == nil {
		a.header = http.Header{"Content-Type": {"text/csv"}}
	}
	return a
}

// TestAPI_Refuses holds every refusal against what was looked at once.
func TestAPI_Refuses(t *testing.T) {
	t.Parallel()
	var got bytes.Buffer
	all := refusals()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		f := newFixture(t, nil)
		res, body := f.do(t, all[name])
		fmt.Fprintf(&got, "=== %s\n%d\n", name, res.StatusCode)
		for _, h := range []string{"Allow", "Retry-After", "Www-Authenticate"} {
			if v := res.Header.Get(h); v != "" {
				fmt.Fprintf(&got, "%s: %s\n", h, v)
			}
		}
		got.WriteString(strings.ReplaceAll(body, `{"field"`, "\n  {\"field\""))
		if n := len(f.broker.stored()); n != 0 {
			t.Errorf("%s: %d commands were stored", name, n)
		}
		if kind := res.Header.Get("Content-Type"); kind != "application/problem+json" {
			t.Errorf("%s: the answer is %s", name, kind)
		}
		checkQuiet(t, name, f, body)
	}
	checkGolden(t, "testdata/problems.txt", got.Bytes())
}

// checkQuiet checks that neither answer nor log repeats what was sent.
func checkQuiet(t *testing.T, name string, f fixture, body string) {
	t.Helper()
	var lines strings.Builder
	for _, e := range f.logs.All() {
		context := e.ContextMap()
		delete(context, "took_s") // any digits may be in it
		fmt.Fprintln(&lines, e.Message, context)
	}
	for _, sent := range []string{"shop-key", "key-1", "203.0.113.7", "t@example.com", "5500000000000004", "4111", "order-1", "order-9"} {
		if strings.Contains(lines.String(), sent) {
			t.Errorf("%s: the log shows %s", name, sent)
		}
		if strings.Contains(body, sent) {
			t.Errorf("%s: the answer shows %s", name, sent)
		}
	}
}

func checkGolden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("differs from %s (-update rewrites it):\n%s", path, d)
	}
}

func TestAPI_KeyReused(t *testing.T) {
	t.Parallel()
	tests := map[string]ask{
		"another amount":            {body: strings.Replace(button, "12990", "12991", 1)},
		"another kind":              {path: "/v1/payments/order-1/cancel"},
		"another payment":           {body: strings.Replace(button, "{", `{"payment_id":"order-3",`, 1)},
		"a default that was spoken": {body: strings.Replace(button, "{", `{"account":"eu",`, 1)},
	}
	for name, again := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, nil)
			f.mustAccept(t, ask{body: button})
			res, body := f.do(t, again)
			if res.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(body, "urn:payloom:problem:idempotency_key_reused") {
				t.Errorf("status %d: %s", res.StatusCode, body)
			}
		})
	}
}

func TestAPI_SameRequestWrittenOtherwise(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.mustAccept(t, ask{body: button})
	other := ` { "country" : "E\u0055", "provider":"computop", "capture":"manual",` + urls + `, "method":"button", "amount": {"currency":"EUR", "value":12990} } `
	if res, body := f.do(t, ask{body: other}); res.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("status %d: %s", res.StatusCode, body)
	}
}

func TestAPI_BrokerFails(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		err    error
		status int
		retry  string
	}{
		"it is not reached":   {fmt.Errorf("publish: %w", bus.ErrUnavailable), http.StatusServiceUnavailable, "5"},
		"something else":      {errors.New("secret-detail"), http.StatusInternalServerError, ""},
		"the key was used up": {fmt.Errorf("publish: %w", bus.ErrReqIDReused), http.StatusUnprocessableEntity, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, nil)
			f.broker.err = tt.err
			res, body := f.do(t, ask{body: button})
			if res.StatusCode != tt.status || res.Header.Get("Retry-After") != tt.retry {
				t.Errorf("status %d, Retry-After %q", res.StatusCode, res.Header.Get("Retry-After"))
			}
			if strings.Contains(body, "secret-detail") {
				t.Error("the answer tells what is inside")
			}
		})
	}
}

func TestAPI_FindFails(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.broker.err = bus.ErrUnavailable
	if res, _ := f.do(t, ask{path: "/v1/payments/order-1/cancel"}); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("status %d", res.StatusCode)
	}
}
