package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/protection"
	"github.com/payloom/payloom/services/payctl/internal/console"
)

func (a *app) providerStatusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Whether providers and accounts are called, and what waits for them",
		Long: `Status shows every provider, and every account that anything is known of: what an operator
has paused and why, its circuit breaker, what is left of its limit, and how much is waiting.

BACKLOG counts commands that the broker has not handed out or has out, of a whole provider.
WAITING are commands that were accepted and not begun, IN FLIGHT operations that were begun and
have no outcome; they need the database, as does OLDEST, the age of the oldest of the two.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.brief(cmd.Context(), a.providerStatus) },
	}
}

// standing is how a provider, or an account at one, stands.
type standing struct {
	protection.Account
	Mode    protection.Mode  `json:"mode"`
	Since   *time.Time       `json:"since,omitempty"`
	By      string           `json:"by,omitempty"`
	Reason  string           `json:"reason,omitempty"`
	Breaker protection.State `json:"breaker,omitempty"` // of an account
	Cause   protection.Cause `json:"breaker_cause,omitempty"`
	RetryAt *time.Time       `json:"breaker_retry_at,omitempty"`
	Tokens  *float64         `json:"tokens,omitempty"`  // when some were last taken
	Backlog *uint64          `json:"backlog,omitempty"` // of a whole provider
	Waiting *int             `json:"waiting,omitempty"` // nil: not known
	Flight  *int             `json:"in_flight,omitempty"`
	OldestS *float64         `json:"oldest_s,omitempty"`
}

func (a *app) providerStatus(ctx context.Context) error {
	b, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	shared, err := b.Shared(ctx)
	if err != nil {
		return err
	}
	values, err := shared.All(ctx, []string{">"})
	if err != nil {
		return err
	}
	open, err := a.openOperations(ctx)
	if err != nil {
		return err
	}
	backlog, err := backlogs(ctx, b)
	if err != nil {
		return err
	}
	all, err := standings(values, open, backlog, a.rowsAreKnown())
	if err != nil {
		return err
	}
	if a.asJSON {
		return a.console.Object(map[string]any{"providers": all})
	}
	a.printStandings(all)
	return nil
}

// rowsAreKnown tells whether there is a database to ask.
func (a *app) rowsAreKnown() bool {
	_, err := a.databaseURL()
	return err == nil
}

func (a *app) openOperations(ctx context.Context) ([]flight, error) {
	if !a.rowsAreKnown() {
		return nil, nil
	}
	pool, err := a.database(ctx)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	return inFlight(ctx, pool)
}

// flight counts the operations of an account that are not at their end.
type flight struct {
	protection.Account
	Waiting  int // accepted, and not begun
	InFlight int // begun, and not known how it ended
	Oldest   time.Duration
}

// inFlight counts what waits for a worker, by account. A command that was never
// begun belongs to no account yet.
func inFlight(ctx context.Context, pool *pgxpool.Pool) ([]flight, error) {
	rows, err := pool.Query(ctx, `SELECT o.provider, CASE WHEN p.account = '' THEN '' ELSE o.merchant END, p.account,
			count(*) FILTER (WHERE o.status = 'accepted'), count(*) FILTER (WHERE o.status <> 'accepted'),
			extract(epoch FROM now() - min(coalesce(o.accepted_at, o.at)))::float8
		FROM operations o JOIN payments p USING (merchant, payment_id)
		WHERE o.status IN ('accepted', 'open', 'unknown', 'waiting') GROUP BY 1, 2, 3`)
	if err != nil {
		return nil, fmt.Errorf("count open operations: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (f flight, err error) {
		var seconds float64
		err = row.Scan(&f.Provider, &f.Merchant, &f.Name, &f.Waiting, &f.InFlight, &seconds)
		f.Oldest = time.Duration(seconds * float64(time.Second)).Round(time.Second)
		return f, err
	})
}

// backlogs counts, by provider, what the broker has for its workers.
func backlogs(ctx context.Context, b *bus.Bus) (map[payment.Provider]uint64, error) {
	s, err := b.Survey(ctx)
	if err != nil {
		return nil, err
	}
	all := map[payment.Provider]uint64{}
	for _, p := range payment.Providers() {
		for _, c := range s.Consumers {
			if c.Name == "worker-"+string(p) {
				all[p] += c.Pending + uint64(max(c.Unacknowledged, 0))
			}
		}
	}
	return all, nil
}

// standings puts together what is known of every provider and account. Without
// rows nobody knows what is in flight.
func standings(values map[string][]byte, open []flight, backlog map[payment.Provider]uint64, rows bool) ([]standing, error) {
	by := map[protection.Account]*standing{}
	of := func(a protection.Account) *standing {
		if by[a] == nil {
			by[a] = &standing{Account: a, Mode: protection.Running}
			if !a.Whole() {
				by[a].Breaker = protection.Closed
			}
			if rows {
				by[a].Waiting, by[a].Flight, by[a].OldestS = new(int), new(int), new(float64)
			}
		}
		return by[a]
	}
	for _, p := range payment.Providers() {
		n := backlog[p]
		of(protection.Account{Provider: p}).Backlog = &n
	}
	for key, data := range values {
		record, account, ok := protection.ParseKey(key)
		if !ok {
			continue
		}
		if err := of(account).learn(record, data); err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
	}
	for _, f := range open {
		of(protection.Account{Provider: f.Provider}).add(f)
		if !f.Whole() {
			of(f.Account).add(f)
		}
	}
	var all []standing
	byName := func(a, b protection.Account) int { return strings.Compare(a.String(), b.String()) }
	for _, a := range slices.SortedFunc(maps.Keys(by), byName) {
		all = append(all, *by[a])
	}
	return all, nil
}

func (s *standing) add(f flight) {
	*s.Waiting += f.Waiting
	*s.Flight += f.InFlight
	*s.OldestS = max(*s.OldestS, f.Oldest.Seconds())
}

func (s *standing) learn(r protection.Record, data []byte) error {
	switch r {
	case protection.SwitchRecord:
		var v protection.Switch
		if err := json.Unmarshal(data, &v); err != nil {
			return err
		}
		s.Mode, s.By, s.Reason, s.Since = v.Mode, v.By, v.Reason, &v.Since
	case protection.BreakerRecord:
		var v protection.Breaker
		if err := json.Unmarshal(data, &v); err != nil {
			return err
		}
		if !v.Closed() {
			until := v.Until()
			s.Breaker, s.Cause, s.RetryAt = v.State, v.Cause, &until
		}
	case protection.BucketRecord:
		var v protection.Bucket
		if err := json.Unmarshal(data, &v); err != nil {
			return err
		}
		s.Tokens = &v.Tokens
	}
	return nil
}

func (a *app) printStandings(all []standing) {
	var rows [][]console.Cell
	for _, s := range all {
		style := console.Plain
		if s.Mode != protection.Running || (s.Breaker != "" && s.Breaker != protection.Closed) {
			style = console.Bold
		}
		rows = append(rows, []console.Cell{
			console.Styled(style, s.String()), console.Styled(style, string(s.Mode)), console.Styled(style, s.breaker()),
			right(s.Tokens, "%.1f"), right(s.Backlog, "%d"), right(s.Waiting, "%d"), right(s.Flight, "%d"), console.Text(s.oldest()), console.Text(s.why()),
		})
	}
	a.console.Table([]string{"provider", "mode", "breaker", "tokens", "backlog", "waiting", "in flight", "oldest", "why"}, rows)
}

// right returns a number at the right, "-" where it is not known.
func right[T any](v *T, format string) console.Cell {
	if v == nil {
		return console.Cell{Text: "-", Right: true}
	}
	return console.Cell{Text: fmt.Sprintf(format, *v), Right: true}
}

func (s standing) breaker() string {
	switch {
	case s.Breaker == "":
		return "-"
	case s.RetryAt == nil:
		return string(s.Breaker)
	}
	return fmt.Sprintf("%s (%s), next try %s", s.Breaker, s.Cause, s.RetryAt.UTC().Format(time.TimeOnly))
}

func (s standing) oldest() string {
	if s.OldestS == nil || *s.OldestS == 0 {
		return "-"
	}
	return (time.Duration(*s.OldestS) * time.Second).String()
}

func (s standing) why() string {
	if s.Since == nil || s.Mode == protection.Running {
		return ""
	}
	return fmt.Sprintf("since %s by %s: %s", s.Since.UTC().Format(time.RFC3339), s.By, s.Reason)
}
