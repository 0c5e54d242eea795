package projection

import (
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// A payment outlives its ledger: events expire, and what is asked of it then begins
// a ledger anew, with version 1 and no predecessor, of a payment that nobody
// opened. The row keeps what the former ledger told, a person is told to look, and
// the new events are kept beside the old ones.

// outliveSQL moves payments to their place in the ledger that began anew.
const outliveSQL = `
UPDATE payments p SET
	version = r.version, last_seq = r.last_seq, last_hash = r.last_hash, outlived = true, attention = true,
	quarantined = CASE WHEN r.note = '' THEN p.quarantined ELSE r.note END, updated_at = r.at
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bytea[], $6::text[], $7::timestamptz[])
	AS r (merchant, payment_id, version, last_seq, last_hash, note, at)
WHERE p.merchant = r.merchant AND p.payment_id = r.payment_id AND p.last_seq < r.last_seq`

// outlive queues the write of those payments among all whose ledger began anew.
func (h heads) outlive(b *pgx.Batch, stream string, all []entry[event]) {
	notes := make(map[Key]string)
	for _, e := range all {
		if e.val.rec.Event.Version == 1 {
			notes[e.val.key()] = fmt.Sprintf("event %s/%d began a ledger anew: the payment's former events have expired", stream, e.msg.Seq)
		}
	}
	var merchant, id, note []string
	var version, seq []int64
	var hash [][]byte
	var at []time.Time
	for _, r := range newest(all) {
		k := keyOf(r.rec)
		merchant, id, note = append(merchant, string(k.Merchant)), append(id, string(k.Payment)), append(note, notes[k])
		version, seq = append(version, int64(r.rec.Event.Version)), append(seq, int64(r.seq))
		hash, at = append(hash, r.hash), append(at, r.rec.Event.At)
	}
	if len(id) > 0 {
		b.Queue(outliveSQL, merchant, id, version, seq, hash, note, at)
	}
}

// part returns those of all whose payments have the ledger they began with, and
// those of payments that outlived it.
func (h heads) part(all []entry[event]) (folded, outlived []entry[event]) {
	for k := range h {
		if h[k].outlived {
			folded = slices.Clone(all)
			return slices.DeleteFunc(folded, func(e entry[event]) bool { return h[e.val.key()].outlived }),
				slices.DeleteFunc(slices.Clone(all), func(e entry[event]) bool { return !h[e.val.key()].outlived })
		}
	}
	return all, nil
}
