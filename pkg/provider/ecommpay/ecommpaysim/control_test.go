package ecommpaysim

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/provider/simkit"
)

func contains(text, part string) bool { return strings.Contains(text, part) }

func TestControl_Walk(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.accepted("P-1", 10096)
	r.accepted("P-2", 10096)
	r.quiet()
	var p Payout
	if status := r.control("POST", "/payments/P-1/succeed?project=197", "", &p); status != 200 || p.Stage != StageSuccess || len(p.Operations) != 1 {
		t.Errorf("succeed: %d %+v", status, p)
	}
	if status := r.control("POST", "/payments/P-2/decline?code=20203", "", &p); status != 200 || p.Stage != StageDeclined || p.Code != "20203" {
		t.Errorf("decline: %d %+v", status, p)
	}
	if status := r.control("POST", "/payments/P-1/reverse", "", &p); status != 200 || p.Stage != StageReversed || len(p.Operations) != 2 {
		t.Errorf("reverse: %d %+v", status, p)
	}
	r.quiet()
	for _, act := range []string{"resend", "forge", "duplicate"} {
		if status := r.control("POST", "/payments/P-1/"+act, "", &p); status != 200 {
			t.Errorf("%s: %d", act, status)
		}
	}
	r.quiet()
	want := []string{
		"forged success payout 0", "genuine decline payout 20203", "genuine error 3041",
		"genuine reversed payout reversal 0", "genuine reversed payout reversal 0", "genuine success payout 0",
	}
	got := r.callbacks()
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if r.control("GET", "/payments/P-1", "", &p); p.PaymentID != "P-1" || p.Project != project || p.RequestID == "" {
		t.Errorf("payout %+v", p)
	}
	var all []Payout
	if r.control("GET", "/payments?skip=1&limit=5", "", &all); len(all) != 1 || all[0].PaymentID != "P-2" {
		t.Errorf("payouts %+v", all)
	}
	for query, want := range map[string]int{
		"": 3, "?payment_id=P-1": 2, "?project=197&payment_id=P-1": 2, "?project=818": 0, "?after=1": 2, "?limit=1": 1, "?payment_id=P-9": 0,
	} {
		var entries []Entry
		if r.control("GET", "/ledger"+query, "", &entries); len(entries) != want {
			t.Errorf("ledger%s: %d entries, want %d", query, len(entries), want)
		}
	}
	var entries []Entry
	r.control("GET", "/ledger?payment_id=P-1&after=1", "", &entries)
	if e := entries[0]; e.Kind != KindReversal || e.Amount != 10096 || e.Currency != "INR" || e.OperationID == "" {
		t.Errorf("entry %+v", e)
	}
	var stats Stats
	if r.control("GET", "/stats", "", &stats); stats.Payouts != 2 || stats.Calls[OpPayout] != 2 || stats.CallbacksForged != 1 || stats.UnderWay != 0 {
		t.Errorf("stats %+v", stats)
	}
}

func TestControl_Refuses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.accepted("done", 10000)
	r.accepted("refused", 10093)
	r.quiet()
	for path, want := range map[string]int{
		"POST /payments/done/succeed": 409, "POST /payments/done/decline": 409, "POST /payments/refused/reverse": 409,
		"POST /payments/refused/succeed": 409, "POST /payments/nobody/succeed": 404, "POST /payments/done/steal": 404,
		"POST /payments/done/decline?code=x": 400, "GET /payments/nobody": 404, "GET /payments?skip=-1": 400,
		"GET /ledger?after=x": 400, "GET /payments/done?project=x": 400, "POST /payments/done/succeed?project=x": 400,
		"POST /rules": 400, "POST /script": 400, "POST /latency": 400, "DELETE /rules/7": 404, "PUT /stats": 405,
		"POST /payments/done/pay-by-hand?project=197&amount=500": 409, "POST /payments/by-hand/pay-by-hand?project=5&amount=500": 404,
		"POST /payments/by-hand/pay-by-hand?project=197": 400, "POST /payments/by-hand/pay-by-hand?project=197&amount=5&currency=EUR": 400,
	} {
		method, path, _ := strings.Cut(path, " ")
		if got := r.control(method, path, "", nil); got != want {
			t.Errorf("%s %s: %d, want %d", method, path, got, want)
		}
	}
	if got := r.control("POST", "/script", `[{"outcome":"luck"}]`, nil); got != 400 {
		t.Errorf("an outcome that nobody knows: %d", got)
	}
	if _, err := r.sim.Act(project, "done", ActSucceed, ""); !errors.Is(err, ErrStage) || !errors.Is(err, simkit.ErrConflict) {
		t.Errorf("error %v", err)
	}
	if _, err := r.sim.Payout(otherProject, "done"); !errors.Is(err, ErrNoPayment) {
		t.Errorf("a stranger's payout: %v", err)
	}
}

func TestControl_RulesAndTrouble(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var rule Rule
	if status := r.control("POST", "/rules", `{"operation":"payout","fault":"http_500_before","times":1}`, &rule); status != 200 || rule.ID != 1 {
		t.Errorf("%d %+v", status, rule)
	}
	if a := r.payout(r.request("P", 10000)); a.status != 500 {
		t.Errorf("status %d", a.status)
	}
	var rules []Rule
	if r.control("GET", "/rules", "", &rules); len(rules) != 1 || rules[0].Hits != 1 {
		t.Errorf("%+v", rules)
	}
	if r.control("DELETE", "/rules/1", "", &rules); len(rules) != 0 {
		t.Errorf("%+v", rules)
	}
	r.control("POST", "/rules", `{"fault":"slow"}`, nil)
	if r.control("DELETE", "/rules", "", &rules); len(rules) != 0 {
		t.Errorf("%+v", rules)
	}
	var script []ScriptRule
	r.control("POST", "/script", `[{"payment_id_suffix":"x","outcome":"decline","code":"20102"}]`, nil)
	if r.control("GET", "/script", "", &script); len(script) != 1 || script[0].Code != "20102" {
		t.Errorf("%+v", script)
	}
	r.control("POST", "/outage", `{"duration":"1h"}`, nil)
	if a := r.payout(r.request("P", 10000)); a.status != 503 || a.header.Get("Retry-After") == "" {
		t.Errorf("outage: %d", a.status)
	}
	r.sim.Outage(0)
	r.control("POST", "/latency", `{"latency":"20ms"}`, nil)
	began := time.Now()
	r.accepted("P", 10000)
	if took := time.Since(began); took < 20*time.Millisecond {
		t.Errorf("took %s", took)
	}
	r.sim.SetLatency(0)
}
