package ecommpaysim

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/provider/ecommpay/gate"
)

// listingOf is a good request for a day of 2020.
func listingOf() object {
	return object{
		"token": token, "interval": object{"from": "2020-09-22 00:00:00", "to": "2020-09-22 23:59:59"}, "tz": "UTC",
		"project_id": []any{project}, "limit": 1000, "offset": 0,
	}
}

func (r *rig) list(o object) answer {
	r.t.Helper()
	return r.post(listingPath, r.sealedBy(tokenSecret, o, gate.AtTop))
}

// payments are those that a listing tells of.
func (a answer) payments(t *testing.T) string {
	t.Helper()
	if a.status != 200 {
		t.Fatalf("listing: %d %s", a.status, a.raw)
	}
	if _, err := a.Verify(tokenSecret); err != nil {
		t.Fatalf("listing: %v", err)
	}
	var ids []string
	for _, v := range a.Get("operations").Items() {
		id, _ := v.Get("payment_id").Text()
		ids = append(ids, id)
	}
	return strings.Join(ids, " ")
}

// midnight is when the clock of a listing rig begins.
var midnight = time.Date(2020, 9, 22, 0, 0, 0, 0, time.UTC)

// newListingRig has four payouts by hand, an hour apart; each second is another.
func newListingRig(t *testing.T) *rig {
	t.Helper()
	now := midnight
	r := newRig(t, func(c *Config) { c.Now = func() time.Time { return now } })
	for i := range 4 {
		now = midnight.Add(time.Duration(i) * time.Hour)
		if _, err := r.sim.PayByHand(project, fmt.Sprintf("h%d", i), 500, "INR"); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func TestOperations_IntervalZoneAndPages(t *testing.T) {
	t.Parallel()
	r := newListingRig(t)
	tests := map[string]struct {
		change map[string]any
		want   string
	}{
		"a day":                     {nil, "h3 h2 h1 h0"},
		"both ends are in it":       {map[string]any{"interval": object{"from": "2020-09-22 01:00:00", "to": "2020-09-22 02:00:00"}}, "h2 h1"},
		"a second less":             {map[string]any{"interval": object{"from": "2020-09-22 01:00:01", "to": "2020-09-22 01:59:59"}}, ""},
		"told in another zone":      {map[string]any{"tz": "Asia/Kolkata", "interval": object{"from": "2020-09-22 06:30:00", "to": "2020-09-22 07:30:00"}}, "h2 h1"},
		"a page":                    {map[string]any{"limit": 2}, "h3 h2"},
		"the next":                  {map[string]any{"limit": 2, "offset": 2}, "h1 h0"},
		"behind the last":           {map[string]any{"offset": 4}, ""},
		"all projects of the token": {map[string]any{"project_id": nil}, "h3 h2 h1 h0"},
		"no number of operations":   {map[string]any{"limit": nil, "offset": nil}, "h3 h2 h1 h0"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := listingOf()
			for path, v := range tt.change {
				set(o, path, v)
			}
			if got := r.list(o).payments(t); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
	o := set(set(listingOf(), "tz", "Asia/Kolkata"), "limit", 1)
	v := r.list(o).Get("operations").Items()[0]
	for name, want := range map[string]string{
		"project_id": "197", "payment_id": "h3", "operation_created_at": "2020-09-22 08:30:00", "operation_completed_at": "2020-09-22 08:30:00",
	} {
		if got, _ := v.Get(name).Text(); got != want {
			t.Errorf("%s %q, want %q", name, got, want)
		}
	}
}

// What is under way is not listed yet, and what the platform has lost never again.
func TestOperations_OfLives(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	today := set(listingOf(), "interval", object{"from": "2000-01-01 00:00:00", "to": "2100-01-01 00:00:00"})
	r.accepted("held", 10096)
	r.accepted("declined", 10091)
	r.accepted("reversed", 10094)
	r.quiet()
	got := r.list(today).payments(t)
	if strings.Count(got, "reversed") != 2 || strings.Count(got, "declined") != 1 || strings.Contains(got, "held") {
		t.Errorf("listed %q", got)
	}
	if _, err := r.sim.Act(project, "reversed", ActForget, ""); err != nil {
		t.Fatal(err)
	}
	if got := r.list(today).payments(t); got != "declined" {
		t.Errorf("listed %q after one was lost", got)
	}
}

func TestOperations_Refused(t *testing.T) {
	t.Parallel()
	r := newListingRig(t)
	for name, tt := range map[string]struct {
		path string
		v    any
		code string
	}{
		"no token": {"token", nil, codeProject}, "another token": {"token", "x", codeProject},
		"a project of somebody else": {"project_id", []any{otherProject}, codeProject}, "a project as text": {"project_id", []any{"197"}, codeProject},
		"no project": {"project_id", []any{}, codeValidation}, "no zone": {"tz", nil, codeValidation}, "a zone that is none": {"tz", "Delhi", codeValidation},
		"our zone": {"tz", "Local", codeValidation}, "no interval": {"interval", nil, codeValidation},
		"a time with an offset": {"interval.to", "2020-09-22T00:00:00Z", codeValidation}, "backwards": {"interval.to", "2020-09-21 00:00:00", codeValidation},
		"too many": {"limit", 1001, codeValidation}, "none": {"limit", 0, codeValidation}, "from before the first": {"offset", -1, codeValidation},
	} {
		if a := r.list(set(listingOf(), tt.path, tt.v)); a.status != 400 || a.refusal() != tt.code {
			t.Errorf("%s: %d %s, want %s", name, a.status, a.raw, tt.code)
		}
	}
	if a := r.post(listingPath, r.sealed(listingOf(), gate.AtTop)); a.refusal() != codeSignature {
		t.Errorf("signed with the project's secret: %s", a.raw)
	}
	if a := r.post(listingPath, mustJSON(listingOf())); a.refusal() != codeNoSignature {
		t.Errorf("unsigned: %s", a.raw)
	}
}

func TestPayByHand(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var p Payout
	if status := r.control("POST", "/payments/clerk%201/pay-by-hand?project=197&amount=12345", "", &p); status != 200 || p.Stage != StageSuccess || p.Amount != 12345 || p.Currency != "INR" {
		t.Errorf("%d %+v", status, p)
	}
	r.quiet()
	if diff := cmp.Diff([]string{"payout 12345", "success"}, []string{r.ledger("clerk 1"), r.status("clerk 1").text("payment", "status")}); diff != "" || len(r.callbacks()) > 0 {
		t.Errorf("%s, callbacks %v", diff, r.callbacks())
	}
	if _, err := r.sim.PayByHand(project, "clerk 1", 1, "INR"); !errors.Is(err, ErrStage) {
		t.Errorf("a second time: %v", err)
	}
	if a := r.payout(r.request("clerk 1", 10000)); a.refusal() != codeDuplicate {
		t.Errorf("the id is used up: %s", a.raw)
	}
}

func TestConfig_Tokens(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Config){
		"a token without secret":   func(c *Config) { c.Projects[0].TokenSecret = "" },
		"a secret without token":   func(c *Config) { c.Projects[1].TokenSecret = "x" },
		"one token of two secrets": func(c *Config) { c.Projects[1].Token, c.Projects[1].TokenSecret = token, "x" },
	} {
		cfg := testConfig()
		change(&cfg)
		if _, err := New(cfg); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), "Token") {
			t.Errorf("%s: %v", name, err)
		}
	}
	cfg := testConfig()
	cfg.Projects[1].Token, cfg.Projects[1].TokenSecret = token, tokenSecret
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
}
