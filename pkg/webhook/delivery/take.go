package delivery

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/service"
	"github.com/payloom/payloom/pkg/webhook"
	"github.com/payloom/payloom/pkg/wire"
)

// checkpoint says how far a stream is looked through.
type checkpoint struct {
	stream string
	seq    uint64
	digest []byte // SHA-256 of the message at seq; empty: unknown
}

// queryer is a pool or a transaction.
type queryer interface {
	execer
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// errMoved means that another follower has moved the checkpoint.
var errMoved = errors.New("delivery: the checkpoint was moved")

func readCheckpoint(ctx context.Context, q queryer, stream string) (checkpoint, bool, error) {
	c := checkpoint{stream: stream}
	err := q.QueryRow(ctx, "SELECT seq, digest FROM webhook_checkpoints WHERE stream = $1", stream).Scan(&c.seq, &c.digest)
	if errors.Is(err, pgx.ErrNoRows) {
		return c, false, nil
	}
	if err != nil {
		return c, false, fmt.Errorf("checkpoint of %s: %w", stream, err)
	}
	return c, true, nil
}

func (c checkpoint) create(ctx context.Context, q queryer) error {
	_, err := q.Exec(ctx, "INSERT INTO webhook_checkpoints (stream, seq, digest) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
		c.stream, int64(c.seq), c.digest)
	if err != nil {
		return fmt.Errorf("checkpoint of %s: %w", c.stream, err)
	}
	return nil
}

// move moves the checkpoint to m, or returns errMoved when it is not at c.
func (c checkpoint) move(ctx context.Context, q queryer, m bus.Message) (checkpoint, error) {
	sum := sha256.Sum256(m.Data)
	to := checkpoint{stream: c.stream, seq: m.Seq, digest: sum[:]}
	tag, err := q.Exec(ctx, "UPDATE webhook_checkpoints SET seq = $3, digest = $4 WHERE stream = $1 AND seq = $2",
		c.stream, int64(c.seq), int64(to.seq), to.digest)
	if err != nil {
		return c, fmt.Errorf("checkpoint of %s: %w", c.stream, err)
	}
	if tag.RowsAffected() == 0 {
		return c, errMoved
	}
	return to, nil
}

// errBehind means that the rows are behind what was read: a backup was restored.
var errBehind = errors.New("delivery: the checkpoint went back")

// takeAll takes what another follower has left of a batch, and returns where the
// checkpoint is then.
func (f *Follower) takeAll(ctx context.Context, at checkpoint, batch []bus.Message) (checkpoint, error) {
	for {
		first := slices.IndexFunc(batch, func(m bus.Message) bool { return m.Seq > at.seq })
		if first < 0 {
			return at, nil
		}
		moved, err := f.take(ctx, at, batch[first:])
		if err == nil {
			return moved, nil
		}
		if !errors.Is(err, errMoved) {
			return at, err
		}
		before := at.seq
		if at, _, err = readCheckpoint(ctx, f.pool, at.stream); err != nil {
			return at, err
		}
		if at.seq <= before {
			return at, errBehind
		}
	}
}

// take writes the messages that a batch of events makes, and moves the checkpoint
// from where it was. errMoved means that another follower did that.
func (f *Follower) take(ctx context.Context, at checkpoint, batch []bus.Message) (checkpoint, error) {
	var made deliveries
	undecodable := 0
	for _, m := range batch {
		if err := f.read(&made, m); err != nil {
			undecodable++
			f.opts.Log.Error("an event cannot be read, nobody is told of it", service.Stream(m.Stream), service.Sequence(m.Seq), zap.Error(err))
		}
	}
	to := at
	err := pgx.BeginFunc(ctx, f.pool, func(tx pgx.Tx) error {
		var err error
		if to, err = at.move(ctx, tx, batch[len(batch)-1]); err != nil {
			return err
		}
		return made.insert(ctx, tx, f.opts.Clock())
	})
	if err != nil {
		return at, err
	}
	f.gaps(at, batch)
	f.opts.Stats.count(resultUndecodable, undecodable)
	if n := len(made.message); n > 0 {
		f.opts.Stats.count(resultQueued, n)
		f.opts.Wake()
	}
	return to, nil
}

// gaps counts events that are missing. Nobody can tell of them; whoever keeps the
// rows of payments stops at a gap, and a person looks.
func (f *Follower) gaps(at checkpoint, batch []bus.Message) {
	last := at.seq
	for _, m := range batch {
		if m.Seq != last+1 {
			f.opts.Stats.missed.WithLabelValues(at.stream).Add(float64(m.Seq - last - 1))
			f.opts.Log.Error("events are missing", service.Stream(at.stream), service.Sequence(m.Seq), zap.Uint64("after", last))
		}
		last = m.Seq
	}
}

// read adds what the merchant's endpoints are told of the event m.
func (f *Follower) read(made *deliveries, m bus.Message) error {
	rec, err := wire.UnmarshalRecord(m.Data)
	if err != nil {
		return err
	}
	t, told := webhook.TypeOf(rec.Event, rec.After)
	if !told {
		return nil
	}
	for _, w := range f.accounts.Book().Webhooks() {
		if w.Merchant != rec.Event.Merchant || !w.Events.Allows(t) {
			continue
		}
		if err := made.add(w, m, rec); err != nil {
			return err
		}
	}
	return nil
}

// deliveries are rows to be written, a slice per column.
type deliveries struct {
	merchant, endpoint, message, kind, payment []string
	version                                    []int64
	stream                                     []string
	seq                                        []int64
	body, personal                             [][]byte
	eventAt                                    []time.Time
}

func (d *deliveries) add(w *account.Webhook, m bus.Message, rec wire.Record) error {
	b, _ := webhook.Message(rec.Event, rec.After, w.Personal && rec.Sealed == nil)
	body, err := b.Marshal()
	if err != nil {
		return err
	}
	var personal []byte // put in when the message is sent
	if w.Personal {
		personal = rec.Sealed
	}
	e := rec.Event
	d.merchant, d.endpoint, d.message = append(d.merchant, string(w.Merchant)), append(d.endpoint, w.ID), append(d.message, webhook.MessageID(e))
	d.kind, d.payment, d.version = append(d.kind, string(b.Type)), append(d.payment, string(e.Payment)), append(d.version, int64(e.Version))
	d.stream, d.seq = append(d.stream, m.Stream), append(d.seq, int64(m.Seq))
	d.body, d.personal, d.eventAt = append(d.body, body), append(d.personal, personal), append(d.eventAt, m.Time)
	return nil
}

// insertSQL does not mind a row that is there: a checkpoint may have been set back.
const insertSQL = `
INSERT INTO webhook_deliveries (merchant, endpoint, message_id, type, payment_id, version, stream, seq, body, state, attempts,
	due_at, expires_at, event_at, created_at, last_status, last_error, personal)
SELECT merchant, endpoint, message_id, type, payment_id, version, stream, seq, body, 'pending', 0, $11, $12, event_at, $11, 0, '', personal
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::bigint[], $9::bytea[], $10::timestamptz[], $13::bytea[])
	AS r (merchant, endpoint, message_id, type, payment_id, version, stream, seq, body, event_at, personal)
ON CONFLICT DO NOTHING`

func (d *deliveries) insert(ctx context.Context, tx pgx.Tx, now time.Time) error {
	if len(d.message) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, insertSQL, d.merchant, d.endpoint, d.message, d.kind, d.payment, d.version, d.stream, d.seq, d.body, d.eventAt,
		now, now.Add(Horizon), d.personal)
	if err != nil {
		return fmt.Errorf("write deliveries: %w", err)
	}
	return nil
}
