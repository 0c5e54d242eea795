package account_test

import (
	"strings"
	"testing"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/payment"
)

// limited is the good file with limits for the first account.
func limited(limits string) string {
	return strings.Replace(good, "        settings:", "        limits: "+limits+"\n        settings:", 1)
}

func TestAccount_Limits(t *testing.T) {
	t.Parallel()
	for limits, want := range map[string]account.CallLimits{
		"{calls_per_second: 20, burst: 40}": {CallsPerSecond: 20, Burst: 40},
		"{calls_per_second: 2.5}":           {CallsPerSecond: 2.5, Burst: 2.5},
		"{calls_per_second: 0.1}":           {CallsPerSecond: 0.1, Burst: 1},
	} {
		a, err := mustParse(t, limited(limits)).Account("demo", payment.Computop, "eu")
		if err != nil {
			t.Fatal(err)
		}
		if a.Limits != want {
			t.Errorf("%s: %+v, want %+v", limits, a.Limits, want)
		}
	}
	a, err := mustParse(t, good).Account("demo", payment.Computop, "eu")
	if err != nil || a.Limits != (account.CallLimits{}) {
		t.Errorf("without limits: %+v, %v", a.Limits, err)
	}
}

func TestParse_WrongLimits(t *testing.T) {
	t.Parallel()
	for limits, want := range map[string]string{
		"{calls_per_second: 0}":            "limits.calls_per_second: must be a number above 0",
		"{calls_per_second: -1}":           "limits.calls_per_second: must be a number above 0",
		"{calls_per_second: many}":         "limits.calls_per_second: must be a number above 0",
		"{burst: 3}":                       "limits: calls_per_second is missing",
		"{calls_per_second: 1, burst: 0}":  "limits.burst: must be a number above 0",
		"{calls_per_second: 1, colour: 1}": "limits.colour: is not known here",
		"20":                               "limits: must be a mapping",
	} {
		_, err := account.Parse("accounts.yaml", []byte(limited(limits)), vault)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", limits, err, want)
		}
	}
}
