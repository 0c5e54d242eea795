package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/services/state-tracker/internal/store"
)

func (s *shelf) stats(t *testing.T, query string) counted {
	t.Helper()
	var c counted
	s.mustGet(t, "/v1/stats?"+query, &c)
	return c
}

// inMay are the days on which the tests' payments are.
const inMay = "from=2026-05-01T00:00:00Z&to=2026-06-01T00:00:00Z"

func TestStats_CountsWhatBecameOfPayments(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	var rows []row
	for i, state := range states() {
		r := sale(i)
		r.state, r.amount, r.authorized, r.captured, r.refunded = state, 1000, 1000, 600, 200
		rows = append(rows, r)
	}
	paid := sale(99)
	paid.kind, paid.provider, paid.state, paid.currency, paid.captured = payment.Payout, payment.ECommPay, "paid", "INR", 150000
	other := sale(100)
	other.merchant = "other"
	rows = append(rows, paid, other)
	put(t, s.pool, len(rows), func(i int) row { return rows[i] })
	got := s.stats(t, inMay+"&group=currency")
	rate := func(n json.Number) *json.Number { return &n }
	currency := func(c string) *string { return &c }
	want := []store.Stats{
		{
			Currency: currency("EUR"), Payments: 18, Approved: 9, Declined: 1, Failed: 1, Expired: 1, Rejected: 1, Open: 5,
			Authorized: "18000", Captured: "10800", Refunded: "3600", PaidOut: "0", ApprovalRate: rate("0.8182"), DeclineRate: rate("0.0909"),
		},
		{
			Currency: currency("INR"), Payments: 1, Approved: 1, Authorized: "0", Captured: "0", Refunded: "0", PaidOut: "150000",
			ApprovalRate: rate("1.0000"), DeclineRate: rate("0.0000"),
		},
	}
	if diff := cmp.Diff(want, got.Rows); diff != "" {
		t.Errorf("statistics (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"currency"}, got.Group); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
}

func TestStats_AreExactHoweverLarge(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	put(t, s.pool, 3, func(i int) row {
		r := sale(i)
		r.authorized = 1<<63 - 1
		return r
	})
	got := s.stats(t, inMay+"&group=kind").Rows
	if len(got) != 1 || got[0].Authorized != "27670116110564327421" {
		t.Errorf("three times the largest int64 is %v", got)
	}
}

func TestStats_NothingDecidedHasNoRate(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	put(t, s.pool, 1, func(i int) row {
		r := sale(i)
		r.state = "processing"
		return r
	})
	r := s.get(t, reader, "/v1/stats?"+inMay)
	if r.status != http.StatusOK || strings.Contains(string(r.body), "rate") {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestStats_Periods(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	now := time.Now()
	put(t, s.pool, 3, func(i int) row {
		r := sale(i)
		r.at = now.AddDate(0, 0, -20*i-1) // 1, 21 and 41 days ago
		return r
	})
	for query, want := range map[string]int64{
		"group=provider": 2, "group=provider&from=" + now.AddDate(0, 0, -50).UTC().Format(time.RFC3339): 3,
		"group=provider&to=" + now.AddDate(0, 0, -15).UTC().Format(time.RFC3339): 2,
	} {
		if got := s.stats(t, query).Rows; len(got) != 1 || got[0].Payments != want {
			t.Errorf("%s: %+v, want %d payments", query, got, want)
		}
	}
	for query, want := range map[string]string{
		"from=2025-01-01T00:00:00Z&to=2026-02-05T00:00:00Z":           "",
		"from=2025-01-01T00:00:00Z&to=2026-02-05T00:00:01Z":           "from out_of_range",
		"from=2026-02-05T00:00:00Z&to=2026-02-05T00:00:00Z":           "from out_of_range",
		"from=2020-01-01T00:00:00Z&to=soon":                           "to malformed",
		"group=day,month":                                             "group unknown",
		"group=day,,kind":                                             "group unknown",
		"currency=EURO&provider=bank&state=captured&group=kind,month": "currency unknown,group unknown,provider unknown,state unknown",
	} {
		r := s.get(t, reader, "/v1/stats?"+query)
		var p struct {
			Errors []struct{ Field, Code string }
		}
		if err := json.Unmarshal(r.body, &p); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range p.Errors {
			got = append(got, e.Field+" "+e.Code)
		}
		if strings.Join(got, ",") != want || (want == "") != (r.status == http.StatusOK) {
			t.Errorf("%s: %d %v, want %q", query, r.status, got, want)
		}
	}
}

// drawRow draws a payment; its amounts are such as no fold would check.
func drawRow(t *rapid.T, i int) row {
	n := func(name string) int64 { return rapid.Int64Range(0, 1<<40).Draw(t, name) }
	return row{
		merchant: rapid.SampledFrom([]string{"demo", "demo", "demo", "other"}).Draw(t, "merchant"), id: fmt.Sprintf("p%d", i),
		kind:     rapid.SampledFrom([]payment.Kind{payment.Authorize, payment.Payout, ""}).Draw(t, "kind"),
		provider: rapid.SampledFrom(payment.Providers()).Draw(t, "provider"), state: rapid.SampledFrom(states()).Draw(t, "state"),
		currency: rapid.SampledFrom([]string{"EUR", "USD", "JPY", ""}).Draw(t, "currency"),
		amount:   n("amount"), authorized: n("authorized"), captured: n("captured"), refunded: n("refunded"),
		at:      may.Add(time.Duration(rapid.Int64Range(-int64(100*time.Hour), int64(100*time.Hour)).Draw(t, "at"))).Truncate(time.Microsecond),
		command: fmt.Sprintf("c%d", i),
	}
}

// tally is what a group adds up to, told in another way than the query's.
type tally struct {
	counts map[string]int64
	sums   map[string]*big.Int
}

func newTally() *tally {
	y := &tally{counts: map[string]int64{}, sums: map[string]*big.Int{}}
	for _, name := range []string{"authorized", "captured", "refunded", "paid_out"} {
		y.sums[name] = new(big.Int)
	}
	return y
}

func (y *tally) add(r row) {
	y.counts["payments"]++
	switch payment.State(r.state) {
	case payment.StateDeclined, payment.StateFailed, payment.StateExpired, payment.StateRejected:
		y.counts[r.state]++
	case "accepted", "new", payment.StateProcessing, payment.StateRequiresAction, payment.StatePending:
		y.counts["open"]++
	default:
		y.counts["approved"]++
	}
	plus := func(name string, n int64) { y.sums[name].Add(y.sums[name], big.NewInt(n)) }
	if r.kind == payment.Payout {
		plus("paid_out", r.captured)
		return
	}
	plus("authorized", r.authorized)
	plus("captured", r.captured)
	plus("refunded", r.refunded)
}

// rate returns n of what was decided with four decimals, half up; "" for none.
func (y *tally) rate(n int64) string {
	decided := y.counts["approved"] + y.counts["declined"] + y.counts["failed"]
	if decided == 0 {
		return ""
	}
	scaled := (2*n*10_000 + decided) / (2 * decided)
	return fmt.Sprintf("%d.%04d", scaled/10_000, scaled%10_000)
}

// tell writes a tally as the API's numbers are written by told.
func (y *tally) tell(key string) string {
	c, s := y.counts, y.sums
	return fmt.Sprintf("%s: %d = %d %d %d %d %d %d; %v %v %v %v; %s %s", key, c["payments"], c["approved"], c["declined"], c["failed"],
		c["expired"], c["rejected"], c["open"], s["authorized"], s["captured"], s["refunded"], s["paid_out"], y.rate(c["approved"]), y.rate(c["declined"]))
}

func tellStats(s store.Stats) string {
	var key []string
	for _, part := range []*string{s.Day, s.Provider, s.Currency, s.Kind} {
		if part != nil {
			key = append(key, *part)
		}
	}
	rate := func(n *json.Number) string {
		if n == nil {
			return ""
		}
		return n.String()
	}
	return fmt.Sprintf("%s: %d = %d %d %d %d %d %d; %v %v %v %v; %s %s", strings.Join(key, "/"), s.Payments, s.Approved, s.Declined, s.Failed,
		s.Expired, s.Rejected, s.Open, s.Authorized, s.Captured, s.Refunded, s.PaidOut, rate(s.ApprovalRate), rate(s.DeclineRate))
}

// request is a question and which rows it is about.
type request struct {
	from, to           time.Time
	provider, currency string
	groups             []string
}

func drawRequest(t *rapid.T) request {
	q := request{
		from:     may.Add(time.Duration(rapid.IntRange(-110, 50).Draw(t, "from")) * time.Hour),
		provider: rapid.SampledFrom([]string{"", "", "computop", "axerve"}).Draw(t, "which provider"),
		currency: rapid.SampledFrom([]string{"", "", "EUR", "JPY"}).Draw(t, "which currency"),
		groups:   rapid.SliceOfNDistinct(rapid.SampledFrom(store.Groups()), 1, 4, rapid.ID[string]).Draw(t, "groups"),
	}
	q.to = q.from.Add(time.Duration(rapid.IntRange(1, 200).Draw(t, "hours")) * time.Hour)
	return q
}

func (q request) query() string {
	text := fmt.Sprintf("from=%s&to=%s&group=%s", q.from.Format(time.RFC3339), q.to.Format(time.RFC3339), strings.Join(q.groups, ","))
	if q.provider != "" {
		text += "&provider=" + q.provider
	}
	if q.currency != "" {
		text += "&currency=" + q.currency
	}
	return text
}

func (q request) asksFor(r row) bool {
	return r.merchant == "demo" && !r.at.Before(q.from) && r.at.Before(q.to) &&
		(q.provider == "" || q.provider == string(r.provider)) && (q.currency == "" || q.currency == r.currency)
}

// key returns the group of a row; currencies are never mixed.
func (q request) key(r row) string {
	var parts []string
	for _, g := range []struct{ name, value string }{
		{"day", r.at.UTC().Format(time.DateOnly)}, {"provider", string(r.provider)}, {"currency", r.currency}, {"kind", string(r.kind)},
	} {
		if g.name == "currency" || slices.Contains(q.groups, g.name) {
			parts = append(parts, g.value)
		}
	}
	return strings.Join(parts, "/")
}

func (q request) answer(rows []row) []string {
	tallies := map[string]*tally{}
	for _, r := range rows {
		if !q.asksFor(r) {
			continue
		}
		k := q.key(r)
		if tallies[k] == nil {
			tallies[k] = newTally()
		}
		tallies[k].add(r)
	}
	all := []string{}
	for _, k := range slices.Sorted(maps.Keys(tallies)) {
		all = append(all, tallies[k].tell(k))
	}
	return all
}

// The query's answers are what counting by hand gives, for any payments and any
// question.
func TestStats_AreWhatCountingByHandGives(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	rapid.Check(t, func(rt *rapid.T) {
		if _, err := s.pool.Exec(t.Context(), "TRUNCATE payments, operations"); err != nil {
			rt.Fatal(err)
		}
		rows := make([]row, rapid.IntRange(0, 60).Draw(rt, "payments"))
		for i := range rows {
			rows[i] = drawRow(rt, i)
		}
		put(t, s.pool, len(rows), func(i int) row { return rows[i] })
		for range 3 {
			q := drawRequest(rt)
			got := []string{}
			for _, line := range s.stats(t, q.query()).Rows {
				got = append(got, tellStats(line))
			}
			if diff := cmp.Diff(q.answer(rows), got); diff != "" {
				rt.Fatalf("%s (-by hand +answer):\n%s", q.query(), diff)
			}
		}
	})
}

// An export with the same conditions adds up to the same.
func TestStats_AgreeWithTheExport(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	const n = 5000
	put(t, s.pool, n, func(i int) row {
		r := sale(i)
		r.state, r.at = states()[i%len(states())], may.Add(time.Duration(i)*5*time.Minute)
		return r
	})
	_, lines := s.mustTable(t, inMay+"&currency=EUR")
	var payments, captured int64
	for _, line := range lines {
		var minor int64
		if _, err := fmt.Sscan(line["captured_minor"], &minor); err != nil {
			t.Fatal(err)
		}
		payments, captured = payments+1, captured+minor
	}
	got := s.stats(t, inMay+"&currency=EUR&group=provider").Rows
	if len(got) != 1 || got[0].Payments != payments || got[0].Captured.String() != fmt.Sprint(captured) || payments != n {
		t.Errorf("the export has %d payments with %d captured, the statistics say %+v", payments, captured, got)
	}
}
