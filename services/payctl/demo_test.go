package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/payloom/payloom/services/payctl/internal/console"
	"github.com/payloom/payloom/services/payctl/internal/demo"
	"github.com/payloom/payloom/services/payctl/internal/verify"
)

func TestPrintDemo_LastLineAndVerdict(t *testing.T) {
	t.Parallel()
	good := demo.Outcome{Scenario: "sale", Payments: []string{"p1", "p2"}}
	stuck := demo.Outcome{Scenario: "capture", Payments: []string{"p3"}, Err: fmt.Errorf("%w: payment p3 is open", demo.ErrStuck)}
	doubled := verify.Report{Results: []*verify.Result{{
		ID: "I3", Broken: 1, Kinds: map[verify.Kind]int{verify.Doubled: 1},
		Examples: []verify.Violation{{Invariant: "I3", Kind: verify.Doubled, Subject: "demo/p1", What: "capture has 2 effects"}},
	}}}
	tests := map[string]struct {
		outcomes []demo.Outcome
		report   verify.Report
		last     string
		names    []string
		ok       bool
	}{
		"all is well":                 {[]demo.Outcome{good}, verify.Report{}, "demo: 2 payments, 2 settled, 0 lost, 0 doubled, 0 stuck", nil, true},
		"one is stuck":                {[]demo.Outcome{good, stuck}, verify.Report{}, "demo: 3 payments, 2 settled, 0 lost, 0 doubled, 1 stuck", []string{"p3"}, false},
		"verification finds a double": {[]demo.Outcome{good}, doubled, "demo: 2 payments, 2 settled, 0 lost, 1 doubled, 0 stuck", []string{"demo/p1"}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			a := newApp(process{out: &out, err: &out})
			a.console = console.New(&out, &out, false)
			err := a.printDemo(demo.Result{Outcomes: tt.outcomes}, tt.report)
			if errors.Is(err, errSaid) == tt.ok || (tt.ok && err != nil) {
				t.Errorf("error %v", err)
			}
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			if got := lines[len(lines)-1]; got != tt.last {
				t.Errorf("last line %q, want %q", got, tt.last)
			}
			for _, name := range tt.names {
				if !strings.Contains(out.String(), name) {
					t.Errorf("does not name %s:\n%s", name, out.String())
				}
			}
		})
	}
}
