package computopsim

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/payloom/payloom/pkg/provider/computop/paygate"
	"github.com/payloom/payloom/pkg/provider/simkit"
)

// control calls the control interface and decodes what it says.
func (r *rig) control(method, path, in string, out any) int {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.server.URL+"/control/computop"+path, strings.NewReader(in))
	if err != nil {
		r.t.Fatal(err)
	}
	res, err := r.server.Client().Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	if out != nil {
		if err := json.Unmarshal(raw, out); err != nil {
			r.t.Fatalf("%s %s: %v: %s", method, path, err, raw)
		}
	}
	return res.StatusCode
}

func TestControl_Walk(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	payID := r.opened("T-1")
	var visit Visit
	if status := r.control("POST", "/payments/T-1/approve?merchant="+shopMID, "", &visit); status != 200 || visit.Stage != StageDone || visit.ReturnURL == "" {
		t.Errorf("approve: %d %+v", status, visit)
	}
	r.quiet()
	r.capture(payID, "T-1", "4000", "ReqId", "cap1")

	var p Payment
	r.control("GET", "/payments/T-1", "", &p)
	if p.PayID != payID || p.AmountCap != 4000 || !p.NotifyAnswers || p.Charge == "" {
		t.Errorf("payment %+v", p)
	}
	var all []Payment
	if r.control("GET", "/payments?skip=0&limit=5", "", &all); len(all) != 1 {
		t.Errorf("%d payments", len(all))
	}
	for query, want := range map[string]int{
		"": 2, "?trans_id=T-1": 2, "?merchant=" + shopMID + "&trans_id=T-1": 2, "?pay_id=" + payID: 2, "?pay_id=x": 0,
		"?merchant=" + aesMID: 0, "?after=1": 1, "?limit=1": 1, "?trans_id=T-9": 0,
	} {
		var entries []Entry
		if r.control("GET", "/ledger"+query, "", &entries); len(entries) != want {
			t.Errorf("ledger%s: %d entries, want %d", query, len(entries), want)
		}
	}
	var entries []Entry
	r.control("GET", "/ledger?after=1", "", &entries)
	if e := entries[0]; e.Seq != 2 || e.Kind != KindCapture || e.ReqID != "cap1" || e.Amount != 4000 || e.Currency != "EUR" || e.XID == "" {
		t.Errorf("entry %+v", e)
	}
	var stats Stats
	if r.control("GET", "/stats", "", &stats); stats.Payments != 1 || stats.Calls[OpCapture] != 1 || stats.NotifiesAnswered == 0 {
		t.Errorf("stats %+v", stats)
	}
}

func TestControl_Actions(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for action, want := range map[string]Stage{
		"review": StageReview, "approve": StageDone, "decline": StageDeclined, "abandon": StageCancelled,
		"delay": StagePending, "expire": StageExpired,
	} {
		r.opened("T-"+action, "URLSuccess", r.shop.server.URL+"/ok")
		var p Payment
		if status := r.control("POST", "/payments/T-"+action+"/"+action, "", &p); status != 200 || p.Stage != want {
			t.Errorf("%s: %d, stage %q", action, status, p.Stage)
		}
	}
	r.quiet()
	for path, want := range map[string]int{
		"/payments/T-decline/fraud-replay": 200, "/payments/T-approve/forge": 200,
		"/payments/T-approve/fraud-replay": 409, "/payments/T-approve/approve": 409, "/payments/T-approve/expire": 409,
		"/payments/T-9/approve": 404, "/payments/T-9/forge": 404, "/payments/T-9/expire": 404, "/payments/T-9/fraud-replay": 404,
		"/payments/T-approve/steal": 404,
	} {
		var out map[string]any
		if status := r.control("POST", path, "", &out); status != want || want != 200 && out["error"] == "" {
			t.Errorf("%s: %d, want %d: %v", path, status, want, out)
		}
	}
}

func TestControl_Settings(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var rule Rule
	if status := r.control("POST", "/rules", `{"operation":"capture","fault":"slow","delay":"1ms"}`, &rule); status != 200 || rule.ID == 0 {
		t.Errorf("rule: %d %+v", status, rule)
	}
	var rules []Rule
	r.control("GET", "/rules", "", &rules)
	if len(rules) != 1 || rules[0].Fault != FaultSlow {
		t.Errorf("rules %+v", rules)
	}
	if status := r.control("DELETE", "/rules/1", "", &rules); status != 200 || len(rules) != 0 {
		t.Errorf("delete: %d %v", status, rules)
	}
	var pilot []AutopilotRule
	if status := r.control("POST", "/autopilot", `[{"decision":"approve","delay":"1ms"}]`, &pilot); status != 200 || len(pilot) != 1 {
		t.Errorf("autopilot: %d %v", status, pilot)
	}
	for what, want := range map[[3]string]int{
		{"GET", "/autopilot", ""}:                                          200,
		{"DELETE", "/rules", ""}:                                           200,
		{"DELETE", "/rules/7", ""}:                                         404,
		{"DELETE", "/rules/x", ""}:                                         404,
		{"POST", "/rules", `{"fault":"meteor"}`}:                           400,
		{"POST", "/rules", `{"fault":"slow","nonsense":1}`}:                400,
		{"POST", "/autopilot", `[{"decision":"steal"}]`}:                   400,
		{"POST", "/autopilot", `[{"nonsense":1}]`}:                         400,
		{"POST", "/latency", `{"latency":"1ms"}`}:                          200,
		{"POST", "/latency", `{"latency":"fast"}`}:                         400,
		{"POST", "/latency", `{"latency":"-1s"}`}:                          400,
		{"POST", "/outage", `{"duration":"0s"}`}:                           200,
		{"POST", "/outage", `5`}:                                           400,
		{"GET", "/ledger?after=x", ""}:                                     400,
		{"GET", "/payments?limit=-1", ""}:                                  400,
		{"GET", "/payments/T-9", ""}:                                       404,
		{"POST", "/latency", strings.Repeat(" ", simkit.MaxControlBody+1)}: 400,
	} {
		var out any
		if status := r.control(what[0], what[1], what[2], &out); status != want {
			t.Errorf("%v: %d, want %d", what[:2], status, want)
		}
	}
}

func TestNew_Refusals(t *testing.T) {
	t.Parallel()
	good := Merchant{ID: "m", CipherKey: "k", MACKey: "m"}
	cases := map[string]Config{
		"no merchants":         {},
		"a bad id":             {Merchants: []Merchant{{ID: "a*b", CipherKey: "k", MACKey: "m"}}},
		"no MAC key":           {Merchants: []Merchant{{ID: "m", CipherKey: "k"}}},
		"a key for no cipher":  {Merchants: []Merchant{{ID: "m", Cipher: paygate.AES, CipherKey: "k", MACKey: "m"}}},
		"one merchant twice":   {Merchants: []Merchant{good, good}},
		"a negative scale":     {Merchants: []Merchant{good}, TimeScale: -1},
		"a base with a slash":  {Merchants: []Merchant{good}, BaseURL: "http://localhost/"},
		"a base without host":  {Merchants: []Merchant{good}, BaseURL: "localhost"},
		"a negative work crew": {Merchants: []Merchant{good}, NotifyWorkers: -1},
	}
	for name, cfg := range cases {
		if _, err := New(cfg); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s, err := New(Config{Merchants: []Merchant{good}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.SetBaseURL("nowhere"); err == nil {
		t.Error("a bad base was taken")
	}
}
