package projection

import (
	"cmp"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/payloom/payloom/pkg/payment"
)

// StatusAccepted is the status of an operation whose command is stored and has no
// event yet.
const StatusAccepted = "accepted"

// operationRow is a row of operations as one event leaves it.
type operationRow struct {
	key     Key
	version uint64
	op      payment.Operation
	by      payment.Provider
}

// operationOf returns what e says of the operation of its command. A command that
// was rejected without any attempt, or that only asked the provider, has no
// operation in the payment; it gets its row from the event itself.
func operationOf(e event) (operationRow, bool) {
	rec := e.rec
	row := operationRow{key: keyOf(rec), version: rec.Event.Version, by: rec.Event.Provider}
	if op, ok := rec.After.Operation(rec.Event.Command); ok {
		row.op = op
		return row, true
	}
	row.op = payment.Operation{ID: rec.Event.Command, At: rec.Event.At}
	switch d := rec.Event.Data.(type) {
	case payment.OperationRejected:
		row.op.Kind, row.op.Status, row.op.Code, row.op.Reason = d.Kind, payment.OpRejected, d.Code, d.Reason
	case payment.Synced:
		row.op.Kind, row.op.Status = payment.Sync, payment.OpSucceeded
	default:
		return operationRow{}, false
	}
	return row, rec.Event.Command != ""
}

// touched returns the operations that all speak of, each as its last event leaves
// it, in the order of keys.
func touched(all []entry[event]) []operationRow {
	type id struct {
		Key
		command payment.CommandID
	}
	last := make(map[id]operationRow, len(all))
	for _, e := range all {
		if row, ok := operationOf(e.val); ok {
			last[id{row.key, row.op.ID}] = row
		}
	}
	rows := make([]operationRow, 0, len(last))
	for _, r := range last {
		rows = append(rows, r)
	}
	slices.SortFunc(rows, compareOperations)
	return rows
}

func compareOperations(a, b operationRow) int {
	return cmp.Or(compareKeys(a.key, b.key), cmp.Compare(a.op.ID, b.op.ID))
}

// operateSQL writes operations as events leave them. What the command itself says
// stays: an event that only rejects knows no amount.
const operateSQL = `
INSERT INTO operations AS o (
	merchant, payment_id, command_id, provider, kind, status, version, currency, amount, effect,
	reason, code, ref, attempts, retry_at, at)
SELECT * FROM unnest(
	$1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[], $9::bigint[], $10::bigint[],
	$11::text[], $12::text[], $13::text[], $14::int[], $15::timestamptz[], $16::timestamptz[])
ON CONFLICT (merchant, payment_id, command_id) DO UPDATE SET
	provider = excluded.provider, kind = excluded.kind, version = excluded.version,
	status = CASE WHEN excluded.status IN ('accepted', 'open', 'unknown', 'waiting') AND excluded.at <= o.buried_at
		THEN 'dead' ELSE excluded.status END,
	currency = CASE WHEN excluded.currency = '' THEN o.currency ELSE excluded.currency END,
	amount = CASE WHEN excluded.currency = '' THEN o.amount ELSE excluded.amount END,
	effect = excluded.effect, reason = excluded.reason, code = excluded.code, ref = excluded.ref,
	attempts = excluded.attempts, retry_at = excluded.retry_at, at = excluded.at
WHERE o.version < excluded.version`

type operationColumns struct {
	merchant, payment, command, provider, kind, status []string
	version                                            []int64
	currency                                           []string
	amount, effect                                     []int64
	reason, code, ref                                  []string
	attempts                                           []int32
	retryAt                                            []*time.Time
	at                                                 []time.Time
}

func (c *operationColumns) add(r operationRow) {
	op := r.op
	c.merchant, c.payment = append(c.merchant, string(r.key.Merchant)), append(c.payment, string(r.key.Payment))
	c.command, c.provider = append(c.command, clean(op.ID)), append(c.provider, clean(r.by))
	c.kind, c.status = append(c.kind, string(op.Kind)), append(c.status, string(op.Status))
	c.version = append(c.version, int64(r.version))
	c.currency, c.amount = append(c.currency, clean(op.Amount.Currency)), append(c.amount, op.Amount.Minor)
	c.effect = append(c.effect, op.Effect)
	c.reason, c.code, c.ref = append(c.reason, string(op.Reason)), append(c.code, clean(op.Code)), append(c.ref, clean(op.Ref))
	c.attempts = append(c.attempts, int32(op.Attempt.Number))
	c.retryAt, c.at = append(c.retryAt, moment(op.RetryAt)), append(c.at, op.At)
}

// operate queues the write of the operations that all speak of.
func operate(b *pgx.Batch, all []entry[event]) {
	var c operationColumns
	for _, r := range touched(all) {
		c.add(r)
	}
	b.Queue(operateSQL, c.merchant, c.payment, c.command, c.provider, c.kind, c.status, c.version, c.currency, c.amount, c.effect,
		c.reason, c.code, c.ref, c.attempts, c.retryAt, c.at)
}

const referSQL = `
INSERT INTO refs (merchant, value, payment_id) SELECT * FROM unnest($1::text[], $2::text[], $3::text[])
ON CONFLICT DO NOTHING`

// refer queues the write of the references that all brought along, if any.
func refer(b *pgx.Batch, all []entry[event]) {
	var merchants, values, payments []string
	for _, e := range all {
		for _, ref := range refsOf(e.val.rec.Event.Data) {
			merchants, values = append(merchants, string(e.val.rec.Event.Merchant)), append(values, ref)
			payments = append(payments, string(e.val.rec.Event.Payment))
		}
	}
	if len(values) > 0 {
		b.Queue(referSQL, merchants, values, payments)
	}
}

// refsOf returns the provider's references that an event brings, in no order.
func refsOf(data payment.EventData) []string {
	var ref string
	var refs map[string]string
	switch d := data.(type) {
	case payment.ActionRequired:
		ref, refs = d.Ref, d.Refs
	case payment.OperationPending:
		ref, refs = d.Ref, d.Refs
	case payment.OperationSucceeded:
		ref, refs = d.Ref, d.Refs
	case payment.OperationDeclined:
		ref = d.Ref
	case payment.OperationFailed:
		ref = d.Ref
	case payment.LateOutcome:
		ref = d.Ref
	}
	var all []string
	for _, v := range refs {
		all = appendRef(all, v)
	}
	return appendRef(all, ref)
}

// maxRef is the longest reference that is found by its value, bytes; an index
// holds no much longer ones.
const maxRef = 512

func appendRef(all []string, ref string) []string {
	ref = clean(ref)
	if ref == "" || len(ref) > maxRef {
		return all
	}
	return append(all, ref)
}
