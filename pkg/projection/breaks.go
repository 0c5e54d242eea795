package projection

import (
	"cmp"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/wire"
)

// lastBreaks returns, of each break that all tell of, the record of the last event
// that does, in the order of keys.
func lastBreaks(all []entry[event]) []wire.Record {
	type id struct {
		payment.Merchant
		string
	}
	last := make(map[id]wire.Record)
	for _, e := range all {
		if d, ok := e.val.rec.Event.Data.(payment.ReconcileBreak); ok {
			last[id{e.val.rec.Event.Merchant, d.Break.ID}] = e.val.rec
		}
	}
	rows := make([]wire.Record, 0, len(last))
	for _, r := range last {
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(a, b wire.Record) int {
		return cmp.Or(compareKeys(keyOf(a), keyOf(b)), cmp.Compare(a.Event.Version, b.Event.Version))
	})
	return rows
}

const breakSQL = `
INSERT INTO reconcile_breaks AS b (
	merchant, break_id, payment_id, provider, account, kind, figure, status, currency, here, there,
	ours, theirs, ref, found_at, at, reason, actor, version)
SELECT * FROM unnest(
	$1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::bigint[], $11::bigint[],
	$12::text[], $13::text[], $14::text[], $15::timestamptz[], $16::timestamptz[], $17::text[], $18::text[], $19::bigint[])
ON CONFLICT (merchant, break_id) DO UPDATE SET
	kind = excluded.kind, status = excluded.status, here = excluded.here, there = excluded.there, ours = excluded.ours,
	theirs = excluded.theirs, ref = excluded.ref, at = excluded.at, reason = excluded.reason, actor = excluded.actor,
	version = excluded.version
WHERE b.version < excluded.version`

type breakColumns struct {
	merchant, id, payment, provider, account, kind, figure, status, currency []string
	here, there                                                              []int64
	ours, theirs, ref                                                        []string
	foundAt, at                                                              []time.Time
	reason, actor                                                            []string
	version                                                                  []int64
}

func (c *breakColumns) add(r wire.Record) {
	d, _ := r.Event.Data.(payment.ReconcileBreak)
	b := d.Break
	c.merchant, c.id = append(c.merchant, string(r.Event.Merchant)), append(c.id, clean(b.ID))
	c.payment, c.provider = append(c.payment, string(r.Event.Payment)), append(c.provider, clean(r.Event.Provider))
	c.account, c.currency = append(c.account, clean(r.After.Account)), append(c.currency, clean(r.After.Amount.Currency))
	c.kind, c.figure = append(c.kind, string(b.Kind)), append(c.figure, string(b.Figure))
	c.status = append(c.status, string(b.Status))
	c.here, c.there = append(c.here, b.Here), append(c.there, b.There)
	c.ours, c.theirs, c.ref = append(c.ours, clean(b.Ours)), append(c.theirs, clean(b.Theirs)), append(c.ref, clean(b.Ref))
	c.foundAt, c.at = append(c.foundAt, b.Since), append(c.at, r.Event.At)
	c.reason, c.actor = append(c.reason, clean(b.Reason)), append(c.actor, clean(b.Actor))
	c.version = append(c.version, int64(r.Event.Version))
}

// noteBreaks queues the write of the breaks that all tell of, if any.
func noteBreaks(b *pgx.Batch, all []entry[event]) {
	rows := lastBreaks(all)
	if len(rows) == 0 {
		return
	}
	var c breakColumns
	for _, r := range rows {
		c.add(r)
	}
	b.Queue(breakSQL, c.merchant, c.id, c.payment, c.provider, c.account, c.kind, c.figure, c.status, c.currency, c.here, c.there,
		c.ours, c.theirs, c.ref, c.foundAt, c.at, c.reason, c.actor, c.version)
}
