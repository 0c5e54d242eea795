package ecommpay_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/ecommpay"
	"github.com/payloom/payloom/pkg/provider/ecommpay/ecommpaysim"
	"github.com/payloom/payloom/pkg/provider/ecommpay/gate"
)

const (
	dataToken   = "TESTTOKEN0TESTTOKEN0TESTTOKEN0"
	dataSecret  = "token-secret"
	listingPath = "/v1/operations/get"
)

func withData(cfg ecommpay.Config) ecommpay.Config {
	cfg.Data = ecommpay.DataConfig{BaseURL: cfg.BaseURL + "/v1/", Token: dataToken, Secret: dataSecret}
	return cfg
}

// row is one operation as the Data API tells it.
func row(op int, id string, at time.Time) map[string]any {
	return map[string]any{
		"operation_id": op, "payment_id": id, "project_id": project, "account": "canary-account",
		"operation_created_at": at.Format(time.DateTime), "operation_completed_at": at.Add(time.Second).Format(time.DateTime),
	}
}

func mustList(t *testing.T, secret string, rows ...map[string]any) string {
	t.Helper()
	raw, err := json.Marshal(map[string]any{"operations": append([]map[string]any{}, rows...)})
	if err != nil {
		t.Fatal(err)
	}
	m, err := gate.ParseUpTo(len(raw), raw)
	if err != nil {
		t.Fatal(err)
	}
	body, err := m.Signed(secret, gate.AtTop)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

var listedFrom = time.Date(2020, 9, 22, 0, 0, 0, 0, time.UTC)

// What goes over the wire, and what of the answer is taken.
func TestList_Wire(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.answer(listingPath, 200, mustList(t, dataSecret, row(8, "hand-made", listedFrom.Add(time.Hour)), row(7, payoutID, listedFrom)))
	got, err := mustClient(t, withData(testConfig(d.URL))).List(t.Context(), listedFrom, listedFrom.Add(24*time.Hour-time.Second))
	if err != nil {
		t.Fatal(err)
	}
	want := []provider.Listed{
		{Key: payoutID, Operation: "7", Created: listedFrom, Completed: listedFrom.Add(time.Second)},
		{Key: "hand-made", Operation: "8", Created: listedFrom.Add(time.Hour), Completed: listedFrom.Add(time.Hour + time.Second)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	m, err := gate.Parse([]byte(`{"token":"` + dataToken + `","interval":{"from":"2020-09-22 00:00:00","to":"2020-09-22 23:59:59"},"tz":"UTC","project_id":[197],"limit":1000,"offset":0}`))
	if err != nil {
		t.Fatal(err)
	}
	body, err := m.Signed(dataSecret, gate.AtTop)
	if err != nil {
		t.Fatal(err)
	}
	asks := []asked{{listingPath, "application/json", "application/json", string(body)}}
	if diff := cmp.Diff(asks, d.asked(), cmp.AllowUnexported(asked{})); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

// rows are n operations from number first down, one a second.
func rows(first, n int) (all []map[string]any) {
	for i := range n {
		all = append(all, row(first-i, fmt.Sprintf("P-%d", first-i), listedFrom.Add(time.Duration(first-i)*time.Second)))
	}
	return all
}

// Pages end with a short one. One operation came in between them, so that the second
// page begins with the last of the first.
func TestList_Pages(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.answer(listingPath, 200, mustList(t, dataSecret, rows(2500, 1000)...))
	d.answer(listingPath, 200, mustList(t, dataSecret, rows(1501, 1000)...))
	d.answer(listingPath, 200, mustList(t, dataSecret, rows(501, 501)...))
	got, err := mustClient(t, withData(testConfig(d.URL))).List(t.Context(), listedFrom, listedFrom.Add(time.Hour))
	if err != nil || len(got) != 2500 || got[0].Operation != "1" || got[2499].Operation != "2500" {
		t.Fatalf("%d operations, %v", len(got), err)
	}
	for i, want := range []string{`"offset":0,`, `"offset":1000,`, `"offset":2000,`} {
		if body := d.asked()[i].body; !strings.Contains(body, want) || len(d.asked()) != 3 {
			t.Errorf("request %d of %d: %s", i, len(d.asked()), body)
		}
	}
}

// A listing is whole, or there is none.
func TestList_Fails(t *testing.T) {
	t.Parallel()
	good := row(7, payoutID, listedFrom)
	bad := row(8, "canary-payment", listedFrom)
	delete(bad, "operation_created_at")
	tests := map[string]struct {
		status int
		body   string
		want   string
	}{
		"by another secret":         {200, mustList(t, secret, good), "signature"},
		"unsigned":                  {200, `{"operations":[]}`, "signature"},
		"changed on its way":        {200, strings.Replace(mustList(t, dataSecret, good), payoutID, "other", 1), "signature"},
		"no JSON":                   {200, "canary", "cannot be read"},
		"an operation without time": {200, mustList(t, dataSecret, good, bad), "operation 1: operation_created_at is missing"},
		"refused":                   {200, errorBody("3261"), "(code 3261)"},
		"refused by status":         {400, errorBody("2442"), "(code 2442)"},
		"away":                      {503, "canary", "listing"},
		"too long":                  {200, mustList(t, dataSecret, map[string]any{"x": strings.Repeat("x", 8<<20)}), "listing"},
		"the same page for ever":    {200, mustList(t, dataSecret, rows(1000, 1000)...), "the same page came again"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			d.answer(listingPath, tt.status, tt.body)
			got, err := mustClient(t, withData(testConfig(d.URL))).List(t.Context(), listedFrom, listedFrom.Add(time.Hour))
			if err == nil || !strings.Contains(err.Error(), tt.want) || got != nil {
				t.Fatalf("%d operations, %v; want %q", len(got), err, tt.want)
			}
			if text := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(text, "canary") || strings.Contains(text, dataSecret) || strings.Contains(text, dataToken) {
				t.Errorf("it shows too much: %s", text)
			}
		})
	}
}

func TestList_WithoutRight(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	client := mustClient(t, testConfig(d.URL))
	if _, err := client.List(t.Context(), listedFrom, listedFrom); !errors.Is(err, provider.ErrUnsupported) || len(d.asked()) > 0 {
		t.Errorf("%d requests, %v", len(d.asked()), err)
	}
	if got := client.Place(); got != "project 197" {
		t.Errorf("place %q", got)
	}
}

// A listing of the simulator, longer than a page, with an operation by hand among ours.
func TestList_OfSimulator(t *testing.T) {
	t.Parallel()
	all := &shops{public: map[string]string{}, change: func(c *ecommpaysim.Config) {
		c.Projects[0].Token, c.Projects[0].TokenSecret = dataToken, dataSecret
	}}
	g := all.start(t)
	began := time.Now()
	for i := range 1001 {
		if _, err := g.sim.PayByHand(project, fmt.Sprintf("by-hand-%d", i), 500, "INR"); err != nil {
			t.Fatal(err)
		}
	}
	client := mustClient(t, withData(all.config(g.URL())))
	got, err := client.List(t.Context(), began.Add(-time.Second), time.Now())
	if err != nil || len(got) != 1001 {
		t.Fatalf("%d operations, %v", len(got), err)
	}
	if early, err := client.List(t.Context(), began.Add(-time.Hour), began.Add(-time.Minute)); err != nil || len(early) > 0 {
		t.Errorf("before: %d operations, %v", len(early), err)
	}
	sight, err := client.Look(t.Context(), "by-hand-7")
	if err != nil || sight != (provider.Sight{Standing: provider.StandingPaid, Amount: payment.Money{Minor: 500, Currency: "INR"}}) {
		t.Errorf("sight %+v, %v", sight, err)
	}
	if _, err := g.sim.AddRule(ecommpaysim.Rule{Operation: ecommpaysim.OpOperations, Fault: ecommpaysim.FaultForbidden}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.List(t.Context(), began, time.Now()); !errors.Is(err, provider.ErrConfiguration) {
		t.Errorf("forbidden: %v", err)
	}
}

func TestLook_Standings(t *testing.T) {
	t.Parallel()
	declined := newStory("decline").with(op(1, "payout", "decline", "20000"))
	tests := map[string]struct {
		body string
		want provider.Standing
	}{
		"paid":                  {paid().sealed(t), provider.StandingPaid},
		"under way":             {newStory("processing").sealed(t), provider.StandingPending},
		"declined":              {declined.sealed(t), provider.StandingDeclined},
		"refused":               {newStory("error").fault("502").sealed(t), provider.StandingFailed},
		"taken back":            {newStory("reversed").sealed(t), provider.StandingReversed},
		"in part":               {newStory("partially paid out").sealed(t), provider.StandingUnclear},
		"a repeat that is none": {newStory("error").fault("3041").sealed(t), provider.StandingUnclear},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			d.answer(statusPath, http.StatusOK, tt.body)
			got, err := mustClient(t, testConfig(d.URL)).Look(t.Context(), payoutID)
			if err != nil || got != (provider.Sight{Standing: tt.want, Amount: payment.Money{Minor: 10000, Currency: "INR"}}) {
				t.Errorf("%+v, %v", got, err)
			}
			if _, err := mustClient(t, testConfig(d.URL)).Look(t.Context(), "another"); provider.FailureOf(err) != provider.Unknown || err == nil {
				t.Errorf("an answer about another payment: %v", err)
			}
		})
	}
	d := newDesk(t)
	d.answer(statusPath, http.StatusOK, errorBody("3061"))
	if _, err := mustClient(t, testConfig(d.URL)).Look(t.Context(), payoutID); !errors.Is(err, provider.ErrNotFound) {
		t.Errorf("nothing there: %v", err)
	}
	before := len(d.asked())
	if _, err := mustClient(t, testConfig(d.URL)).Look(t.Context(), "a;b"); err == nil || len(d.asked()) != before {
		t.Errorf("a semicolon was sent: %v", err)
	}
}
