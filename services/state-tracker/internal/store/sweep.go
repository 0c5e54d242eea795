package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/payloom/payloom/pkg/payment"
)

// Stalled is a command that nothing was heard of for too long.
type Stalled struct {
	Merchant payment.Merchant
	Payment  payment.ID
	Command  payment.CommandID
	Provider payment.Provider
	Kind     payment.Kind
	Account  string // where it is carried out, or what it asks for; empty: the default one
}

// Intervals are when a stalled command is handed out again.
type Intervals struct {
	Idle time.Duration // since its last event, or the time that it waits for
	Most time.Duration // the interval doubles up to this
	// Oldest is how long after its acceptance a command is handed out at all.
	Oldest time.Duration
}

// claimSQL notes that commands are handed out now, and returns those for which no
// other sweeper did so.
const claimSQL = `
WITH due AS (
	SELECT merchant, payment_id, command_id, o.provider, o.kind
	FROM operations o LEFT JOIN wakes w USING (merchant, payment_id, command_id)
	WHERE o.status IN ('accepted', 'open', 'unknown', 'waiting')
		AND o.at < $1::timestamptz - $2::interval
		AND coalesce(o.retry_at, o.at) < $1::timestamptz - $2::interval
		AND coalesce(o.accepted_at, o.at) > $1::timestamptz - $5::interval
		AND (w.next_at IS NULL OR w.next_at <= $1)
	ORDER BY o.at LIMIT $4
), claimed AS (
	INSERT INTO wakes AS w (merchant, payment_id, command_id, times, last_at, next_at)
	SELECT merchant, payment_id, command_id, 1, $1, $1::timestamptz + $2::interval FROM due
	ON CONFLICT (merchant, payment_id, command_id) DO UPDATE SET
		times = w.times + 1, last_at = excluded.last_at,
		next_at = $1::timestamptz + least($2::interval * power(2, least(w.times, 20)), $3::interval)
	WHERE w.next_at <= $1
	RETURNING merchant, payment_id, command_id
)
SELECT merchant, payment_id, command_id, due.provider, due.kind, coalesce(nullif(p.account, ''),
	(SELECT c.account FROM commands c WHERE c.merchant = due.merchant AND c.command_id = due.command_id LIMIT 1), '')
FROM claimed JOIN due USING (merchant, payment_id, command_id) LEFT JOIN payments p USING (merchant, payment_id)`

// Claim returns at most limit commands that have stalled by now, broker time, and
// makes them no other sweeper's for a while that doubles each time.
func (s *Store) Claim(ctx context.Context, now time.Time, i Intervals, limit int) ([]Stalled, error) {
	rows, err := s.db.Query(ctx, claimSQL, now, i.Idle, i.Most, limit, i.Oldest)
	if err != nil {
		return nil, fmt.Errorf("claim stalled commands: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Stalled])
	if err != nil {
		return nil, fmt.Errorf("claim stalled commands: %w", err)
	}
	return list, nil
}

// Forget drops the memory of commands that have come to an end.
func (s *Store) Forget(ctx context.Context) error {
	_, err := s.db.Exec(ctx, `DELETE FROM wakes w WHERE NOT EXISTS (
		SELECT FROM operations o
		WHERE o.merchant = w.merchant AND o.payment_id = w.payment_id AND o.command_id = w.command_id
			AND o.status IN ('accepted', 'open', 'unknown', 'waiting'))`)
	if err != nil {
		return fmt.Errorf("forget wakes: %w", err)
	}
	return nil
}

// Waiting is a payment that waits for its buyer or its provider for too long.
type Waiting struct {
	Merchant payment.Merchant
	Payment  payment.ID
	Provider payment.Provider
	Account  string
	Version  uint64
	Since    time.Time // when the oldest of its operations began to wait
}

// Sessions are how long buyers may take.
type Sessions struct {
	ByProvider map[payment.Provider]time.Duration
	Otherwise  time.Duration
}

// waitingSQL finds payments to be asked about: the first time after the patience,
// then each time the wait has doubled, and once the buyer's time is over.
const waitingSQL = `
SELECT DISTINCT ON (o.merchant, o.payment_id) o.merchant, o.payment_id, p.provider, p.account, p.version, o.at
FROM operations o
JOIN payments p USING (merchant, payment_id)
LEFT JOIN unnest($5::text[], $6::interval[]) AS ttl (provider, session) ON ttl.provider = p.provider
CROSS JOIN LATERAL (
	SELECT max(s.at) AS last, coalesce(bool_or(s.status IN ('accepted', 'open', 'unknown', 'waiting')), false) AS running
	FROM operations s WHERE s.merchant = o.merchant AND s.payment_id = o.payment_id AND s.kind = 'sync') asked
WHERE o.status IN ('action_required', 'pending')
	AND o.at < $1::timestamptz - least($2::interval, CASE WHEN o.status = 'action_required' THEN coalesce(ttl.session, $4::interval) ELSE $2::interval END)
	AND NOT asked.running
	AND (asked.last IS NULL OR asked.last < o.at
		OR asked.last <= $1::timestamptz - least(greatest($2::interval, asked.last - o.at), $3::interval)
		OR (o.status = 'action_required' AND asked.last < o.at + coalesce(ttl.session, $4::interval)
			AND $1::timestamptz >= o.at + coalesce(ttl.session, $4::interval)))
ORDER BY o.merchant, o.payment_id, o.at
LIMIT $7`

// Waiting returns at most limit payments that the provider should be asked about
// by now, broker time. patience is how long a callback may take; most is the
// longest time between two questions.
func (s *Store) Waiting(ctx context.Context, now time.Time, patience, most time.Duration, sessions Sessions, limit int) ([]Waiting, error) {
	var providers []string
	var ttl []time.Duration
	for p, d := range sessions.ByProvider {
		providers, ttl = append(providers, string(p)), append(ttl, d)
	}
	rows, err := s.db.Query(ctx, waitingSQL, now, patience, most, sessions.Otherwise, providers, ttl, limit)
	if err != nil {
		return nil, fmt.Errorf("find waiting payments: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Waiting])
	if err != nil {
		return nil, fmt.Errorf("find waiting payments: %w", err)
	}
	return list, nil
}

// Open is how many operations of a provider have a status that is not final, or
// that a person has to end.
type Open struct {
	Provider payment.Provider
	Status   string
	Count    int64
	Oldest   time.Time // last change of the one that changed longest ago
	Accepted time.Time // acceptance of the oldest
}

// Open counts what is open, and what is dead.
func (s *Store) Open(ctx context.Context) ([]Open, error) {
	rows, err := s.db.Query(ctx, `SELECT provider, status, count(*), min(at), min(coalesce(accepted_at, at)) FROM operations
		WHERE status IN ('accepted', 'open', 'unknown', 'waiting', 'action_required', 'pending', 'parked') GROUP BY provider, status
		UNION ALL
		SELECT provider, status, count(*), min(at), min(coalesce(accepted_at, at)) FROM operations
		WHERE status = 'dead' GROUP BY provider, status`)
	if err != nil {
		return nil, fmt.Errorf("count open operations: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Open])
	if err != nil {
		return nil, fmt.Errorf("count open operations: %w", err)
	}
	return list, nil
}

// counted is one line of a count by two labels.
type counted struct {
	A, B string
	N    int64
}

// PaymentsByState counts payments with something open, by provider and state.
func (s *Store) PaymentsByState(ctx context.Context) (map[[2]string]int64, error) {
	return s.counts(ctx, `SELECT p.provider, p.state, count(DISTINCT (p.merchant, p.payment_id)) FROM operations o
		JOIN payments p USING (merchant, payment_id)
		WHERE o.status IN ('accepted', 'open', 'unknown', 'waiting', 'action_required', 'pending', 'parked') GROUP BY 1, 2`)
}

// Attention counts payments that a person has to look at, by provider and state.
func (s *Store) Attention(ctx context.Context) (map[[2]string]int64, error) {
	return s.counts(ctx, `SELECT provider, state, count(*) FROM payments WHERE attention GROUP BY 1, 2`)
}

// DeadLetters counts, by service and stream, the dead letters other than those whose
// sequences are named: operators have dealt with them.
func (s *Store) DeadLetters(ctx context.Context, ended []uint64) (map[[2]string]int64, error) {
	seqs := make([]int64, len(ended))
	for i, n := range ended {
		seqs[i] = int64(n)
	}
	return s.counts(ctx, `SELECT service, stream, count(*) FROM dead_letters WHERE NOT seq = ANY ($1) GROUP BY 1, 2`, seqs)
}

// Stranded counts, by provider and status, the commands that were accepted before a
// time and still are a worker's to end.
func (s *Store) Stranded(ctx context.Context, before time.Time) (map[[2]string]int64, error) {
	return s.counts(ctx, `SELECT provider, status, count(*) FROM operations
		WHERE status IN ('accepted', 'open', 'unknown', 'waiting') AND coalesce(accepted_at, at) <= $1 GROUP BY 1, 2`, before)
}

func (s *Store) counts(ctx context.Context, sql string, args ...any) (map[[2]string]int64, error) {
	rows, err := s.db.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("count: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[counted])
	if err != nil {
		return nil, fmt.Errorf("count: %w", err)
	}
	out := make(map[[2]string]int64, len(list))
	for _, c := range list {
		out[[2]string{c.A, c.B}] = c.N
	}
	return out, nil
}
