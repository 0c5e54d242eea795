package projection

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/wire"
)

// callbacks projects what providers sent, without what may be personal.
type callbacks struct{}

func (callbacks) decode(m bus.Message) (wire.StoredCallback, error) {
	return wire.UnmarshalCallback(m.Data)
}

func (callbacks) key(e entry[wire.StoredCallback]) (Key, bool) {
	return Key{e.val.Merchant, e.val.Payment}, e.err == nil && e.val.Payment != ""
}

// spoil stores nothing: the interpreter buries what it cannot decode.
func (callbacks) spoil(context.Context, pgx.Tx, entry[wire.StoredCallback]) error { return nil }

const callbacksSQL = `
INSERT INTO callbacks (seq, at, callback_id, provider, merchant, account, kind, page, method, verdict, reason, payment_id, dedup, bytes, received_at)
SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
	$9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::int[], $15::timestamptz[])
ON CONFLICT DO NOTHING`

func (callbacks) write(ctx context.Context, tx pgx.Tx, _ uint64, all []entry[wire.StoredCallback]) error {
	var seq []int64
	var at, received []time.Time
	var id, provider, merchant, account, kind, page, method, verdict, reason, payment, dedup []string
	var size []int32
	for _, e := range all {
		c := e.val
		seq, at, received = append(seq, int64(e.msg.Seq)), append(at, e.msg.Time), append(received, c.ReceivedAt)
		id, provider, merchant = append(id, clean(c.ID)), append(provider, clean(c.Provider)), append(merchant, clean(c.Merchant))
		account, kind, page = append(account, clean(c.Account)), append(kind, string(c.Kind)), append(page, clean(c.Page))
		method, verdict = append(method, clean(c.Method)), append(verdict, string(c.Verdict))
		reason, payment = append(reason, clean(c.Reason)), append(payment, clean(c.Payment))
		dedup, size = append(dedup, clean(c.Dedup)), append(size, int32(sizeOf(e)))
	}
	_, err := tx.Exec(ctx, callbacksSQL, seq, at, id, provider, merchant, account, kind, page, method, verdict, reason, payment, dedup, size, received)
	return err
}

// sizeOf returns the bytes of a body; where that is sealed, of the whole message.
func sizeOf(e entry[wire.StoredCallback]) int {
	if e.val.Closed {
		return len(e.msg.Data)
	}
	return len(e.val.Body)
}

// deadLetters projects what nobody could handle, without its bytes, and which
// operations are dead by it.
type deadLetters struct{}

func (deadLetters) decode(m bus.Message) (wire.DeadLetter, error) {
	return wire.UnmarshalDeadLetter(m.Data)
}

func (deadLetters) key(entry[wire.DeadLetter]) (Key, bool) { return Key{}, false }

const deadLettersSQL = `
INSERT INTO dead_letters (seq, at, service, reason, stream, stream_seq, subject, deliveries, buried_at)
SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::bigint[], $9::timestamptz[])
ON CONFLICT DO NOTHING`

func (deadLetters) write(ctx context.Context, tx pgx.Tx, _ uint64, all []entry[wire.DeadLetter]) error {
	var seq, streamSeq, deliveries []int64
	var at, buried []time.Time
	var service, reason, stream, subject []string
	for _, e := range all {
		d := e.val
		seq, at, buried = append(seq, int64(e.msg.Seq)), append(at, e.msg.Time), append(buried, d.At)
		service, reason = append(service, clean(d.Service)), append(reason, clean(d.Reason))
		stream, streamSeq = append(stream, clean(d.Stream)), append(streamSeq, int64(d.Sequence))
		subject, deliveries = append(subject, clean(d.Subject)), append(deliveries, int64(d.Deliveries))
	}
	var b pgx.Batch
	b.Queue(deadLettersSQL, seq, at, service, reason, stream, streamSeq, subject, deliveries, buried)
	buryOperations(&b, all)
	return tx.SendBatch(ctx, &b).Close()
}

// spoil keeps a row for a dead letter that cannot be read itself, so that it is
// counted.
func (deadLetters) spoil(ctx context.Context, tx pgx.Tx, e entry[wire.DeadLetter]) error {
	_, err := tx.Exec(ctx, deadLettersSQL, []int64{int64(e.msg.Seq)}, []time.Time{e.msg.Time}, []string{"unknown"},
		[]string{"the dead letter itself cannot be read"}, []string{e.msg.Stream}, []int64{int64(e.msg.Seq)},
		[]string{clean(e.msg.Subject)}, []int64{0}, []time.Time{e.msg.Time})
	return err
}
