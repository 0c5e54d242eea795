package projection

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/wire"
)

// commands projects the accepted commands of one shard.
type commands struct{ shard int }

func (commands) decode(m bus.Message) (payment.Command, error) {
	c, err := decodeCommand(m.Subject, m.Data)
	c.At = m.Time
	return c, err
}

func (commands) key(e entry[payment.Command]) (Key, bool) {
	return Key{e.val.Merchant, e.val.Payment}, e.err == nil
}

// write stores commands that were all decoded: each in the registry and as an
// operation that waits, and what opens a payment as a payment that waits.
func (v commands) write(ctx context.Context, tx pgx.Tx, _ uint64, all []entry[payment.Command]) error {
	var b pgx.Batch
	acceptPayments(&b, all)
	acceptOperations(&b, all)
	chargeMandates(&b, all)
	v.register(&b, all)
	return tx.SendBatch(ctx, &b).Close()
}

// spoil stores nothing: the worker buries what it cannot decode.
func (commands) spoil(context.Context, pgx.Tx, entry[payment.Command]) error { return nil }

// acceptPaymentsSQL writes payments that are accepted and no more. A payment with
// events is the events' matter; of several commands that want to open one, the
// earliest is shown, whichever stream it came by.
const acceptPaymentsSQL = `
INSERT INTO payments AS p (
	merchant, payment_id, provider, account, state, settled, version, shard, last_seq, last_hash,
	currency, amount, authorized, captured, refunded, capturable, refundable, capture_mode,
	attention, frozen, opened_by, kind, created_at, updated_at)
SELECT merchant, payment_id, provider, account, 'accepted', false, 0, -1, 0, '',
	currency, amount, 0, 0, 0, 0, 0, capture_mode, false, '', opened_by, kind, at, at
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::text[], $9::text[], $10::timestamptz[])
AS r (merchant, payment_id, provider, account, currency, amount, capture_mode, opened_by, kind, at)
ON CONFLICT (merchant, payment_id) DO UPDATE SET
	provider = excluded.provider, account = excluded.account, currency = excluded.currency, amount = excluded.amount,
	capture_mode = excluded.capture_mode, opened_by = excluded.opened_by, kind = excluded.kind,
	created_at = excluded.created_at, updated_at = excluded.updated_at
WHERE p.version = 0 AND (excluded.created_at, excluded.opened_by) < (p.created_at, p.opened_by)`

// earlierSQL gives payments with events the time of their command's acceptance.
const earlierSQL = `
UPDATE payments p SET created_at = r.at
FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS r (merchant, payment_id, at)
WHERE p.merchant = r.merchant AND p.payment_id = r.payment_id AND p.version > 0 AND p.created_at > r.at`

func acceptPayments(b *pgx.Batch, all []entry[payment.Command]) {
	var merchant, id, provider, account, currency, mode, by, kind []string
	var amount []int64
	var at []time.Time
	for _, c := range openings(all) {
		merchant, id = append(merchant, clean(c.Merchant)), append(id, clean(c.Payment))
		provider, account = append(provider, clean(c.Provider)), append(account, clean(c.Account))
		currency, amount = append(currency, clean(c.Amount.Currency)), append(amount, c.Amount.Minor)
		mode, by, kind = append(mode, captureMode(c)), append(by, clean(c.ID)), append(kind, string(c.Kind))
		at = append(at, c.At)
	}
	if len(id) == 0 {
		return
	}
	b.Queue(acceptPaymentsSQL, merchant, id, provider, account, currency, amount, mode, by, kind, at)
	b.Queue(earlierSQL, merchant, id, at)
}

func captureMode(c payment.Command) string {
	if c.Authorization == nil {
		return ""
	}
	return string(c.Authorization.Capture)
}

// openings returns the earliest command of all that opens each payment, in the
// order of keys.
func openings(all []entry[payment.Command]) []payment.Command {
	first := make(map[Key]payment.Command)
	for _, e := range all {
		c := e.val
		k := Key{c.Merchant, c.Payment}
		if before, ok := first[k]; c.Kind.Opens() && (!ok || earlier(c, before)) {
			first[k] = c
		}
	}
	rows := make([]payment.Command, 0, len(first))
	for _, c := range first {
		rows = append(rows, c)
	}
	slices.SortFunc(rows, func(a, b payment.Command) int {
		return compareKeys(Key{a.Merchant, a.Payment}, Key{b.Merchant, b.Payment})
	})
	return rows
}

func earlier(a, b payment.Command) bool {
	return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID)) < 0
}

// acceptOperationsSQL writes what only the command knows. What its events say
// stays.
const acceptOperationsSQL = `
INSERT INTO operations AS o (
	merchant, payment_id, command_id, provider, kind, status, version, currency, amount, effect,
	reason, code, ref, attempts, at, accepted_at, own_ref, mandate)
SELECT merchant, payment_id, command_id, provider, kind, 'accepted', 0, currency, amount, 0, '', '', '', 0, at, at, own_ref, mandate
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::timestamptz[], $9::text[], $10::text[])
AS r (merchant, payment_id, command_id, provider, kind, currency, amount, at, own_ref, mandate)
ON CONFLICT (merchant, payment_id, command_id) DO UPDATE SET
	accepted_at = least(o.accepted_at, excluded.accepted_at), own_ref = excluded.own_ref, mandate = excluded.mandate,
	currency = excluded.currency, amount = excluded.amount,
	at = CASE WHEN o.version = 0 THEN excluded.at ELSE o.at END`

func acceptOperations(b *pgx.Batch, all []entry[payment.Command]) {
	var merchant, id, command, provider, kind, currency, ownRef, mandate []string
	var amount []int64
	var at []time.Time
	for _, c := range distinct(all) {
		merchant, id, command = append(merchant, clean(c.Merchant)), append(id, clean(c.Payment)), append(command, clean(c.ID))
		provider, kind = append(provider, clean(c.Provider)), append(kind, string(c.Kind))
		currency, amount = append(currency, clean(c.Amount.Currency)), append(amount, c.Amount.Minor)
		at, ownRef, mandate = append(at, c.At), append(ownRef, clean(c.Reference)), append(mandate, charged(c))
	}
	b.Queue(acceptOperationsSQL, merchant, id, command, provider, kind, currency, amount, at, ownRef, mandate)
}

// distinct returns the commands of all in the order of keys. Whoever publishes a
// command checks that it is the only one with its id; a row is written once even
// if somebody did not.
func distinct(all []entry[payment.Command]) []payment.Command {
	rows := make([]payment.Command, len(all))
	for i, e := range all {
		rows[i] = e.val
	}
	slices.SortStableFunc(rows, func(a, b payment.Command) int {
		return cmp.Or(compareKeys(Key{a.Merchant, a.Payment}, Key{b.Merchant, b.Payment}), cmp.Compare(a.ID, b.ID))
	})
	return slices.CompactFunc(rows, func(a, b payment.Command) bool {
		return a.Merchant == b.Merchant && a.Payment == b.Payment && a.ID == b.ID
	})
}

const registerSQL = `
INSERT INTO commands (merchant, command_id, accepted_at, req_id, payment_id, provider, account, kind, fingerprint, shard, seq)
SELECT merchant, command_id, accepted_at, req_id, payment_id, provider, account, kind, fingerprint, $11, seq
FROM unnest(
	$1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::bytea[], $10::bigint[])
AS r (merchant, command_id, accepted_at, req_id, payment_id, provider, account, kind, fingerprint, seq)
ON CONFLICT DO NOTHING`

// register queues the entries of the registry of ReqIDs.
func (v commands) register(b *pgx.Batch, all []entry[payment.Command]) {
	var merchant, command, reqID, id, provider, account, kind []string
	var at []time.Time
	var print [][]byte
	var seq []int64
	for _, e := range all {
		c := e.val
		merchant, command, at = append(merchant, clean(c.Merchant)), append(command, clean(c.ID)), append(at, c.At)
		reqID, id = append(reqID, clean(c.ReqID)), append(id, clean(c.Payment))
		provider, account = append(provider, clean(c.Provider)), append(account, clean(c.Account))
		kind = append(kind, string(c.Kind))
		sum := wire.Fingerprint(wire.Plain(c))
		print, seq = append(print, sum[:]), append(seq, int64(e.msg.Seq))
	}
	b.Queue(registerSQL, merchant, command, at, reqID, id, provider, account, kind, print, seq, int16(v.shard))
}
