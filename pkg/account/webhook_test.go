package account_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/conf"
	"github.com/payloom/payloom/pkg/payment"
)

// keys is a lookup: env:X leads to a secret for webhooks that is made of X, and
// env:bad-X to a secret that is none.
func keys(ref string) (conf.Secret, error) {
	name, ok := strings.CutPrefix(ref, "env:")
	if !ok {
		return "", fmt.Errorf("a reference %w", conf.ErrNotAReference)
	}
	if strings.HasPrefix(name, "bad-") {
		return conf.Secret(canary + name), nil
	}
	return conf.Secret("whsec_" + base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%-32s", name))), nil
}

const withWebhooks = `
merchants:
  - id: demo
    accounts:
      - {name: eu, provider: computop, endpoint: "https://test.example/", callback_key: 5fVq0cTnW2rYb7Hk}
    webhooks:
      - id: orders
        url: https://shop.example/hooks?token=s3cret-canary
        events: [payment.*, payout.paid]
        secrets: [{id: b, ref: "env:new"}, {id: a, ref: "env:old"}]
      - url: http://localhost:8083/hooks
        personal_data: true
        secrets: [{id: a, ref: "env:other"}]
  - id: shop
    accounts:
      - {name: eu, provider: computop, live: true, endpoint: "https://live.example/", callback_key: 6fVq0cTnW2rYb7Hk}
    webhooks:
      - {id: orders, url: "https://other.example/", secrets: [{id: a, ref: "env:third"}]}
`

func mustParseWebhooks(t *testing.T, text string) *account.Book {
	t.Helper()
	b, err := account.Parse("f", []byte(text), keys)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBook_Webhooks(t *testing.T) {
	t.Parallel()
	b := mustParseWebhooks(t, withWebhooks)
	type brief struct {
		Merchant, ID, URL string
		Events            []string
		Keys              int
		Personal, Live    bool
	}
	var got []brief
	for _, w := range b.Webhooks() {
		got = append(got, brief{string(w.Merchant), w.ID, w.URL, w.Events, len(w.Keys()), w.Personal, w.Live})
	}
	want := []brief{
		{"demo", "orders", "https://shop.example/hooks?token=s3cret-canary", []string{"payment.*", "payout.paid"}, 2, false, false},
		{"demo", "url-7361d4e759f8", "http://localhost:8083/hooks", nil, 1, true, false},
		{"shop", "orders", "https://other.example/", nil, 1, false, true},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if w, ok := b.Webhook("shop", "orders"); !ok || w.URL != "https://other.example/" {
		t.Errorf("the endpoint of another merchant was found: %v", ok)
	}
	for _, ask := range [][2]string{{"shop", "none"}, {"nobody", "orders"}} {
		if _, ok := b.Webhook(payment.Merchant(ask[0]), ask[1]); ok {
			t.Errorf("%v was found", ask)
		}
	}
	j, err := json.Marshal(b.Webhooks())
	if err != nil {
		t.Fatal(err)
	}
	if shown := string(j) + fmt.Sprintf("%+v", b.Webhooks()[0].Keys()); strings.Contains(shown, "whsec_") || strings.Contains(shown, "new ") {
		t.Errorf("shows a secret: %s", shown)
	}
}

func TestParse_Webhooks_ReportsAllProblems(t *testing.T) {
	t.Parallel()
	text := `
merchants:
  - id: demo
    webhooks:
      - {id: A, url: "ftp://shop.example/", secrets: []}
      - {id: a, url: "http://shop.example/", secrets: [{id: a, ref: "env:bad-1"}], events: [payment.paid, payout.*, payout.*]}
      - {id: a, url: "https://user@shop.example/#x", secrets: [{id: a, ref: "env:a"}, {id: a, ref: "s3cret-canary"}, {id: c, ref: "env:c"}]}
      - {url: "https://127.0.0.1/", events: [], colour: blue}
      - {url: "https://127.0.0.1/", secrets: [{id: a, ref: "env:a"}]}
      - {url: "http://[::1]:1/", secrets: [{id: a, ref: "env:a"}], personal_data: maybe}
      - {secrets: [{id: a, ref: "env:a"}]}
  - id: live
    accounts:
      - {name: eu, provider: computop, live: true, endpoint: "https://live.example/", callback_key: 6fVq0cTnW2rYb7Hk}
    webhooks:
      - {url: "http://shop.localhost/", secrets: [{id: a, ref: "env:a"}]}
      - {url: "http://localhost.shop.example/", secrets: [{id: a, ref: "env:a"}]}
  - id: many
    webhooks: [` + strings.Repeat("x, ", 16) + `x]
`
	_, err := account.Parse("f", []byte(text), keys)
	if err == nil {
		t.Fatal("taken")
	}
	types := "payment.*, payout.* or one of payment.authorized, payment.captured, payment.partially_captured, payment.refunded, " +
		"payment.partially_refunded, payment.cancelled, payment.agreed, payment.amount_changed, payment.declined, payment.failed, " +
		"payment.expired, payment.rejected, payment.capture_failed, payment.refund_failed, payment.cancel_failed, payment.amount_change_failed, " +
		"payment.mandate_issued, payment.attention_required, payment.reconcile_break, payout.paid, payout.declined, payout.failed, payout.rejected, payout.reversed, " +
		"payout.attention_required, payout.reconcile_break"
	want := []string{
		"f:5: merchants[0].webhooks[0].url: must be a URL such as https://shop.example/webhooks",
		"f:5: merchants[0].webhooks[0].id: must be 1 to 32 of a-z 0-9 _ -",
		"f:5: merchants[0].webhooks[0].secrets: must not be empty",
		"f:6: merchants[0].webhooks[1].url: must be https",
		"f:6: merchants[0].webhooks[1].events[0]: must be " + types,
		"f:6: merchants[0].webhooks[1].events[2]: payout.* is there twice",
		"f:6: merchants[0].webhooks[1].secrets[0]: must lead to whsec_ and 24 to 64 bytes in base64",
		"f:7: merchants[0].webhooks[2].url: must hold no user and no fragment",
		"f:7: merchants[0].webhooks[2].id: is there twice",
		"f:7: merchants[0].webhooks[2].secrets[1].id: a is there twice",
		"f:7: merchants[0].webhooks[2].secrets[1].ref: must be file:/path or env:NAME",
		"f:7: merchants[0].webhooks[2].secrets: 3 are valid at once; a rotation needs two",
		"f:8: merchants[0].webhooks[3].events: must not be empty",
		"f:8: merchants[0].webhooks[3].secrets: is missing",
		"f:8: merchants[0].webhooks[3].colour: is not known here",
		"f:9: merchants[0].webhooks[4].url: is there twice",
		"f:10: merchants[0].webhooks[5].personal_data: must be true or false",
		"f:11: merchants[0].webhooks[6].url: is missing",
		"f:16: merchants[1].webhooks[0].url: must be https for a merchant with a live account",
		"f:17: merchants[1].webhooks[1].url: must be https",
		"f:19: merchants[2].webhooks: has 17 endpoints, 16 are allowed",
	}
	for i := range 17 {
		want = append(want, fmt.Sprintf("f:19: merchants[2].webhooks[%d]: must be a mapping", i))
	}
	if d := cmp.Diff(want, strings.Split(err.Error(), "\n")); d != "" {
		t.Error(d)
	}
	if strings.Contains(err.Error(), canary) {
		t.Error("the error shows a secret")
	}
}

func TestCheck_Webhooks(t *testing.T) {
	t.Parallel()
	text := strings.NewReplacer("env:old", "env:new", "env:third", "env:other").Replace(withWebhooks)
	var got []string
	for _, p := range account.Check(mustParseWebhooks(t, text)) {
		if strings.Contains(p.Field, "webhooks") {
			got = append(got, p.String())
		}
	}
	want := []string{
		"f:7: demo/webhooks/orders: secrets, id a: is the same secret as another of the list",
		"f:18: shop/webhooks/orders: secrets, id a: endpoint url-7361d4e759f8 of demo has the same secret",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
