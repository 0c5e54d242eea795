package projection

import (
	"cmp"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/wire"
)

// The states that the projection adds to those of package payment.
const (
	// StateAccepted is the state of a payment whose opening command is stored and
	// has no event yet.
	StateAccepted = "accepted"
	// StateNew is how payment.StateNew is written: there are events, and none of
	// them opened the payment.
	StateNew = "new"
)

// stateName returns how s stands in rows.
func stateName(s payment.State) string {
	if s == payment.StateNew {
		return StateNew
	}
	return string(s)
}

// paymentRow is a row of payments as one event leaves it.
type paymentRow struct {
	rec  wire.Record
	seq  uint64
	hash []byte
}

// compareKeys orders rows so that transactions take their locks in one order.
func compareKeys(a, b Key) int {
	return cmp.Or(cmp.Compare(a.Merchant, b.Merchant), cmp.Compare(a.Payment, b.Payment))
}

// newest returns the last event of each payment, in the order of keys.
func newest(all []entry[event]) []paymentRow {
	last := make(map[Key]paymentRow, len(all))
	for _, e := range all {
		last[e.val.key()] = paymentRow{rec: e.val.rec, seq: e.msg.Seq, hash: e.val.hash}
	}
	rows := make([]paymentRow, 0, len(last))
	for _, r := range last {
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(a, b paymentRow) int { return compareKeys(keyOf(a.rec), keyOf(b.rec)) })
	return rows
}

func keyOf(r wire.Record) Key { return Key{r.After.Merchant, r.After.ID} }

// foldSQL writes payments as their events leave them. Older events change
// nothing. What an accepted command had written goes, but for the earlier time.
const foldSQL = `
INSERT INTO payments AS p (
	merchant, payment_id, provider, account, state, settled, version, shard, last_seq, last_hash,
	currency, amount, authorized, captured, refunded, capturable, refundable, capture_mode,
	action, buyer, mandate, refs, attention, frozen, opened_by, kind, created_at, updated_at, personal)
SELECT
	merchant, payment_id, provider, account, state, settled, version, $1, last_seq, last_hash,
	currency, amount, authorized, captured, refunded, capturable, refundable, capture_mode,
	action::jsonb, buyer::jsonb, mandate::jsonb, refs::jsonb, attention, frozen, opened_by, kind, created_at, updated_at, personal
FROM unnest(
	$2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bool[], $8::bigint[], $9::bigint[], $10::bytea[],
	$11::text[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[], $16::bigint[], $17::bigint[], $18::text[],
	$19::text[], $20::text[], $21::text[], $22::text[], $23::bool[], $24::text[], $25::text[], $26::text[], $27::timestamptz[], $28::timestamptz[],
	$29::bytea[])
AS r (merchant, payment_id, provider, account, state, settled, version, last_seq, last_hash,
	currency, amount, authorized, captured, refunded, capturable, refundable, capture_mode,
	action, buyer, mandate, refs, attention, frozen, opened_by, kind, created_at, updated_at, personal)
ON CONFLICT (merchant, payment_id) DO UPDATE SET
	provider = excluded.provider, account = excluded.account, state = excluded.state, settled = excluded.settled,
	version = excluded.version, shard = excluded.shard, last_seq = excluded.last_seq, last_hash = excluded.last_hash,
	currency = excluded.currency, amount = excluded.amount, authorized = excluded.authorized,
	captured = excluded.captured, refunded = excluded.refunded, capturable = excluded.capturable,
	refundable = excluded.refundable, capture_mode = excluded.capture_mode, action = excluded.action,
	buyer = excluded.buyer, personal = excluded.personal, mandate = excluded.mandate, refs = excluded.refs,
	attention = excluded.attention OR p.quarantined <> '', frozen = excluded.frozen, opened_by = excluded.opened_by,
	kind = excluded.kind, created_at = least(p.created_at, excluded.created_at), updated_at = excluded.updated_at
WHERE p.version < excluded.version`

// paymentColumns are the arguments of foldSQL, a slice per column.
type paymentColumns struct {
	merchant, id, provider, account, state []string
	settled                                []bool
	version, seq                           []int64
	hash                                   [][]byte
	currency                               []string
	amount, authorized, captured, refunded []int64
	capturable, refundable                 []int64
	mode                                   []string
	action, buyer, mandate, refs           []*string
	attention                              []bool
	frozen, openedBy, kind                 []string
	createdAt, updatedAt                   []time.Time
	personal                               [][]byte
}

func (c *paymentColumns) add(r paymentRow) {
	p := r.rec.After
	c.merchant, c.id = append(c.merchant, string(p.Merchant)), append(c.id, string(p.ID))
	c.provider, c.account = append(c.provider, clean(p.Provider)), append(c.account, clean(p.Account))
	c.state, c.settled = append(c.state, stateName(p.State)), append(c.settled, p.State.Settled())
	c.version, c.seq = append(c.version, int64(p.Version)), append(c.seq, int64(r.seq))
	c.hash = append(c.hash, r.hash)
	c.currency, c.amount = append(c.currency, clean(p.Amount.Currency)), append(c.amount, p.Amount.Minor)
	c.authorized, c.captured = append(c.authorized, p.Authorized), append(c.captured, p.Captured)
	c.refunded = append(c.refunded, p.Refunded)
	c.capturable, c.refundable = append(c.capturable, capturable(p)), append(c.refundable, refundable(p))
	c.mode = append(c.mode, string(p.Terms.Capture))
	c.action, c.buyer = append(c.action, actionDocument(p.Action)), append(c.buyer, buyerDocument(told(p.Buyer)))
	c.mandate = append(c.mandate, mandateDocument(p.Mandate))
	c.refs = append(c.refs, document(p.Refs, len(p.Refs) > 0))
	c.attention, c.frozen = append(c.attention, p.NeedsAttention()), append(c.frozen, clean(p.Frozen))
	op, _ := p.Opening()
	c.openedBy, c.kind = append(c.openedBy, clean(op.ID)), append(c.kind, string(op.Kind))
	c.createdAt, c.updatedAt = append(c.createdAt, p.CreatedAt), append(c.updatedAt, p.UpdatedAt)
	c.personal = append(c.personal, r.rec.Sealed)
}

// told returns what is known of a buyer: nil where it is sealed, or erased.
func told(b *payment.Buyer) *payment.Buyer {
	if b == nil || *b == (payment.Buyer{}) {
		return nil
	}
	return b
}

// capturable returns what a capture may ask for in the payment's state.
func capturable(p payment.Payment) int64 {
	if p.State != payment.StateAuthorized && p.State != payment.StatePartiallyCaptured {
		return 0
	}
	return max(p.Capturable(), 0)
}

// refundable returns what a refund may ask for in the payment's state.
func refundable(p payment.Payment) int64 {
	switch p.State {
	case payment.StateCaptured, payment.StatePartiallyCaptured, payment.StatePartiallyRefunded:
		return max(p.Refundable(), 0)
	default:
		return 0
	}
}

// foldPayments queues the write of the payments that all speak of.
func foldPayments(b *pgx.Batch, shard int, all []entry[event]) {
	var c paymentColumns
	for _, r := range newest(all) {
		c.add(r)
	}
	b.Queue(foldSQL, int16(shard), c.merchant, c.id, c.provider, c.account, c.state, c.settled, c.version, c.seq, c.hash,
		c.currency, c.amount, c.authorized, c.captured, c.refunded, c.capturable, c.refundable, c.mode,
		c.action, c.buyer, c.mandate, c.refs, c.attention, c.frozen, c.openedBy, c.kind, c.createdAt, c.updatedAt, c.personal)
}
