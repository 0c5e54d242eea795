package projection

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/wire"
)

// event is what is kept of a message on EVENTS.
type event struct {
	rec  wire.Record
	body []byte // without the snapshot
	hash []byte // of the whole message
}

func (e event) key() Key { return Key{e.rec.Event.Merchant, e.rec.Event.Payment} }

func decodeEvent(m bus.Message) (event, error) {
	rec, err := wire.UnmarshalRecord(m.Data)
	if err != nil {
		return event{}, err
	}
	body, err := wire.Body(m.Data)
	if err != nil {
		return event{}, err
	}
	return event{rec: rec, body: body, hash: wire.Hash(m.Data)}, nil
}

// events projects the ledgers of one shard.
type events struct {
	shard  int
	stream string
	// copyFrom is how many events are worth a COPY; fewer go by INSERT.
	copyFrom int
	// first returns the first sequence that the stream still has.
	first func(context.Context) (uint64, error)
}

func (events) decode(m bus.Message) (event, error) { return decodeEvent(m) }

func (events) key(e entry[event]) (Key, bool) {
	if e.err != nil {
		return subjectKey(e.msg.Subject)
	}
	return e.val.key(), true
}

// subjectKey reads whose ledger a subject is: pay.evt.<shard>.<provider>.<merchant>.<payment>.
func subjectKey(subject string) (Key, bool) {
	t := strings.Split(subject, ".")
	if len(t) != 6 || payment.Merchant(t[4]).Validate() != nil || payment.ID(t[5]).Validate() != nil {
		return Key{}, false
	}
	return Key{payment.Merchant(t[4]), payment.ID(t[5])}, true
}

// write stores events that were all decoded.
func (v events) write(ctx context.Context, tx pgx.Tx, origin uint64, all []entry[event]) error {
	heads, err := readHeads(ctx, tx, all)
	if err != nil {
		return err
	}
	for _, e := range all {
		if err := v.link(ctx, heads, origin, e); err != nil {
			return err
		}
	}
	if len(all) >= v.copyFrom {
		if err := v.copy(ctx, tx, all); err != nil {
			return err
		}
	}
	var b pgx.Batch
	if len(all) < v.copyFrom {
		v.insert(&b, all)
	}
	folded, outlived := heads.part(all)
	foldPayments(&b, v.shard, folded)
	heads.outlive(&b, v.stream, outlived)
	operate(&b, all)
	refer(&b, all)
	issueMandates(&b, all)
	noteBreaks(&b, all)
	return tx.SendBatch(ctx, &b).Close()
}

// heads are the ends of the ledgers that a batch continues.
type heads map[Key]head

type head struct {
	version uint64
	hash    []byte
	seq     uint64
	// outlived is set once the payment has a ledger that began anew.
	outlived bool
}

const headsSQL = `
SELECT p.merchant, p.payment_id, p.version, p.last_hash, p.last_seq, p.outlived
FROM unnest($1::text[], $2::text[]) AS r (merchant, payment_id)
JOIN payments p USING (merchant, payment_id)`

func readHeads(ctx context.Context, q queryer, all []entry[event]) (heads, error) {
	ids := make(map[Key]bool, len(all))
	var merchants, payments []string
	for _, e := range all {
		if k := e.val.key(); !ids[k] {
			ids[k] = true
			merchants, payments = append(merchants, string(k.Merchant)), append(payments, string(k.Payment))
		}
	}
	return scanHeads(q.Query(ctx, headsSQL, merchants, payments))
}

func scanHeads(rows pgx.Rows, err error) (heads, error) {
	if err != nil {
		return nil, fmt.Errorf("read heads: %w", err)
	}
	out := make(heads)
	var k Key
	var h head
	_, err = pgx.ForEachRow(rows, []any{&k.Merchant, &k.Payment, &h.version, &h.hash, &h.seq, &h.outlived}, func() error {
		out[k] = head{h.version, slices.Clone(h.hash), h.seq, h.outlived}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read heads: %w", err)
	}
	return out, nil
}

// link makes e the head of its payment, and returns a *Halt unless it follows what
// is known of it, or begins anew what the stream has forgotten.
func (v events) link(ctx context.Context, h heads, origin uint64, e entry[event]) error {
	k, rec := e.val.key(), e.val.rec
	last := h[k]
	next := head{rec.Event.Version, e.val.hash, e.msg.Seq, last.outlived}
	if rec.Event.Version == 1 && len(rec.Prev) == 0 && last.version > 0 {
		first, err := v.first(ctx)
		if err != nil {
			return err
		}
		if last.seq < first {
			next.outlived = true
			h[k] = next
			return nil
		}
	}
	h[k] = next
	return last.follow(v.stream, origin, e)
}

// follow returns a *Halt unless e is the event after last.
func (last head) follow(stream string, origin uint64, e entry[event]) error {
	rec := e.val.rec
	if last.version == 0 && rec.Event.Version > 1 && origin > 1 {
		return nil // its beginning had expired before this projection began
	}
	if rec.Event.Version != last.version+1 {
		return &Halt{stream, e.msg.Seq, Version, fmt.Sprintf("payment %s has version %d after %d", rec.Event.Payment, rec.Event.Version, last.version)}
	}
	if !bytes.Equal(rec.Prev, last.hash) {
		return &Halt{stream, e.msg.Seq, Chain, fmt.Sprintf("version %d of payment %s does not name the event before it", rec.Event.Version, rec.Event.Payment)}
	}
	return nil
}

// eventColumns are the columns of events, in the order of both ways to write them.
var eventColumns = []string{
	"shard", "seq", "at", "merchant", "payment_id", "version", "type", "command_id", "source", "body", "prev_hash", "hash",
}

// copy writes events by COPY, which is fastest and fails on a repetition.
func (v events) copy(ctx context.Context, tx pgx.Tx, all []entry[event]) error {
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"events"}, eventColumns, pgx.CopyFromSlice(len(all), func(i int) ([]any, error) {
		m, r := all[i].msg, all[i].val.rec
		return []any{
			int16(v.shard), int64(m.Seq), m.Time, string(r.Event.Merchant), string(r.Event.Payment), int64(r.Event.Version),
			string(r.Event.Data.Type()), clean(r.Event.Command), string(r.Event.Source), all[i].val.body, notNil(r.Prev), all[i].val.hash,
		}, nil
	}))
	if err != nil {
		return fmt.Errorf("copy events: %w", err)
	}
	return nil
}

// notNil returns b, or the empty bytes for nil, which would be a NULL.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

const insertEventsSQL = `
INSERT INTO events (shard, seq, at, merchant, payment_id, version, type, command_id, source, body, prev_hash, hash)
SELECT $1, * FROM unnest(
	$2::bigint[], $3::timestamptz[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::text[], $9::text[],
	$10::bytea[], $11::bytea[], $12::bytea[])
ON CONFLICT DO NOTHING`

// insert queues events for INSERT, which passes over repetitions.
func (v events) insert(b *pgx.Batch, all []entry[event]) {
	var seq, version []int64
	var at []time.Time
	var merchant, id, typ, command, source []string
	var body, prev, hash [][]byte
	for _, e := range all {
		r := e.val.rec
		seq, at = append(seq, int64(e.msg.Seq)), append(at, e.msg.Time)
		merchant, id = append(merchant, string(r.Event.Merchant)), append(id, string(r.Event.Payment))
		version, typ = append(version, int64(r.Event.Version)), append(typ, string(r.Event.Data.Type()))
		command, source = append(command, clean(r.Event.Command)), append(source, string(r.Event.Source))
		body, prev, hash = append(body, e.val.body), append(prev, notNil(r.Prev)), append(hash, e.val.hash)
	}
	b.Queue(insertEventsSQL, int16(v.shard), seq, at, merchant, id, version, typ, command, source, body, prev, hash)
}

// quarantineSQL notes that an event of a payment could not be projected. The next
// event finds its predecessor all the same and sets the rest right; the note
// stays until a person has looked. A payment without events becomes what the
// event alone would have made it, whether or not its command is known already.
const quarantineSQL = `
INSERT INTO payments AS p (
	merchant, payment_id, provider, account, state, settled, version, shard, last_seq, last_hash,
	currency, amount, authorized, captured, refunded, capturable, refundable, capture_mode,
	attention, frozen, quarantined, opened_by, created_at, updated_at)
VALUES ($1, $2, $3, '', $4, false, 1, $5, $6, $7, '', 0, 0, 0, 0, 0, 0, '', true, '', $8, '', $9, $9)
ON CONFLICT (merchant, payment_id) DO UPDATE SET
	version = p.version + 1, shard = excluded.shard, last_seq = excluded.last_seq, last_hash = excluded.last_hash,
	attention = true, quarantined = excluded.quarantined,
	state = CASE WHEN p.version = 0 THEN excluded.state ELSE p.state END,
	provider = CASE WHEN p.version = 0 THEN excluded.provider ELSE p.provider END,
	account = CASE WHEN p.version = 0 THEN '' ELSE p.account END,
	currency = CASE WHEN p.version = 0 THEN '' ELSE p.currency END,
	amount = CASE WHEN p.version = 0 THEN 0 ELSE p.amount END,
	capture_mode = CASE WHEN p.version = 0 THEN '' ELSE p.capture_mode END,
	opened_by = CASE WHEN p.version = 0 THEN '' ELSE p.opened_by END,
	kind = CASE WHEN p.version = 0 THEN '' ELSE p.kind END,
	created_at = least(p.created_at, excluded.created_at),
	updated_at = excluded.updated_at
WHERE p.last_seq < excluded.last_seq`

// spoil stores, in place of an event that cannot be projected, that it is there.
func (v events) spoil(ctx context.Context, tx pgx.Tx, e entry[event]) error {
	k, ok := subjectKey(e.msg.Subject)
	if !ok {
		return nil // it belongs to no payment; the dead letter is all there is
	}
	note := fmt.Sprintf("event %s/%d could not be projected", v.stream, e.msg.Seq)
	_, err := tx.Exec(ctx, quarantineSQL, string(k.Merchant), string(k.Payment), strings.Split(e.msg.Subject, ".")[3],
		StateNew, int16(v.shard), int64(e.msg.Seq), wire.Hash(e.msg.Data), note, e.msg.Time)
	if err != nil {
		return fmt.Errorf("quarantine: %w", err)
	}
	return nil
}

// late tells which events there may be twice: those of a batch that failed on a
// repetition.
func (v events) late() events {
	v.copyFrom = maxBatch + 1
	return v
}

// maxBatch is the largest batch.
const maxBatch = 10_000
