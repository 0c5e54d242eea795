package ecommpay

import (
	"slices"
	"testing"

	"github.com/payloom/payloom/pkg/payment"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		codes []string
		want  verdict
	}{
		"success":                       {[]string{"0"}, verdict{fine, ""}},
		"being worked on":               {[]string{"9999", "19999", "29999", "20899", "10802"}, verdict{wait, ""}},
		"a time-out":                    {[]string{"314", "601", "20202", "10202", "20602", "10602"}, verdict{transient, payment.ReasonUnavailable}},
		"a limit":                       {[]string{"3106", "3317", "3340", "3450", "20101", "10101"}, verdict{limit, payment.ReasonAmount}},
		"an amount":                     {[]string{"309", "2642", "3104", "3358"}, verdict{invalid, payment.ReasonAmount}},
		"data":                          {[]string{"502", "2003", "2004", "3243", "10502"}, verdict{invalid, payment.ReasonInvalid}},
		"a currency":                    {[]string{"3023", "3121"}, verdict{invalid, payment.ReasonUnsupported}},
		"signature, project or balance": {[]string{"3261", "3262", "2442", "504", "3028", "20504", "10504", "30301"}, verdict{misset, payment.ReasonConfiguration}},
		"risk management":               {[]string{"402", "1401", "1441", "1460", "1499", "3199", "20401"}, verdict{refused, payment.ReasonDeclined}},
		"the recipient":                 {[]string{"20000", "10000", "20102", "20105", "20203", "10203"}, verdict{refused, payment.ReasonDeclined}},
		"one must ask":                  {[]string{"501", "1409", "1434", "3041", "3061", "3062", "3613"}, unclear},
		"a person must ask":             {[]string{"20801", "20812", "10801", "10812"}, verdict{manual, payment.ReasonUnclear}},
		"nobody knows":                  {[]string{"", "1", "14", "14000", "10999", "20999", "999999", "x"}, unclear},
	}
	for name, c := range cases {
		for _, code := range c.codes {
			if got := judge(code); got != c.want {
				t.Errorf("%s: %s is %+v, want %+v", name, code, got, c.want)
			}
		}
	}
}

// A code stands in one place of the table only, and each looks like one.
func TestCodes(t *testing.T) {
	t.Parallel()
	n := 0
	seen := map[verdict]bool{}
	for code, v := range codes {
		if !codePattern.MatchString(code) {
			t.Errorf("%q is no code", code)
		}
		n++
		seen[v] = true
	}
	if n != 119 || len(seen) != 11 {
		t.Errorf("%d codes of %d verdicts: was one listed twice?", n, len(seen))
	}
}

// Only a handful of statuses end anything.
func TestReport_OpenStatuses(t *testing.T) {
	t.Parallel()
	s := &sum{10000, "INR"}
	final := []string{"success", "decline", "error", "reversed", "partially paid out", "partially reversed"}
	for _, word := range []string{
		"processing", "external processing", "awaiting retry", "awaiting clarification", "internal error", "external error",
		"expired", "canceled", "cancelled", "awaiting customer", "refunded", "partially refunded", "teleported", "", "succes",
	} {
		r := report{status: word, sum: s, fault: "2004", ops: []operation{{id: "1", kind: "payout", status: "success", code: "0"}}}
		if got, _ := r.judge(); got != pending || slices.Contains(final, word) {
			t.Errorf("%q: %d", word, got)
		}
	}
	for word, want := range map[string]state{" Success\n": succeeded, "PARTIALLY_PAID_OUT": doubtful, "reversed": reversed} {
		r := report{status: word, sum: s, ops: []operation{{id: "1", kind: "Payout ", status: "SUCCESS", code: "0"}}}
		if got, _ := r.judge(); got != want {
			t.Errorf("%q: %d, want %d", word, got, want)
		}
	}
}

func TestReport_LastOperation(t *testing.T) {
	t.Parallel()
	r := report{ops: []operation{{id: "9", kind: "payout"}, {id: "10", kind: "payout"}, {id: "1000000000000000000000", kind: "payout reversal"}, {id: "", kind: "payout"}}}
	if op, ok := r.last(operation.payout); !ok || op.id != "10" {
		t.Errorf("last payout %+v", op)
	}
	if op, ok := r.last(operation.reversal); !ok || len(op.id) != 22 {
		t.Errorf("last reversal %+v", op)
	}
}
