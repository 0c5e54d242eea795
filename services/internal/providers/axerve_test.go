package providers_test

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/services/internal/providers"
)

func TestClientAndParser_OfAxerve(t *testing.T) {
	t.Parallel()
	book := mustBook(t, file)
	for _, name := range []string{"hosted", "production"} {
		a := mustAccount(t, book, payment.Axerve, name)
		client, err := providers.Client(a, "https://notify.example")
		if err != nil || !client.Capability().Supports(payment.Capture) {
			t.Fatalf("%s: client: %v", name, err)
		}
		if text := fmt.Sprintf("%+v", client); text != "axerve:GESPAY00042" {
			t.Errorf("%s: the client shows %s", name, text)
		}
		parser, err := providers.Parser(a)
		if err != nil {
			t.Fatalf("%s: parser: %v", name, err)
		}
		if _, err := parser.ParseCallback(nil, []byte("a=GESPAY00042&b=x")); !errors.Is(err, provider.ErrUnverified) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"odd", "misspelt"} {
		a := mustAccount(t, book, payment.Axerve, name)
		if client, err := providers.Client(a, "https://notify.example"); err == nil || client != nil {
			t.Errorf("%s: a client came of it", name)
		}
		if parser, err := providers.Parser(a); err == nil || parser != nil {
			t.Errorf("%s: a parser came of it", name)
		}
	}
}

func TestExam_OfAxerve(t *testing.T) {
	t.Parallel()
	book := mustBook(t, file)
	for name, want := range map[string][]string{
		"hosted":     nil,
		"production": nil,
		"odd":        {"ShopLogin", "Environment", "Language", "AvoidAsterisk"},
		"misspelt":   {"shoplogin"},
	} {
		problems := providers.Exam(mustAccount(t, book, payment.Axerve, name))
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

// TestVerifier_AsksAxerve refuses what is for another shop before anybody is
// asked, by the account that it came to.
func TestVerifier_AsksAxerve(t *testing.T) {
	t.Parallel()
	l := &live{mustBook(t, file)}
	v, a := providers.NewVerifier(l), mustAccount(t, l.book, payment.Axerve, "hosted")
	if _, err := v.Callback(t.Context(), a, nil, []byte("a=other&b=x")); !errors.Is(err, provider.ErrForged) {
		t.Errorf("callback: %v", err)
	}
	if _, err := v.Return(t.Context(), a, provider.PageSuccess, url.Values{"a": {"other"}, "b": {"x"}}); !errors.Is(err, provider.ErrForged) {
		t.Errorf("return: %v", err)
	}
	wallet := mustAccount(t, l.book, payment.ECommPay, "wallet")
	if _, err := v.Return(t.Context(), wallet, provider.PageSuccess, nil); !errors.Is(err, provider.ErrUnverified) {
		t.Errorf("a provider that nobody can ask: %v", err)
	}
}
