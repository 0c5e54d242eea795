package projection

import (
	"cmp"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/payloom/payloom/pkg/payment"
)

// mandateRow is a row of mandates as one message tells it. Of several tellings the
// earliest counts, and one of a payment that gave the mandate before any of a
// charge; so the order in which streams are read does not show.
type mandateRow struct {
	merchant payment.Merchant
	id       string
	provider payment.Provider
	account  string
	payment  payment.ID // that gave it; empty: it was charged
	cycle    payment.Cycle
	at       time.Time
}

// compareMandates orders rows by key, so that transactions take their locks in one
// order, and those of one key by what counts.
func compareMandates(a, b mandateRow) int {
	return cmp.Or(cmp.Compare(a.merchant, b.merchant), cmp.Compare(a.id, b.id), a.at.Compare(b.at),
		cmp.Compare(a.payment, b.payment), cmp.Compare(a.provider, b.provider), cmp.Compare(a.account, b.account))
}

// first returns the row of each mandate that counts.
func first(rows []mandateRow) []mandateRow {
	slices.SortFunc(rows, compareMandates)
	return slices.CompactFunc(rows, func(a, b mandateRow) bool { return a.merchant == b.merchant && a.id == b.id })
}

// mandateKey returns a mandate's id as it stands in rows: empty when it is none or
// longer than an index holds.
func mandateKey(id string) string {
	if id = clean(id); len(id) > maxRef {
		return ""
	}
	return id
}

// charged returns the mandate that c charges, or "".
func charged(c payment.Command) string {
	if c.Authorization == nil || c.Authorization.Method != payment.MandateCharge {
		return ""
	}
	return mandateKey(c.Authorization.Mandate)
}

// issued returns the mandates that all give.
func issued(all []entry[event]) []mandateRow {
	var rows []mandateRow
	for _, e := range all {
		rec := e.val.rec
		d, ok := rec.Event.Data.(payment.MandateIssued)
		if !ok || mandateKey(d.Mandate.ID) == "" {
			continue
		}
		rows = append(rows, mandateRow{
			rec.Event.Merchant, mandateKey(d.Mandate.ID), rec.Event.Provider, clean(rec.After.Account), rec.Event.Payment,
			d.Mandate.Cycle, stored(e.msg.Time),
		})
	}
	return first(rows)
}

// charges returns the mandates that all charge.
func charges(all []entry[payment.Command]) []mandateRow {
	var rows []mandateRow
	for _, e := range all {
		if id := charged(e.val); id != "" {
			rows = append(rows, mandateRow{
				merchant: e.val.Merchant, id: id, provider: e.val.Provider, account: clean(e.val.Account), at: stored(e.val.At),
			})
		}
	}
	return first(rows)
}

// stored returns t as the database stores it: what is compared here must compare
// there as well.
func stored(t time.Time) time.Time { return t.Truncate(time.Microsecond) }

const mandateSQL = `
INSERT INTO mandates AS m (merchant, mandate_id, provider, account, payment_id, cycle, at)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[])
ON CONFLICT (merchant, mandate_id) DO UPDATE SET
	provider = excluded.provider, account = excluded.account, payment_id = excluded.payment_id,
	cycle = excluded.cycle, at = excluded.at
WHERE `

// issueMandates queues the mandates that all give, if any.
func issueMandates(b *pgx.Batch, all []entry[event]) {
	queueMandates(b, issued(all), "m.payment_id = '' OR (excluded.at, excluded.payment_id) < (m.at, m.payment_id)")
}

// chargeMandates queues the mandates that all charge, if any.
func chargeMandates(b *pgx.Batch, all []entry[payment.Command]) {
	queueMandates(b, charges(all),
		"m.payment_id = '' AND (excluded.at, excluded.provider, excluded.account) < (m.at, m.provider, m.account)")
}

func queueMandates(b *pgx.Batch, rows []mandateRow, counts string) {
	if len(rows) == 0 {
		return
	}
	var merchant, id, provider, account, by, cycle []string
	var at []time.Time
	for _, r := range rows {
		merchant, id = append(merchant, string(r.merchant)), append(id, r.id)
		provider, account = append(provider, clean(r.provider)), append(account, r.account)
		by, cycle, at = append(by, string(r.payment)), append(cycle, string(r.cycle)), append(at, r.at)
	}
	b.Queue(mandateSQL+counts, merchant, id, provider, account, by, cycle, at)
}
