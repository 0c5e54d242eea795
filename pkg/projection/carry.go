package projection

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Rows of messages that the streams have forgotten cannot be made again: they are
// carried from the live schema into the one that is being rebuilt, and the
// projection of each stream begins where the stream does.

// carrySQL brings along what the forgotten messages of a kind of stream had made.
// LIVE stands for the live schema, $1 for the shard, $2 for the first sequence
// that the stream still has.
var carrySQL = map[string][]string{
	"commands": {
		`INSERT INTO commands SELECT * FROM LIVE.commands WHERE shard = $1 AND seq < $2`,
		// As the commands left them: what events did is done again, or carried with
		// the events.
		`INSERT INTO operations (merchant, payment_id, command_id, provider, kind, status, version, currency, amount,
			effect, reason, code, ref, attempts, at, accepted_at, own_ref, mandate)
		SELECT o.merchant, o.payment_id, o.command_id, o.provider, o.kind, 'accepted', 0, o.currency, o.amount,
			0, '', '', '', 0, o.accepted_at, o.accepted_at, o.own_ref, o.mandate
		FROM commands c JOIN LIVE.operations o USING (merchant, payment_id, command_id)
		WHERE c.shard = $1 AND c.seq < $2
		ON CONFLICT DO NOTHING`,
		`INSERT INTO payments AS p (merchant, payment_id, provider, account, state, settled, version, shard, last_seq, last_hash,
			currency, amount, authorized, captured, refunded, capturable, refundable, capture_mode,
			attention, frozen, opened_by, kind, created_at, updated_at)
		SELECT DISTINCT ON (c.merchant, c.payment_id)
			c.merchant, c.payment_id, c.provider, c.account, 'accepted', false, 0, -1, 0, '',
			o.currency, o.amount, 0, 0, 0, 0, 0, l.capture_mode, false, '', c.command_id, c.kind, c.accepted_at, c.accepted_at
		FROM commands c
		JOIN operations o USING (merchant, payment_id, command_id)
		JOIN LIVE.payments l USING (merchant, payment_id)
		WHERE c.shard = $1 AND c.seq < $2 AND c.kind IN ('authorize', 'payout')
		ORDER BY c.merchant, c.payment_id, c.accepted_at, c.command_id
		ON CONFLICT (merchant, payment_id) DO UPDATE SET
			provider = excluded.provider, account = excluded.account, currency = excluded.currency, amount = excluded.amount,
			capture_mode = excluded.capture_mode, opened_by = excluded.opened_by, kind = excluded.kind,
			created_at = excluded.created_at, updated_at = excluded.updated_at
		WHERE p.version = 0 AND (excluded.created_at, excluded.opened_by) < (p.created_at, p.opened_by)`,
		// What came from elsewhere, as far as these commands know of it.
		`INSERT INTO mandates AS m (merchant, mandate_id, provider, account, payment_id, cycle, at)
		SELECT DISTINCT ON (c.merchant, o.mandate) c.merchant, o.mandate, c.provider, c.account, '', '', c.accepted_at
		FROM commands c JOIN operations o USING (merchant, payment_id, command_id)
		WHERE c.shard = $1 AND c.seq < $2 AND o.mandate <> ''
		ORDER BY c.merchant, o.mandate, c.accepted_at, c.provider, c.account
		ON CONFLICT (merchant, mandate_id) DO UPDATE SET
			provider = excluded.provider, account = excluded.account, at = excluded.at
		WHERE m.payment_id = '' AND (excluded.at, excluded.provider, excluded.account) < (m.at, m.provider, m.account)`,
	},
	"events": {
		`INSERT INTO events SELECT * FROM LIVE.events WHERE shard = $1 AND seq < $2`,
		// A payment stands where its last forgotten event left it. One that has
		// later events is written over by them; only its place in the chain counts.
		`INSERT INTO payments AS p SELECT
			l.merchant, l.payment_id, l.provider, l.account, l.state, l.settled, e.version, $1, e.seq, e.hash,
			l.currency, l.amount, l.authorized, l.captured, l.refunded, l.capturable, l.refundable, l.capture_mode,
			l.action, l.buyer, l.mandate, l.refs, l.attention, l.frozen, l.quarantined, l.opened_by, l.created_at, l.updated_at, l.kind, l.outlived, l.personal
		FROM (SELECT DISTINCT ON (merchant, payment_id) merchant, payment_id, version, seq, hash
			FROM events WHERE shard = $1 AND seq < $2 ORDER BY merchant, payment_id, seq DESC) e
		JOIN LIVE.payments l USING (merchant, payment_id)
		ON CONFLICT (merchant, payment_id) DO UPDATE SET
			provider = excluded.provider, account = excluded.account, state = excluded.state, settled = excluded.settled,
			version = excluded.version, shard = excluded.shard, last_seq = excluded.last_seq, last_hash = excluded.last_hash,
			currency = excluded.currency, amount = excluded.amount, authorized = excluded.authorized,
			captured = excluded.captured, refunded = excluded.refunded, capturable = excluded.capturable,
			refundable = excluded.refundable, capture_mode = excluded.capture_mode, action = excluded.action,
			buyer = excluded.buyer, mandate = excluded.mandate, refs = excluded.refs, attention = excluded.attention,
			frozen = excluded.frozen, quarantined = excluded.quarantined, opened_by = excluded.opened_by, kind = excluded.kind,
			outlived = excluded.outlived, personal = excluded.personal,
			created_at = least(p.created_at, excluded.created_at), updated_at = excluded.updated_at
		WHERE p.version < excluded.version`,
		`INSERT INTO operations AS o SELECT DISTINCT l.* FROM LIVE.operations l
		JOIN events e ON e.merchant = l.merchant AND e.payment_id = l.payment_id AND e.version = l.version
		WHERE e.shard = $1 AND e.seq < $2
		ON CONFLICT (merchant, payment_id, command_id) DO UPDATE SET
			provider = excluded.provider, kind = excluded.kind, status = excluded.status, version = excluded.version,
			currency = excluded.currency, amount = excluded.amount, effect = excluded.effect, reason = excluded.reason,
			code = excluded.code, ref = excluded.ref, attempts = excluded.attempts, retry_at = excluded.retry_at, at = excluded.at, buried_at = excluded.buried_at
		WHERE o.version < excluded.version`,
		`INSERT INTO refs SELECT DISTINCT l.merchant, l.value, l.payment_id FROM LIVE.refs l
		JOIN events e ON e.merchant = l.merchant AND e.payment_id = l.payment_id
		WHERE e.shard = $1 AND e.seq < $2
		ON CONFLICT DO NOTHING`,
		`INSERT INTO mandates SELECT DISTINCT l.* FROM LIVE.mandates l
		JOIN events e ON e.merchant = l.merchant AND e.payment_id = l.payment_id AND e.type = 'MandateIssued'
		WHERE e.shard = $1 AND e.seq < $2
		ON CONFLICT (merchant, mandate_id) DO UPDATE SET
			provider = excluded.provider, account = excluded.account, payment_id = excluded.payment_id,
			cycle = excluded.cycle, at = excluded.at`,
		`INSERT INTO reconcile_breaks SELECT DISTINCT l.* FROM LIVE.reconcile_breaks l
		JOIN events e ON e.merchant = l.merchant AND e.payment_id = l.payment_id AND e.version = l.version AND e.type = 'ReconcileBreak'
		WHERE e.shard = $1 AND e.seq < $2
		ON CONFLICT DO NOTHING`,
	},
	"callbacks": {`INSERT INTO callbacks SELECT * FROM LIVE.callbacks WHERE $1 >= 0 AND seq < $2`},
	"dead_letters": {
		`INSERT INTO dead_letters SELECT * FROM LIVE.dead_letters WHERE $1 >= 0 AND seq < $2`,
		// As buryOperationsSQL did it. Only subjects are left of the letters, and they
		// are those of the commands.
		`INSERT INTO operations AS o (merchant, payment_id, command_id, provider, kind, status, version, currency, amount,
			effect, reason, code, ref, attempts, at, accepted_at, own_ref, mandate, buried_at)
		SELECT l.merchant, l.payment_id, l.command_id, l.provider, l.kind, 'dead', 0, l.currency, l.amount,
			0, '', '', '', 0, coalesce(l.accepted_at, d.at), l.accepted_at, l.own_ref, l.mandate, d.at
		FROM (SELECT split_part(subject, '.', 5) AS merchant, split_part(subject, '.', 6) AS command_id, max(at) AS at
			FROM dead_letters WHERE $1 >= 0 AND seq < $2 AND stream LIKE 'COMMANDS\_%' GROUP BY 1, 2) d
		JOIN LIVE.operations l ON l.merchant = d.merchant AND l.command_id = d.command_id AND l.buried_at IS NOT NULL
		ON CONFLICT (merchant, payment_id, command_id) DO UPDATE SET
			buried_at = greatest(o.buried_at, excluded.buried_at),
			status = CASE WHEN o.status IN ('accepted', 'open', 'unknown', 'waiting') AND (o.version = 0 OR o.at <= excluded.buried_at)
				THEN 'dead' ELSE o.status END`,
	},
}

// forgotten is what a stream has no longer.
type forgotten struct {
	stream string
	table  string // the key of carrySQL
	shard  int
	first  uint64 // sequence of the first message that is still there
}

// carry brings along the rows of f and begins the stream's projection where the
// stream does. tx sees the new schema. It returns how many of the forgotten
// messages have rows.
func carry(ctx context.Context, tx pgx.Tx, f forgotten) (int64, error) {
	live := pgx.Identifier{Live}.Sanitize()
	var messages int64
	for i, sql := range carrySQL[f.table] {
		tag, err := tx.Exec(ctx, strings.ReplaceAll(sql, "LIVE", live), int16(f.shard), int64(f.first))
		if err != nil {
			return 0, fmt.Errorf("carry %s: %w", f.stream, err)
		}
		if i == 0 {
			messages = tag.RowsAffected()
		}
	}
	_, err := tx.Exec(ctx, "INSERT INTO checkpoints (stream, seq, at, digest, origin) VALUES ($1, $2, 'epoch', '', $3)",
		f.stream, int64(f.first-1), int64(f.first))
	if err != nil {
		return 0, fmt.Errorf("carry %s: %w", f.stream, err)
	}
	return messages, nil
}
