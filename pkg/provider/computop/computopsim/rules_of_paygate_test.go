package computopsim

import (
	"net/http"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/provider/computop/paygate"
)

func TestGate_FirstNotifyMustBeAnswered(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.TimeScale = 1000 })
	r.shop.answer(http.StatusInternalServerError)
	payID := r.opened("T-1")
	r.decide("T-1", Approve)
	waitFor(t, func() bool { return len(r.shop.all()) == 1 })
	charge := r.payment("T-1").Charge
	checkCode(t, "capture", r.capture(payID, "T-1", "1000", "ReqId", "same"), "22520062")
	checkCode(t, "reverse", r.call("reverse.aspx", paygate.NewMessage("PayID", payID, "chargeid", charge)), "22520062")
	r.quiet() // the repeat is answered
	checkCode(t, "capture afterwards", r.capture(payID, "T-1", "1000", "ReqId", "same"), paygate.Success)
	if got := r.shop.all(); len(got) < 2 || got[0].raw != got[1].raw {
		t.Error("the repeat differs from the first notify")
	}
}

func TestGate_Switches(t *testing.T) {
	t.Parallel()
	open := newRig(t, func(c *Config) { c.NoNotifyGate = true })
	open.shop.answer(500, 500, 500, 500, 500)
	payID := open.opened("T-1")
	open.decide("T-1", Approve)
	checkCode(t, "without the gate", open.capture(payID, "T-1", "1000"), paygate.Success)

	other := newRig(t, func(c *Config) { c.NotifyGateCode = "22520063" })
	other.shop.answer(500, 500, 500, 500, 500)
	payID = other.opened("T-1")
	other.decide("T-1", Approve)
	checkCode(t, "another code", other.capture(payID, "T-1", "1000"), "22520063")
}

func TestReqID_FinalIsReplayed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	payID, _ := r.authorised("T-1")
	first := r.capture(payID, "T-1", "4000", "ReqId", "cap1")
	for range 3 {
		again := r.capture(payID, "T-1", "4000", "ReqId", "cap1")
		for _, name := range []string{"PayID", "XID", "Status", "Code", "AmountCap"} {
			if again.Get(name) != first.Get(name) {
				t.Errorf("%s: %q, want %q", name, again.Get(name), first.Get(name))
			}
		}
	}
	if got := r.ledger("T-1"); got != "authorize 10000, capture 4000" {
		t.Errorf("ledger %q", got)
	}
	r.quiet()
	if n := len(r.shop.all()); n != 2 {
		t.Errorf("%d notifies", n)
	}
	if s := r.sim.Stats(); s.Replays != 3 || s.Calls[OpCapture] != 4 || s.Payments != 1 {
		t.Errorf("stats %+v", s)
	}
}

func TestReqID_FailureIsFinalToo(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	payID, _ := r.authorised("T-1")
	checkCode(t, "first", r.capture(payID, "T-1", "4000", "ReqId", "cap1", "OrderDesc", "Test:0305"), "22520305")
	checkCode(t, "again", r.capture(payID, "T-1", "4000", "ReqId", "cap1"), "22520305")
	r.quiet()
	checkCode(t, "notify", r.lastNotify(), "22520305")
	checkCode(t, "another ReqId", r.capture(payID, "T-1", "4000", "ReqId", "cap2"), paygate.Success)
}

func TestReqID_OpenIsExecutedAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) {
		c.AsyncCapture, c.SecondCapture, c.PendingDelay = true, true, 20*time.Second
	})
	payID, _ := r.authorised("T-1")
	first := r.capture(payID, "T-1", "4000", "ReqId", "cap1")
	checkCode(t, "first", first, "62520985")
	checkTotals(t, "first", first, "10000/0/0")
	second := r.capture(payID, "T-1", "4000", "ReqId", "cap1")
	checkCode(t, "second", second, "62520985")
	if first.Get("XID") == second.Get("XID") {
		t.Error("an open action was replayed")
	}
	checkCode(t, "third", r.capture(payID, "T-1", "4000", "ReqId", "cap1"), "22520067")
	r.quiet()
	if got := r.ledger("T-1"); got != "authorize 10000, capture 4000, capture 4000" {
		t.Errorf("ledger %q", got)
	}
	final := r.capture(payID, "T-1", "4000", "ReqId", "cap1")
	checkCode(t, "after the end", final, paygate.Success)
	checkTotals(t, "after the end", final, "10000/8000/0")
}

func TestReqID_DuplicateCode(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.DuplicateReqIDCode = "20170004" })
	payID, _ := r.authorised("T-1")
	checkCode(t, "first", r.capture(payID, "T-1", "4000", "ReqId", "cap1"), paygate.Success)
	checkCode(t, "again", r.capture(payID, "T-1", "4000", "ReqId", "cap1"), "20170004")
}

func TestSecondCapture(t *testing.T) {
	t.Parallel()
	once := newRig(t)
	payID, _ := once.authorised("T-1")
	checkCode(t, "first", once.capture(payID, "T-1", "4000"), paygate.Success)
	second := once.capture(payID, "T-1", "4000")
	checkCode(t, "second", second, "22520063")
	if second.Get("CodeExt") != "InvalidChargeStatus" {
		t.Errorf("answer %s", second)
	}

	often := newRig(t, func(c *Config) { c.SecondCapture = true })
	payID, _ = often.authorised("T-1")
	for _, amount := range []string{"4000", "3000", "3000"} {
		checkCode(t, "capture of "+amount, often.capture(payID, "T-1", amount), paygate.Success)
	}
	checkCode(t, "one more", often.capture(payID, "T-1", "100"), "22520072")
}

func TestAnswers_AreShuffledButRepeatable(t *testing.T) {
	t.Parallel()
	run := func(seed uint64) (texts []string) {
		r := newRig(t, func(c *Config) { c.Seed = seed; c.BaseURL = "https://paygate.example" })
		r.shop.server.URL = "https://127.0.0.1:1" // nobody listens
		if err := r.sim.SetBaseURL("https://paygate.example"); err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{"T-1", "T-2", "T-3"} {
			texts = append(texts, r.call("amazonAPA.aspx", r.initFields(id)).String())
			texts = append(texts, r.returned(r.decide(id, Review).ReviewURL).String())
		}
		return texts
	}
	first, same, other := run(1), run(1), run(2)
	orders := map[string]bool{}
	for i := range first {
		if first[i] != same[i] {
			t.Errorf("not repeatable:\n%s\n%s", first[i], same[i])
		}
		if first[i] == other[i] {
			t.Error("the seed does not matter")
		}
		orders[paygate.ParseMessage(first[i])[0].Name] = true
	}
	if len(orders) < 2 {
		t.Errorf("every answer begins with the same field: %v", orders)
	}
}

func TestEchoes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.opened("T-1", "UserData", "inside", "Plain", "a b", "Custom", "k1=v1|k2=v=2")
	r.decide("T-1", Approve)
	r.quiet()
	form := r.shop.all()[0].form
	if form.Get("Plain") != "a b" || form.Get("k1") != "v1" || form.Get("k2") != "v=2" || r.lastNotify().Get("UserData") != "inside" {
		t.Errorf("form %v", form)
	}
	if got := r.shop.all()[0].contentType; got != "application/x-www-form-urlencoded; charset=iso-8859-1" {
		t.Errorf("content type %q", got)
	}
}

func TestExpire(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	payID := r.opened("T-1")
	if err := r.sim.Expire(r.mid, "T-1"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.sim.Decide(r.mid, "T-1", Approve); err == nil {
		t.Error("an expired session was confirmed")
	}
	checkTotals(t, "inquiry", r.call("inquire.aspx", paygate.NewMessage("PayID", payID, "TransID", "T-1")), "0/0/0")
	if n := len(r.shop.all()); n != 0 {
		t.Errorf("%d notifies", n)
	}
	if err := r.sim.Expire(r.mid, "T-1"); err == nil {
		t.Error("expired twice")
	}
}

func TestAutopilot(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if err := r.sim.SetAutopilot(
		AutopilotRule{TransIDSuffix: "-hold"},
		AutopilotRule{TransIDSuffix: "-no", Decision: Decline, Delay: time.Millisecond},
		AutopilotRule{Decision: Approve}); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"a", "b-no", "c-hold"} {
		r.opened(id)
	}
	r.quiet()
	for id, want := range map[string]Stage{"a": StageDone, "b-no": StageDeclined, "c-hold": StageOpen} {
		if got := r.payment(id).Stage; got != want {
			t.Errorf("%s: %s, want %s", id, got, want)
		}
	}
	if err := r.sim.SetAutopilot(AutopilotRule{Decision: "steal"}); err == nil {
		t.Error("a decision nobody knows was accepted")
	}
}

func TestLatencyAndOutage(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.sim.SetLatency(30 * time.Millisecond)
	start := time.Now()
	r.opened("T-1")
	if took := time.Since(start); took < 30*time.Millisecond {
		t.Errorf("took %v", took)
	}
	r.sim.SetLatency(0)
	r.sim.Outage(time.Hour)
	if _, err := r.try(t.Context(), "amazonAPA.aspx", r.signed(r.initFields("T-2"))); err != statusError(503) { //nolint:errorlint // a value of the test's own
		t.Errorf("during an outage: %v", err)
	}
	r.sim.Outage(0)
	r.opened("T-2")
}
