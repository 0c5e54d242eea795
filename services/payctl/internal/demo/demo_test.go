package demo

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider/computop/computopsim"
)

func TestPlanFor_HasEveryScenarioAndEnoughPayments(t *testing.T) {
	t.Parallel()
	for _, payments := range []int{50, 51, 60, 200} {
		seen := map[string]bool{}
		n := 0
		for _, s := range planFor(payments, true) {
			seen[s.name] = true
			n += s.payments
		}
		if n < payments || n > payments+1 {
			t.Errorf("a plan of %d payments for %d", n, payments)
		}
		for _, s := range append(append(plain(), troubled()...), killed()) {
			if !seen[s.name] {
				t.Errorf("%d payments leave out %q", payments, s.name)
			}
		}
	}
	for _, s := range planFor(50, false) {
		if s.name == killed().name {
			t.Error("somebody is killed without being asked for")
		}
	}
}

func TestNames_FitAPaymentID(t *testing.T) {
	t.Parallel()
	for _, s := range append(append(plain(), troubled()...), killed()) {
		name := fmt.Sprintf("demo-abcdef-99-%s-2", slug(s.name))
		if err := payment.ID(name).Validate(); err != nil || len(name) > 61 {
			t.Errorf("%s has %d characters: %v", name, len(name), err)
		}
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	entry := func(k computopsim.Kind, amount int64) computopsim.Entry {
		return computopsim.Entry{Kind: k, Amount: amount}
	}
	authorized, captured := entry(computopsim.KindAuthorize, 10), entry(computopsim.KindCapture, 10)
	want := []effect{{computopsim.KindAuthorize, 10}, {computopsim.KindCapture, 10}}
	tests := map[string]struct {
		ledger []computopsim.Entry
		err    error
	}{
		"as expected":           {[]computopsim.Entry{authorized, captured}, nil},
		"one is missing":        {[]computopsim.Entry{authorized}, ErrLost},
		"one is there twice":    {[]computopsim.Entry{authorized, captured, captured}, ErrDoubled},
		"one of another amount": {[]computopsim.Entry{authorized, entry(computopsim.KindCapture, 9)}, ErrDoubled},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := compare("p1", tt.ledger, want)
			if !errors.Is(err, tt.err) || (err != nil && !strings.Contains(err.Error(), "p1")) {
				t.Errorf("%v, want %v and the payment's name", err, tt.err)
			}
		})
	}
}

func TestResult_Counts(t *testing.T) {
	t.Parallel()
	r := Result{Outcomes: []Outcome{
		{Scenario: "a", Payments: []string{"1", "2"}},
		{Scenario: "b", Payments: []string{"3"}, Err: fmt.Errorf("x: %w", ErrStuck)},
		{Scenario: "c", Payments: []string{"4"}, Err: errors.Join(ErrLost, ErrWrong)},
	}}
	if r.Payments() != 4 || r.Settled() != 2 || r.Count(ErrStuck) != 1 || r.Count(ErrLost) != 1 || r.Count(ErrDoubled) != 0 || len(r.Failed()) != 2 {
		t.Errorf("%d payments, %d settled, %d stuck, %d lost, %d failed", r.Payments(), r.Settled(), r.Count(ErrStuck), r.Count(ErrLost), len(r.Failed()))
	}
}
