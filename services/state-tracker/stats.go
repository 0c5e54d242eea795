package main

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/services/state-tracker/internal/store"
)

const (
	// maxStatsRange is the longest time that is counted at once.
	maxStatsRange = 400 * 24 * time.Hour
	// defaultStatsRange is counted when nobody says from when.
	defaultStatsRange = 30 * 24 * time.Hour
	// maxStatsRows is how many groups an answer holds at most.
	maxStatsRows = 10_000
	// statsTime is what the database may take.
	statsTime = 10 * time.Second
)

// counted are statistics.
type counted struct {
	From  time.Time     `json:"from"`
	To    time.Time     `json:"to"`
	Group []string      `json:"group"`
	Rows  []store.Stats `json:"rows"`
}

func (a *api) stats(ctx context.Context, m payment.Merchant, r *http.Request) (answer, error) {
	q := readParams(r)
	f := store.StatsFilter{
		Provider: q.oneOf("provider", providerNames()), Currency: q.currency(), Groups: q.groups(), Limit: maxStatsRows,
	}
	f.From, f.To = q.period(time.Now())
	if err := q.problem(); err != nil {
		return answer{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, statsTime)
	defer cancel()
	rows, more, err := a.rows.Stats(ctx, m, f)
	if err != nil {
		return answer{}, err
	}
	if more {
		q.blame("group", "too_many", "gives more than %d groups: take fewer, or a shorter time", maxStatsRows)
		return answer{}, q.problem()
	}
	return answer{body: counted{f.From, f.To, f.Groups, append([]store.Stats{}, rows...)}}, nil
}

// groups reads what statistics are told apart by. The currency always is among it:
// amounts in several are never added up.
func (p *params) groups() []string {
	text := p.text("group")
	if text == "" {
		text = strings.Join([]string{store.ByDay, store.ByProvider}, ",")
	}
	wanted := strings.Split(text, ",")
	for _, g := range wanted {
		if !slices.Contains(store.Groups(), g) {
			p.blame("group", "unknown", "must be some of %s, with commas between", strings.Join(store.Groups(), ", "))
			return nil
		}
	}
	return slices.DeleteFunc(store.Groups(), func(g string) bool { return g != store.ByCurrency && !slices.Contains(wanted, g) })
}

// period reads from and to: the last thirty days, unless told otherwise.
func (p *params) period(now time.Time) (from, to time.Time) {
	wrong := len(p.wrong)
	from, to = p.moment("from"), p.moment("to")
	if to.IsZero() {
		to = now.UTC().Truncate(time.Microsecond)
	}
	if from.IsZero() {
		from = to.Add(-defaultStatsRange)
	}
	switch {
	case len(p.wrong) > wrong: // what stands in their place must not be blamed
	case !from.Before(to):
		p.blame("from", "out_of_range", "must be before to")
	case to.Sub(from) > maxStatsRange:
		p.blame("from", "out_of_range", "must be at most %d days before to", int(maxStatsRange.Hours()/24))
	}
	return from.UTC(), to.UTC()
}
