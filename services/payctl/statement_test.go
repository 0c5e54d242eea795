package main

import (
	"encoding/csv"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider/ecommpay/ecommpaysim"
	"github.com/payloom/payloom/services/internal/statement"
)

const (
	dataToken  = "DATATOKENOFNOBODY0000000000001"
	dataSecret = "data-secret-of-nobody"
)

// dashboard is ECommPay with a project, beside rows and a broker.
type dashboard struct {
	*counted
	sim *ecommpaysim.Simulator
	url string
}

func newDashboard(t *testing.T) *dashboard {
	t.Helper()
	sim, err := ecommpaysim.New(ecommpaysim.Config{
		Projects: []ecommpaysim.Project{{ID: 818, Secret: "project-secret", Token: dataToken, TokenSecret: dataSecret}}, RelaxURLs: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	t.Cleanup(func() { sim.Close(); server.Close() })
	d := &dashboard{counted: newCounted(t), sim: sim, url: server.URL}
	d.accounts(`{project_id: 818, data_endpoint: "`+d.url+`/v1"}`, `data_token: [{id: "1", ref: "file:token"}], data_secret: [{id: "1", ref: "file:data"}]`)
	return d
}

// accounts writes the file of accounts.
func (d *dashboard) accounts(settings, secrets string) {
	d.t.Helper()
	dir := d.t.TempDir()
	for name, text := range map[string]string{"secret": "project-secret", "token": dataToken, "data": dataSecret, "accounts.yaml": strings.ReplaceAll(`
merchants:
  - id: demo
    accounts:
      - name: in
        provider: ecommpay
        endpoint: "`+d.url+`"
        callback_key: aaaaaaaaaaaaaaaaaaaa
        settings: `+settings+`
        secrets: {secret: [{id: "1", ref: "file:secret"}], `+secrets+`}
`, "file:", "file:"+dir+"/")} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			d.t.Fatal(err)
		}
	}
	d.env["PAYLOOM_ACCOUNTS"] = filepath.Join(dir, "accounts.yaml")
}

// both has a payout done here and at the platform.
func (d *dashboard) both(id string) {
	d.t.Helper()
	d.byHand(id)
	c := payment.Command{
		Merchant: "demo", ReqID: payment.ReqID("pay-" + id), Payment: payment.ID(id), Provider: payment.ECommPay, Kind: payment.Payout,
		Amount: payment.Money{Minor: 1000, Currency: "INR"}, Beneficiary: &payment.Beneficiary{
			CustomerID: "1", IPAddress: "192.0.2.1", FirstName: "A", LastName: "B", Email: "a@example.com", Address: "C", AccountNumber: "9100000000",
		},
	}
	c.ID = payment.DeriveCommandID(c.Merchant, c.ReqID)
	if _, _, err := d.bus.Accept(d.t.Context(), c); err != nil {
		d.t.Fatal(err)
	}
	var head payment.Head
	for _, data := range []payment.EventData{
		payment.AttemptStarted{Kind: c.Kind, Amount: c.Amount, Attempt: 1, Key: id, Account: "in", Terms: &payment.Terms{}},
		payment.OperationSucceeded{Ref: "1", Amount: 1000},
	} {
		e := payment.Event{Payment: c.Payment, Merchant: c.Merchant, Provider: c.Provider, Command: c.ID, At: time.Now().UTC(), Source: payment.FromWorker, Data: data}
		var err error
		if head, err = d.bus.Append(d.t.Context(), head, e); err != nil {
			d.t.Fatal(err)
		}
	}
}

func (d *dashboard) byHand(id string) {
	d.t.Helper()
	if _, err := d.sim.PayByHand(818, id, 1000, "INR"); err != nil {
		d.t.Fatal(err)
	}
}

// statement runs the command with nothing left to settle.
func (d *dashboard) statement(args ...string) printed {
	d.t.Helper()
	got := payctl(d.t, d.env, "", append([]string{"reconcile", "statement", "--provider", "ecommpay", "--settle", "1ns"}, args...)...)
	for _, leak := range []string{dataToken, dataSecret, "project-secret", "9100000000", "203.0.113.250", "dashboard"} {
		if strings.Contains(got.out+got.err, leak) {
			d.t.Errorf("it shows %s:\n%s%s", leak, got.out, got.err)
		}
	}
	return got
}

// TestStatement_ByHand: a payout from the Dashboard is found and ours is not, and one
// of ours that the platform has lost is missed.
func TestStatement_ByHand(t *testing.T) {
	t.Parallel()
	d := newDashboard(t)
	d.both("out-1")
	d.both("out-2")
	d.until(2, "SELECT count(*) FROM payments WHERE state = 'paid'")
	d.until(2, "SELECT count(*) FROM commands")
	if got := d.statement(); got.code != 0 || !strings.Contains(got.out, "nothing differs") || !strings.Contains(got.out, "project 818  demo/in") {
		t.Errorf("exit code %d: %s%s", got.code, got.out, got.err)
	}

	d.byHand("=clerk 7")
	if got := d.statement("--account", "demo/in"); got.code != 1 || strings.Count(got.out, "missing_here") != 1 || !strings.Contains(got.out, `"=clerk 7"`) || !strings.Contains(got.out, "10.00 INR") {
		t.Errorf("exit code %d: %s%s", got.code, got.out, got.err)
	}
	if _, err := d.sim.Act(818, "out-2", ecommpaysim.ActForget, ""); err != nil {
		t.Fatal(err)
	}
	var s statement.Report
	got := d.statement("--json")
	if err := json.Unmarshal([]byte(got.out), &s); err != nil || got.code != 1 || len(s.Findings) != 2 || len(s.Places) != 1 {
		t.Fatalf("exit code %d, %v: %s%s", got.code, err, got.out, got.err)
	}
	for _, f := range s.Findings {
		mine := f.Key == "out-2" && f.Kind == statement.MissingThere && f.Merchant == "demo" && f.Account == "in" && f.Ours == "paid" && f.Theirs == statement.Absent
		foreign := f.Key == "=clerk 7" && f.Kind == statement.MissingHere && f.Theirs == "paid" && len(f.Operations) == 1 && f.Completed != nil
		if mine == foreign || f.Amount != 1000 || f.Currency != "INR" {
			t.Errorf("%+v", f)
		}
	}
	if n := s.Places[0]; n.Operations != 2 || n.Payments != 2 || n.Ours != 1 || n.Held != 2 || n.Settling != 0 {
		t.Errorf("%+v", n)
	}
	got = d.statement("--format", "csv")
	lines, err := csv.NewReader(strings.NewReader(got.out)).ReadAll()
	if err != nil || len(lines) != 3 || lines[1][4]+lines[2][4] != "out-2'=clerk 7" && lines[1][4]+lines[2][4] != "'=clerk 7out-2" {
		t.Errorf("%v %q", err, lines)
	}
	// Nothing was corrected, and by then everything is too young to tell.
	d.until(2, "SELECT count(*) FROM payments WHERE state = 'paid'")
	if got := payctl(t, d.env, "", "reconcile", "statement", "--provider", "ecommpay"); got.code != 0 {
		t.Errorf("within the time to settle: exit code %d: %s%s", got.code, got.out, got.err)
	}
	early := d.statement("--from", time.Now().Add(-2*time.Hour).Format(time.RFC3339), "--to", time.Now().Add(-time.Hour).Format(time.RFC3339))
	if early.code != 0 || !strings.Contains(early.out, "nothing differs") {
		t.Errorf("an hour before: exit code %d: %s%s", early.code, early.out, early.err)
	}
}

func TestStatement_Refuses(t *testing.T) {
	t.Parallel()
	d := newDashboard(t)
	tests := map[string]struct {
		args []string
		code int
		hint string
	}{
		"no provider":           {nil, 2, "--provider"},
		"no such provider":      {[]string{"--provider", "x"}, 2, "none of"},
		"Computop":              {[]string{"--provider", "computop"}, 2, "computop shows its books by id only"},
		"Axerve":                {[]string{"--provider", "axerve"}, 2, "axerve shows its books by id only"},
		"no time":               {[]string{"--provider", "ecommpay", "--since", "0s"}, 2, "--since"},
		"two kinds of interval": {[]string{"--provider", "ecommpay", "--since", "1h", "--from", "2026-05-03T00:00:00Z"}, 2, "take one of both"},
		"an end alone":          {[]string{"--provider", "ecommpay", "--to", "2026-05-03T00:00:00Z"}, 2, "--from"},
		"a day":                 {[]string{"--provider", "ecommpay", "--from", "2026-05-03"}, 2, "is no time"},
		"backwards":             {[]string{"--provider", "ecommpay", "--from", "2026-05-03T00:00:00Z", "--to", "2026-05-02T00:00:00Z"}, 2, "is not before"},
		"no settling":           {[]string{"--provider", "ecommpay", "--settle", "0s"}, 2, "--settle"},
		"no pace":               {[]string{"--provider", "ecommpay", "--per-second", "0"}, 2, "--per-second"},
		"no such format":        {[]string{"--provider", "ecommpay", "--format", "xls"}, 2, "--format"},
		"no such account":       {[]string{"--provider", "ecommpay", "--account", "x"}, 1, "no account to list"},
		"another's account":     {[]string{"--provider", "ecommpay", "--account", "other/in"}, 1, "no account to list"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := payctl(t, d.env, "", append([]string{"reconcile", "statement"}, tt.args...)...); got.code != tt.code || !strings.Contains(got.err, tt.hint) {
				t.Errorf("exit code %d: %s%s", got.code, got.out, got.err)
			}
		})
	}
}

// TestStatement_Rights: without a token nothing is listed, half of one is a mistake in
// the file, and a wrong secret is no empty listing.
func TestStatement_Rights(t *testing.T) {
	t.Parallel()
	d := newDashboard(t)
	d.accounts(`{project_id: 818}`, "")
	if got := d.statement(); got.code != 1 || !strings.Contains(got.err, "no account to list operations of at ecommpay") {
		t.Errorf("no token: exit code %d: %s%s", got.code, got.out, got.err)
	}
	d.accounts(`{project_id: 818, data_endpoint: "`+d.url+`/v1"}`, `data_token: [{id: "1", ref: "file:token"}]`)
	if got := d.statement(); got.code != 1 || !strings.Contains(got.err, "Data.Secret is empty") {
		t.Errorf("half of it: exit code %d: %s%s", got.code, got.out, got.err)
	}
	if got := payctl(t, d.env, "", "accounts", "check"); got.code != 1 || !strings.Contains(got.out, "Data.Secret is empty") {
		t.Errorf("accounts check: exit code %d: %s%s", got.code, got.out, got.err)
	}
	d.accounts(`{project_id: 818, data_endpoint: "`+d.url+`/v1"}`, `data_token: [{id: "1", ref: "file:token"}], data_secret: [{id: "1", ref: "file:secret"}]`)
	if got := d.statement(); got.code != 1 || !strings.Contains(got.err, "project 818: operations from 0 on") || !strings.Contains(got.err, "3261") {
		t.Errorf("a wrong secret: exit code %d: %s%s", got.code, got.out, got.err)
	}
}
