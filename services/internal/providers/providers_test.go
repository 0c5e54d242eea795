package providers_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/conf"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/services/internal/providers"
)

const file = `
merchants:
  - id: demo
    accounts:
      - name: eu
        provider: computop
        default: true
        endpoint: https://paygate.example/
        callback_key: Endpoint0fTheLiveAccount
        settings: {merchant_id: demo_mid, cipher: blowfish, min_amount: 50, recurring: true}
        secrets:
          mac: [{id: "2", ref: "env:NEW"}, {id: "1", ref: "env:OLD"}]
          cipher: [{id: "1", ref: "env:CIPHER"}]
      - name: wrong
        provider: computop
        endpoint: https://paygate.example/
        callback_key: Endpoint0fTheOtherAccount
        settings: {merchant_id: "a b", cipher: rot13}
        secrets: {mac: [{id: "1", ref: "env:OLD"}]}
      - name: strange
        provider: computop
        endpoint: https://paygate.example/
        callback_key: Endpoint0fTheThirdAccount
        settings: {merchant: demo_mid}
      - name: wallet
        provider: ecommpay
        endpoint: https://api.ecommpay.example/
        callback_key: Endpoint0fPayouts
        settings: {project_id: 818}
        secrets: {secret: [{id: "2", ref: "env:NEW"}, {id: "1", ref: "env:OLD"}]}
      - name: books
        provider: ecommpay
        endpoint: https://api.ecommpay.example/
        callback_key: Endpoint0fPayoutsToo
        settings: {project_id: 818, data_endpoint: "https://data.ecommpay.example/v1"}
        secrets: {secret: [{id: "1", ref: "env:OLD"}], data_token: [{id: "1", ref: "env:TOKEN"}], data_secret: [{id: "1", ref: "env:DATA"}]}
      - name: half
        provider: ecommpay
        endpoint: https://api.ecommpay.example/
        callback_key: Endpoint0fHalfAToken
        settings: {project_id: 818}
        secrets: {secret: [{id: "1", ref: "env:OLD"}], data_token: [{id: "1", ref: "env:TOKEN"}]}
      - name: empty
        provider: ecommpay
        endpoint: https://api.ecommpay.example/
        callback_key: Endpoint0fNoPayouts
        settings: {project_id: -1}
      - name: text
        provider: ecommpay
        endpoint: https://api.ecommpay.example/
        callback_key: Endpoint0fNoProject
        settings: {project_id: eight}
      - name: hosted
        provider: axerve
        endpoint: https://axerve.example/
        callback_key: Endpoint0fTheHostedPage
        settings: {shop_login: GESPAY00042, language: en, avoid_asterisk: 2, recurring: {send_payment_type: false}}
        secrets: {api_key: [{id: "1", ref: "env:KEY"}]}
      - name: production
        provider: axerve
        live: true
        endpoint: https://ecomms2s.sella.it
        callback_key: Endpoint0fRealMoneyAtAxerve
        settings: {shop_login: GESPAY00042}
      - name: odd
        provider: axerve
        endpoint: https://axerve.example/
        callback_key: Endpoint0fNothingGood
        settings: {environment: production, language: pl, avoid_asterisk: -1}
      - name: misspelt
        provider: axerve
        endpoint: https://axerve.example/
        callback_key: Endpoint0fAnotherWord
        settings: {shoplogin: GESPAY00042}
`

// live is a file of accounts that can be replaced.
type live struct{ book *account.Book }

func (l *live) Book() *account.Book { return l.book }

func mustBook(t *testing.T, text string) *account.Book {
	t.Helper()
	book, err := account.Parse("accounts.yaml", []byte(text), func(ref string) (conf.Secret, error) {
		if ref == "env:TOKEN" {
			return "TOKEN", nil // has a format
		}
		return conf.Secret("secret of " + strings.TrimPrefix(ref, "env:")), nil
	})
	if err != nil {
		t.Fatalf("accounts: %v", err)
	}
	return book
}

func mustAccount(t *testing.T, b *account.Book, p payment.Provider, name string) *account.Account {
	t.Helper()
	a, err := b.Account("demo", p, name)
	if err != nil {
		t.Fatalf("account: %v", err)
	}
	return a
}

func TestClientAndParser_OfECommPay(t *testing.T) {
	t.Parallel()
	book := mustBook(t, file)
	good := mustAccount(t, book, payment.ECommPay, "wallet")
	client, err := providers.Client(good, "https://notify.example")
	if err != nil || !client.Capability().Supports(payment.Payout) {
		t.Errorf("client: %v; want one that pays out", err)
	}
	if _, ok := client.(provider.CallbackVerifier); !ok {
		t.Error("the client cannot verify callbacks")
	}
	if _, err := providers.Parser(good); err != nil {
		t.Errorf("parser: %v", err)
	}
	for _, name := range []string{"empty", "text"} {
		a := mustAccount(t, book, payment.ECommPay, name)
		if client, err := providers.Client(a, "https://notify.example"); err == nil || client != nil {
			t.Errorf("%s: a client came of it", name)
		}
		if parser, err := providers.Parser(a); err == nil || parser != nil {
			t.Errorf("%s: a parser came of it", name)
		}
	}
}

// TestLister: only ECommPay lists, and which books without any right to.
func TestLister(t *testing.T) {
	t.Parallel()
	book := mustBook(t, file)
	for _, p := range payment.Providers() {
		if got := providers.Lists(p); got != (p == payment.ECommPay) {
			t.Errorf("%s lists: %v", p, got)
		}
	}
	for _, name := range []string{"wallet", "books"} {
		l, err := providers.Lister(mustAccount(t, book, payment.ECommPay, name))
		if err != nil || l.Place() != "project 818" {
			t.Errorf("%s: %v, %v", name, l, err)
		}
	}
	if _, err := providers.Lister(mustAccount(t, book, payment.ECommPay, "half")); err == nil {
		t.Error("half a token is taken")
	}
	if _, err := providers.Lister(mustAccount(t, book, payment.Computop, "eu")); !errors.Is(err, provider.ErrUnsupported) {
		t.Errorf("Computop: %v", err)
	}
}

func TestClientAndParser(t *testing.T) {
	t.Parallel()
	book := mustBook(t, file)
	good := mustAccount(t, book, payment.Computop, "eu")
	client, err := providers.Client(good, "https://notify.example")
	if err != nil || client.Capability().Limits.Amount[""].Min != 50 {
		t.Errorf("client: %v; want one with the account's least amount", err)
	}
	parser, err := providers.Parser(good)
	if _, ok := parser.(provider.ReturnParser); err != nil || !ok {
		t.Errorf("parser: %v; want one that reads returns too", err)
	}
	for name, a := range map[string]*account.Account{
		"wrong":   mustAccount(t, book, payment.Computop, "wrong"),
		"strange": mustAccount(t, book, payment.Computop, "strange"),
		"unknown": {Merchant: "demo", Provider: "elsewhere", Name: "a"},
	} {
		if client, err := providers.Client(a, "https://notify.example"); err == nil || client != nil {
			t.Errorf("%s: a client came of it", name)
		}
		if parser, err := providers.Parser(a); err == nil || parser != nil {
			t.Errorf("%s: a parser came of it", name)
		}
	}
	if _, err := providers.Client(&account.Account{Provider: "elsewhere"}, "https://notify.example"); !errors.Is(err, providers.ErrUnknown) {
		t.Errorf("error %v, want ErrUnknown", err)
	}
}

func TestExam(t *testing.T) {
	t.Parallel()
	book := mustBook(t, file)
	for name, want := range map[string][]string{
		"eu":      nil,
		"wrong":   {"MerchantID", "Cipher ", "CipherKeys"},
		"strange": {"merchant"},
	} {
		problems := providers.Exam(mustAccount(t, book, payment.Computop, name))
		text := fmt.Sprint(problems)
		if len(problems) != len(want) {
			t.Errorf("%s: %d problems, want %d: %s", name, len(problems), len(want), text)
		}
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("%s: %s does not speak of %s", name, text, w)
			}
		}
		if strings.Contains(text, "secret of") {
			t.Errorf("%s: a secret shows", name)
		}
	}
	problems := providers.Exam(&account.Account{Provider: "elsewhere", Line: 7})
	if len(problems) != 1 || problems[0].Line != 7 {
		t.Errorf("another provider: %v, want one problem with its line", problems)
	}
}

func TestExam_OfECommPay(t *testing.T) {
	t.Parallel()
	book := mustBook(t, file)
	for name, want := range map[string][]string{
		"wallet": nil,
		"books":  nil,
		"half":   {"Data.BaseURL", "Data.Secret"},
		"empty":  {"ProjectID", "Secrets"},
		"text":   {"settings"},
	} {
		problems := providers.Exam(mustAccount(t, book, payment.ECommPay, name))
		if len(problems) != len(want) {
			t.Errorf("%s: %d problems, want %d: %v", name, len(problems), len(want), problems)
		}
		for _, w := range want {
			if !strings.Contains(fmt.Sprint(problems), w) {
				t.Errorf("%s: %v does not speak of %s", name, problems, w)
			}
		}
	}
}

func TestParsers_AreKeptWhileTheFileIsTheSame(t *testing.T) {
	t.Parallel()
	l := &live{mustBook(t, file)}
	parsers := providers.Parsers(l)
	a := mustAccount(t, l.book, payment.Computop, "eu")
	first, err := parsers(a)
	if err != nil {
		t.Fatalf("parser: %v", err)
	}
	if again, _ := parsers(a); again != first {
		t.Error("a second parser was made")
	}
	l.book = mustBook(t, strings.Replace(file, "demo_mid", "other_mid", 1))
	if other, err := parsers(mustAccount(t, l.book, payment.Computop, "eu")); err != nil || other == first {
		t.Errorf("the old parser serves a new account, %v", err)
	}
}

func TestRouter(t *testing.T) {
	t.Parallel()
	l := &live{mustBook(t, file)}
	r := providers.Router(l, payment.Computop, "https://notify.example")
	if !r.Capability().Supports(payment.Capture) {
		t.Error("the router does not know what Paygate can do")
	}
	byDefault, err := r.Client("demo", "")
	if err != nil {
		t.Fatalf("client: %v", err)
	}
	if named, _ := r.Client("demo", "eu"); named != byDefault {
		t.Error("the default account has two clients")
	}
	if _, err := r.Client("nobody", ""); !errors.Is(err, account.ErrNoMerchant) {
		t.Errorf("error %v, want ErrNoMerchant", err)
	}
}

func TestAccountName(t *testing.T) {
	t.Parallel()
	name := providers.AccountName(&live{mustBook(t, file)})
	for want, c := range map[string]payment.Command{
		"eu":    {Merchant: "demo", Provider: payment.Computop},
		"wrong": {Merchant: "demo", Provider: payment.Computop, Account: "wrong"},
		"gone":  {Merchant: "demo", Provider: payment.Computop, Account: "gone"},
	} {
		if got := name(c); got != want {
			t.Errorf("account of %+v is %q, want %q", c, got, want)
		}
	}
}
