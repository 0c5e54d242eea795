package demo

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider/axerve"
	"github.com/payloom/payloom/pkg/provider/computop"
	"github.com/payloom/payloom/pkg/provider/ecommpay"
	"github.com/payloom/payloom/services/payctl/internal/api"
)

// everything is every scenario there is.
func everything() []scenario {
	return slices.Concat(plain(), troubled(), once(), []scenario{killed()})
}

func TestPlanFor_HasEveryScenarioAndEnoughPayments(t *testing.T) {
	t.Parallel()
	least := 0
	for _, s := range everything() {
		least += s.payments
	}
	for _, payments := range []int{50, 51, least, least + 1, 200} {
		seen := map[string]int{}
		n := 0
		for _, s := range planFor(Options{Payments: payments}, true) {
			seen[s.name]++
			n += s.payments
		}
		if n < payments || n > max(payments, least)+1 {
			t.Errorf("a plan of %d payments for %d", n, payments)
		}
		for _, s := range everything() {
			if seen[s.name] == 0 {
				t.Errorf("%d payments leave out %q", payments, s.name)
			}
		}
		for _, s := range once() {
			if seen[s.name] != 1 {
				t.Errorf("%q is run %d times", s.name, seen[s.name])
			}
		}
	}
	for _, s := range planFor(Options{Payments: 50}, false) {
		if s.name == killed().name {
			t.Error("somebody is killed without being asked for")
		}
	}
}

func TestNames_FitAPaymentID(t *testing.T) {
	t.Parallel()
	patterns := map[payment.Provider]*regexp.Regexp{
		payment.Computop: computop.Capability().Limits.PaymentID, payment.Axerve: axerve.Capability().Limits.PaymentID,
		payment.ECommPay: ecommpay.Capability().Limits.PaymentID,
	}
	names := map[string]bool{}
	for _, s := range everything() {
		if names[s.name] {
			t.Errorf("two scenarios are called %q", s.name)
		}
		names[s.name] = true
		id := s.id("abcdef", 100) + "-" + strconv.Itoa(s.payments)
		if err := payment.ID(id).Validate(); err != nil || !patterns[s.provider].MatchString(id) {
			t.Errorf("%s is no payment id at %s: %v", id, s.provider, err)
		}
	}
}

func TestCheckLines(t *testing.T) {
	t.Parallel()
	good := func() []api.BatchLine {
		var all []api.BatchLine
		for n := 1; n <= batchLines; n++ {
			l := api.BatchLine{Line: n, Status: "accepted"}
			if field := badLines()[n]; field != "" {
				l.Status, l.Errors = "rejected", []api.BatchFault{{Field: field}}
			}
			all = append(all, l)
		}
		return all
	}
	stored := func(i int) func([]api.BatchLine) []api.BatchLine {
		return func(l []api.BatchLine) []api.BatchLine { l[i].Status = "replayed"; return l }
	}
	tests := map[string]struct {
		spoil    func([]api.BatchLine) []api.BatchLine
		repeated bool
		err      error
	}{
		"as expected":                      {func(l []api.BatchLine) []api.BatchLine { return l }, false, nil},
		"a line without a result":          {func(l []api.BatchLine) []api.BatchLine { return l[1:] }, false, ErrLost},
		"a bad line taken":                 {func(l []api.BatchLine) []api.BatchLine { l[6].Status = "accepted"; return l }, false, ErrWrong},
		"a good line refused":              {func(l []api.BatchLine) []api.BatchLine { l[0].Status = "rejected"; return l }, false, ErrWrong},
		"the wrong field named":            {func(l []api.BatchLine) []api.BatchLine { l[6].Errors[0].Field = "amount"; return l }, false, ErrWrong},
		"stored before, of one repeated":   {stored(0), true, nil},
		"stored before, of the only one":   {stored(0), false, ErrWrong},
		"a bad line was stored before":     {stored(6), true, ErrWrong},
		"refused, of one that is repeated": {func(l []api.BatchLine) []api.BatchLine { l[0].Status = "rejected"; return l }, true, ErrWrong},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := checkLines(tt.spoil(good()), tt.repeated); !errors.Is(err, tt.err) {
				t.Errorf("%v, want %v", err, tt.err)
			}
		})
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	authorized, captured := effect{kindAuthorize, 10}, effect{kindCapture, 10}
	want := []effect{{kindAuthorize, 10}, {kindCapture, 10}}
	tests := map[string]struct {
		ledger []effect
		err    error
	}{
		"as expected":           {[]effect{authorized, captured}, nil},
		"one is missing":        {[]effect{authorized}, ErrLost},
		"one is there twice":    {[]effect{authorized, captured, captured}, ErrDoubled},
		"one of another amount": {[]effect{authorized, {kindCapture, 9}}, ErrDoubled},
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
