package delivery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/payment"
)

// Key names an endpoint: a merchant and the endpoint's id in the accounts.
type Key struct {
	Merchant payment.Merchant
	Endpoint string
}

func keyOf(w *account.Webhook) Key { return Key{w.Merchant, w.ID} }

// The states of a row.
const (
	statePending   = "pending"
	stateDelivered = "delivered"
	stateExpired   = "expired"
)

// rows are the deliveries in the database.
type rows struct{ pool *pgxpool.Pool }

// dueSQL asks for each endpoint when its first few pending rows are due. One that
// is disabled has none; one that asked for a pause has none earlier than its end.
const dueSQL = `
SELECT e.merchant, e.endpoint, ARRAY(
	SELECT greatest(d.due_at, k.hold_until) FROM webhook_deliveries d
	WHERE d.merchant = e.merchant AND d.endpoint = e.endpoint AND d.state = 'pending'
	ORDER BY d.due_at LIMIT $3)
FROM unnest($1::text[], $2::text[]) AS e (merchant, endpoint)
LEFT JOIN webhook_endpoints k ON k.merchant = e.merchant AND k.endpoint = e.endpoint
WHERE k.disabled_at IS NULL`

// agenda is when the first few messages to an endpoint are due.
type agenda struct {
	Key
	Due []time.Time
}

func (r rows) due(ctx context.Context, endpoints []Key, most int) ([]agenda, error) {
	var merchants, ids []string
	for _, e := range endpoints {
		merchants, ids = append(merchants, string(e.Merchant)), append(ids, e.Endpoint)
	}
	found, err := r.pool.Query(ctx, dueSQL, merchants, ids, most)
	if err != nil {
		return nil, fmt.Errorf("what is due: %w", err)
	}
	list, err := pgx.CollectRows(found, func(row pgx.CollectableRow) (agenda, error) {
		var a agenda
		err := row.Scan(&a.Merchant, &a.Endpoint, &a.Due)
		return a, err
	})
	if err != nil {
		return nil, fmt.Errorf("what is due: %w", err)
	}
	return list, nil
}

// job is a row that was taken for an attempt.
type job struct {
	Key
	message string
	body    []byte
	// What body leaves out, and whose it is.
	personal []byte
	payment  payment.ID
	version  uint64

	attempt int
	created time.Time
	expires time.Time
}

// takeSQL takes the row of an endpoint that has been due longest and that nobody
// else is taking. It is due again at $4, should nobody say what came of it.
const takeSQL = `
UPDATE webhook_deliveries d SET attempts = d.attempts + 1, last_at = $3, due_at = $4
FROM (SELECT merchant, endpoint, message_id FROM webhook_deliveries
	WHERE merchant = $1 AND endpoint = $2 AND state = 'pending' AND due_at <= $3
	AND NOT EXISTS (SELECT FROM webhook_endpoints k WHERE k.merchant = $1 AND k.endpoint = $2
		AND (k.disabled_at IS NOT NULL OR k.hold_until > $3))
	ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED) t
WHERE d.merchant = t.merchant AND d.endpoint = t.endpoint AND d.message_id = t.message_id
RETURNING d.message_id, d.body, d.personal, d.payment_id, d.version, d.attempts, d.created_at, d.expires_at`

// take returns a message to send now, and false when there is none.
func (r rows) take(ctx context.Context, k Key, now time.Time, lease time.Duration) (job, bool, error) {
	j := job{Key: k}
	err := r.pool.QueryRow(ctx, takeSQL, string(k.Merchant), k.Endpoint, now, now.Add(lease)).
		Scan(&j.message, &j.body, &j.personal, &j.payment, &j.version, &j.attempt, &j.created, &j.expires)
	if errors.Is(err, pgx.ErrNoRows) {
		return job{}, false, nil
	}
	if err != nil {
		return job{}, false, fmt.Errorf("take: %w", err)
	}
	return j, true, nil
}

// exec runs a statement about j's row. $1 to $3 name the row.
func (r rows) exec(ctx context.Context, q execer, sql string, j job, args ...any) error {
	all := append([]any{string(j.Merchant), j.Endpoint, j.message}, args...)
	if _, err := q.Exec(ctx, sql, all...); err != nil {
		return fmt.Errorf("note: %w", err)
	}
	return nil
}

// execer is a pool or a transaction.
type execer interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// deliveredSQL does not mind which attempt it was: the endpoint has the message.
const deliveredSQL = `
UPDATE webhook_deliveries SET state = 'delivered', done_at = $4, last_status = $5, last_error = '', body = '', personal = NULL
WHERE merchant = $1 AND endpoint = $2 AND message_id = $3 AND state <> 'delivered'`

func (r rows) delivered(ctx context.Context, j job, now time.Time, a answer) error {
	return r.exec(ctx, r.pool, deliveredSQL, j, now, int16(a.status))
}

// retrySQL does nothing once another attempt has begun.
const retrySQL = `
UPDATE webhook_deliveries SET due_at = $5, last_status = $6, last_error = $7
WHERE merchant = $1 AND endpoint = $2 AND message_id = $3 AND attempts = $4 AND state = 'pending'`

func (r rows) retry(ctx context.Context, q execer, j job, due time.Time, a answer) error {
	return r.exec(ctx, q, retrySQL, j, j.attempt, due, int16(a.status), string(a.reason))
}

// expireSQL keeps the body: a person may have the message sent after all.
const expireSQL = `
UPDATE webhook_deliveries SET state = 'expired', done_at = $5, last_status = $6, last_error = $7
WHERE merchant = $1 AND endpoint = $2 AND message_id = $3 AND attempts = $4 AND state = 'pending'`

func (r rows) expire(ctx context.Context, q execer, j job, now time.Time, a answer) error {
	return r.exec(ctx, q, expireSQL, j, j.attempt, now, int16(a.status), string(a.reason))
}

const holdSQL = `
INSERT INTO webhook_endpoints AS k (merchant, endpoint, hold_until) VALUES ($1, $2, $3)
ON CONFLICT (merchant, endpoint) DO UPDATE SET hold_until = greatest(k.hold_until, excluded.hold_until)`

// hold keeps every message from an endpoint until a time.
func (r rows) hold(ctx context.Context, q execer, k Key, until time.Time) error {
	if _, err := q.Exec(ctx, holdSQL, string(k.Merchant), k.Endpoint, until); err != nil {
		return fmt.Errorf("hold: %w", err)
	}
	return nil
}

const disableSQL = `
INSERT INTO webhook_endpoints AS k (merchant, endpoint, disabled_at) VALUES ($1, $2, $3)
ON CONFLICT (merchant, endpoint) DO UPDATE SET disabled_at = coalesce(k.disabled_at, excluded.disabled_at)`

func (r rows) disable(ctx context.Context, q execer, k Key, now time.Time) error {
	if _, err := q.Exec(ctx, disableSQL, string(k.Merchant), k.Endpoint, now); err != nil {
		return fmt.Errorf("disable: %w", err)
	}
	return nil
}

// slack is what a last attempt, which begins when its message expires, is given
// before the message is put away without one.
const slack = 10 * time.Minute

// expireAll puts away what waited for an endpoint that is disabled, or not
// configured any more.
func (r rows) expireAll(ctx context.Context, now time.Time) (int64, error) {
	tag, err := r.pool.Exec(ctx, `UPDATE webhook_deliveries SET state = 'expired', done_at = $1
		WHERE state = 'pending' AND expires_at <= $2 AND due_at <= $1`, now, now.Add(-slack))
	if err != nil {
		return 0, fmt.Errorf("expire: %w", err)
	}
	return tag.RowsAffected(), nil
}

// purgeMost is how many rows one purge deletes; the rest has time.
const purgeMost = 20_000

// purge deletes what has been done with before a time.
func (r rows) purge(ctx context.Context, before time.Time) error {
	_, err := r.pool.Exec(ctx, `DELETE FROM webhook_deliveries WHERE ctid IN (
		SELECT ctid FROM webhook_deliveries WHERE state <> 'pending' AND done_at < $1 LIMIT $2)`, before, purgeMost)
	if err != nil {
		return fmt.Errorf("purge: %w", err)
	}
	return nil
}
