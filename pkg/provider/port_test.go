package provider_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
)

func TestAsError(t *testing.T) {
	t.Parallel()
	known := &provider.Error{Failure: provider.NotSent, Reason: payment.ReasonThrottled, Code: "7", After: time.Second}
	cases := map[string]struct {
		err     error
		failure provider.Failure
		reason  payment.Reason
	}{
		"one of ours, wrapped":           {fmt.Errorf("call: %w", known), provider.NotSent, payment.ReasonThrottled},
		"one that nobody thought of":     {errors.New("?"), provider.Unknown, payment.ReasonUnclear},
		"a deadline":                     {fmt.Errorf("call: %w", context.DeadlineExceeded), provider.Unknown, payment.ReasonNoAnswer},
		"a rejection":                    {provider.Reject(payment.ReasonAmount, "amount %d", 1), provider.Rejected, payment.ReasonAmount},
		"an answer that settles nothing": {provider.Unclear("9", "code"), provider.Unknown, payment.ReasonUnclear},
	}
	for name, tc := range cases {
		e := provider.AsError(tc.err)
		if e.Failure != tc.failure || e.Reason != tc.reason || provider.FailureOf(tc.err) != tc.failure {
			t.Errorf("%s: %v, %q", name, e.Failure, e.Reason)
		}
	}
	if got, want := known.Error(), "provider: not sent (code 7)"; got != want {
		t.Errorf("text %q, want %q", got, want)
	}
}

func TestCapability_RecoveryOf(t *testing.T) {
	t.Parallel()
	c := provider.Capability{
		Rules:    payment.Rules{Kinds: []payment.Kind{payment.Authorize}},
		Recovery: map[payment.Kind]provider.Recovery{payment.Authorize: {Class: provider.T0}},
		Direct:   provider.Recovery{Class: provider.T3},
	}
	for method, want := range map[payment.Method]provider.Class{
		payment.Button: provider.T0, payment.Redirect: provider.T0, payment.MandateCharge: provider.T3, payment.OrderReference: provider.T3,
	} {
		if got := c.RecoveryOf(payment.Authorize, method).Class; got != want {
			t.Errorf("authorize by %s: %s, want %s", method, got, want)
		}
	}
	if got := c.RecoveryOf(payment.Refund, "").Class; got != provider.T4 {
		t.Errorf("a kind that is not described: %s", got)
	}
	if !c.Supports(payment.Authorize) || c.Supports(payment.Payout) {
		t.Error("kinds are mixed up")
	}
}

// desk is a provider that tells which account was asked.
type desk struct{ account string }

func (desk) Capability() provider.Capability { return provider.Capability{} }

func (d desk) Submit(context.Context, provider.Call) (payment.Result, error) {
	return payment.Result{Ref: "submit " + d.account}, nil
}

func (d desk) Inquire(context.Context, provider.Call) (payment.Result, error) {
	return payment.Result{Ref: "inquire " + d.account}, nil
}

// verifier is a desk that vouches for callbacks.
type verifier struct{ desk }

func (v verifier) VerifyCallback(context.Context, http.Header, []byte) (provider.Callback, error) {
	return provider.Callback{Dedup: v.account}, nil
}

func TestRouter(t *testing.T) {
	t.Parallel()
	router := provider.Router{
		Cap: provider.Capability{Provider: payment.Computop},
		Client: func(m payment.Merchant, account string) (provider.Provider, error) {
			switch account {
			case "":
				return desk{string(m) + "/default"}, nil
			case "eu":
				return verifier{desk{string(m) + "/eu"}}, nil
			}
			return nil, errors.New("no such account")
		},
	}
	if router.Capability().Provider != payment.Computop {
		t.Error("another capability")
	}
	opened := provider.Call{Payment: payment.Payment{Merchant: "m", Account: "eu"}, Command: payment.Command{Merchant: "m", Account: "us"}}
	if r, err := router.Submit(t.Context(), opened); err != nil || r.Ref != "submit m/eu" {
		t.Errorf("a payment stays at its account: %q, %v", r.Ref, err)
	}
	fresh := provider.Call{Command: payment.Command{Merchant: "m"}}
	if r, err := router.Inquire(t.Context(), fresh); err != nil || r.Ref != "inquire m/default" {
		t.Errorf("the default account: %q, %v", r.Ref, err)
	}
	nowhere := provider.Call{Command: payment.Command{Merchant: "m", Account: "us"}}
	_, submit := router.Submit(t.Context(), nowhere)
	_, inquire := router.Inquire(t.Context(), nowhere)
	_, verify := router.VerifyCallback(t.Context(), "m", "us", nil, nil)
	for name, err := range map[string]error{"submit": submit, "inquire": inquire, "verify": verify} {
		if !errors.Is(err, provider.ErrConfiguration) || provider.FailureOf(err) != provider.NotSent {
			t.Errorf("%s at an unknown account: %v", name, err)
		}
	}
	if cb, err := router.VerifyCallback(t.Context(), "m", "eu", nil, nil); err != nil || cb.Dedup != "m/eu" {
		t.Errorf("verify: %+v, %v", cb, err)
	}
	if _, err := router.VerifyCallback(t.Context(), "m", "", nil, nil); !errors.Is(err, provider.ErrUnsupported) {
		t.Errorf("verify where nobody can: %v", err)
	}
}
