package ecommpaysim

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The life of payouts as their amounts script it.
func TestLife(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		minor     int64
		stage     Stage
		ledger    string
		callbacks []string
		status    string
	}{
		"it succeeds": {
			10000, StageSuccess, "payout 10000",
			[]string{"genuine processing payout 29999", "genuine success payout 0"}, "success",
		},
		"it is declined": {
			10091, StageDeclined, "(payout 10091)",
			[]string{"genuine processing payout 29999", "genuine decline payout 20000"}, "decline",
		},
		"it is declined for the account": {
			10092, StageDeclined, "(payout 10092)",
			[]string{"genuine processing payout 29999", "genuine decline payout 20102"}, "decline",
		},
		"it is refused after it was accepted": {
			10093, StageRefused, "", []string{"genuine error 502"}, "error",
		},
		"it is taken back": {
			10094, StageReversed, "payout 10094, reversal 10094",
			[]string{"genuine processing payout 29999", "genuine success payout 0", "genuine reversed payout reversal 0"}, "reversed",
		},
		"it is tried again": {
			10095, StageSuccess, "payout 10095",
			[]string{"genuine processing payout 29999", "genuine awaiting retry payout 20202", "genuine success payout 0"}, "success",
		},
		"it is held": {
			10096, StageProcessing, "payout 10096?", []string{"genuine processing payout 29999"}, "processing",
		},
		"it is paid in part": {
			10097, StagePartial, "(payout 10097), payout 5048",
			[]string{"genuine processing payout 29999", "genuine partially paid out payout 20101"}, "partially paid out",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(c *Config) { c.Intermediate = true })
			r.accepted("P", c.minor)
			r.quiet()
			if got := r.see("P"); got.Stage != c.stage || got.Amount != c.minor {
				t.Errorf("%+v", got)
			}
			if got := r.ledger("P"); got != c.ledger {
				t.Errorf("ledger %q, want %q", got, c.ledger)
			}
			got := r.callbacks()
			slices.Sort(got) // two may cross each other on their way
			slices.Sort(c.callbacks)
			if diff := cmp.Diff(c.callbacks, got); diff != "" {
				t.Errorf("callbacks (-want +got):\n%s", diff)
			}
			a := r.status("P")
			if got := a.text("payment", "status"); got != c.status {
				t.Errorf("status %q: %s", got, a.raw)
			}
			if _, err := a.Verify(secret); (err == nil) != (c.stage != StageRefused) {
				t.Errorf("signature of the status: %v", err)
			}
		})
	}
}

func TestLife_FinalCallbacksOnly(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.accepted("P", 10095)
	r.quiet()
	if diff := cmp.Diff([]string{"genuine success payout 0"}, r.callbacks()); diff != "" {
		t.Error(diff)
	}
	a := r.status("P")
	if ops := a.Get("operations").Items(); len(ops) != 2 {
		t.Errorf("%d operations", len(ops))
	}
}

func TestLife_GeneralLayout(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.Layout = LayoutGeneral })
	r.accepted("P", 10094)
	r.quiet()
	want := []string{"genuine reversed payout reversal 0", "genuine success payout 0"}
	got := r.callbacks() // one may overtake the other
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A request that was refused is known by its own id, and frees its payment_id.
func TestLife_Refused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	request := r.accepted("P", 10093)
	if a := r.status("P"); a.text("payment", "status") != "error" || a.Get("operations").Items() != nil {
		t.Errorf("status %s", a.raw)
	}
	r.quiet()
	a := r.requestStatus(request)
	code, _ := a.Get("errors").Items()[0].Get("code").Text()
	if _, err := a.Verify(secret); err != nil || code != codeValidation || a.text("payment", "id") != "P" {
		t.Errorf("request status: %v %s", err, a.raw)
	}
	again := r.accepted("P", 10000)
	if again == request {
		t.Error("two requests have one id")
	}
	r.quiet()
	if got := r.requestStatus(again).text("payment", "status"); got != "success" {
		t.Errorf("the second request: %q", got)
	}
	if got := r.see("P").Stage; got != StageSuccess {
		t.Errorf("stage %s", got)
	}
}

func TestLife_LateDuplicates(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.LateDuplicates = true })
	r.accepted("P", 10000)
	r.accepted("P", 10000)
	r.quiet()
	got := r.callbacks()
	slices.Sort(got)
	if diff := cmp.Diff([]string{"genuine error 3041", "genuine success payout 0"}, got); diff != "" {
		t.Error(diff)
	}
	if r.ledger("P") != "payout 10000" || r.see("P").Stage != StageSuccess || r.status("P").text("payment", "status") != "success" {
		t.Errorf("ledger %q, %+v", r.ledger("P"), r.see("P"))
	}
}

func TestStatus_NotFound(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, a := range []answer{r.status("P"), r.requestStatus("r")} {
		code, _ := a.Get("errors").Items()[0].Get("code").Text()
		if a.status != 200 || code != codeNotFound || a.text("payment", "status") != "error" {
			t.Errorf("%d %s", a.status, a.raw)
		}
	}
}

// For the first seconds an inquiry finds nothing.
func TestStatus_RegisterLag(t *testing.T) {
	t.Parallel()
	now := time.Now()
	r := newRig(t, func(c *Config) {
		c.Now = func() time.Time { return now }
		c.RegisterLag, c.TimeScale = 10*time.Second, 1
		c.ProcessDelay = time.Hour
	})
	request := r.accepted("P", 10000)
	if a := r.status("P"); a.text("payment", "status") != "error" {
		t.Errorf("at once: %s", a.raw)
	}
	if a := r.requestStatus(request); a.text("payment", "status") != "error" {
		t.Errorf("by request, at once: %s", a.raw)
	}
	if a := r.payout(r.request("P", 10000)); a.refusal() != codeDuplicate {
		t.Errorf("it is taken a second time: %s", a.raw)
	}
	now = now.Add(10 * time.Second)
	if a := r.status("P"); a.text("payment", "status") != "processing" {
		t.Errorf("later: %s", a.raw)
	}
}

func TestStatus_Unsigned(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.UnsignedStatus = true })
	r.accepted("P", 10000)
	if a := r.status("P"); a.text("payment", "id") != "P" || a.text("signature") != "" {
		t.Errorf("%s", a.raw)
	}
}

func TestScript(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.Script = []ScriptRule{{AccountSuffix: "6666", Outcome: Decline, Code: "20203"}} })
	r.accepted("A", 10000)
	if err := r.sim.SetScript(ScriptRule{PaymentIDSuffix: "-hold", Outcome: Hold}, ScriptRule{AmountSuffix: "7", Outcome: Refuse}); err != nil {
		t.Fatal(err)
	}
	r.accepted("B-hold", 10000)
	r.accepted("C", 10007)
	r.accepted("D", 10000)
	r.quiet()
	for id, want := range map[string]Payout{
		"A": {Stage: StageDeclined, Code: "20203"}, "B-hold": {Stage: StageProcessing, Code: codeAtProvider},
		"C": {Stage: StageRefused, Code: codeValidation}, "D": {Stage: StageSuccess, Code: "0"},
	} {
		if got := r.see(id); got.Stage != want.Stage || got.Code != want.Code {
			t.Errorf("%s: %s %s", id, got.Stage, got.Code)
		}
	}
}

// The same requests give the same ids and bodies, in whatever order they come.
func TestDeterministic(t *testing.T) {
	t.Parallel()
	now := time.Date(2031, 5, 1, 12, 0, 0, 0, time.UTC)
	ids := []string{"P-1", "P-2", "P-3", "P-4", "P-5"}
	run := func(order []string) map[string]string {
		r := newRig(t, func(c *Config) { c.Now = func() time.Time { return now } })
		for _, id := range order {
			o := r.request(id, 10000)
			r.payout(set(o, "general.merchant_callback_url", nil))
		}
		r.quiet()
		out := map[string]string{}
		for _, id := range ids {
			out[id] = string(r.status(id).raw)
		}
		return out
	}
	backwards := slices.Clone(ids)
	slices.Reverse(backwards)
	first := run(ids)
	if diff := cmp.Diff(first, run(backwards)); diff != "" {
		t.Error(diff)
	}
	if first["P-1"] == first["P-2"] {
		t.Error("two payouts look alike")
	}
}
