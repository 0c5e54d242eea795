package projection

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/payloom/payloom/pkg/bus"
)

// Checkpoint says how far a stream is projected.
type Checkpoint struct {
	Stream string
	Seq    uint64    // of the last message; 0: none
	At     time.Time // broker time of that message
	Digest []byte    // SHA-256 of that message
	Origin uint64    // the first sequence that was projected, 1 unless the stream had forgotten older ones
}

// following returns the checkpoint after m was projected.
func (c Checkpoint) following(m bus.Message) Checkpoint {
	sum := sha256.Sum256(m.Data)
	c.Seq, c.At, c.Digest = m.Seq, m.Time, sum[:]
	return c
}

// queryer is a pool, a connection or a transaction.
type queryer interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Checkpoints returns how far every stream is projected, by stream.
func Checkpoints(ctx context.Context, pool *pgxpool.Pool) (map[string]Checkpoint, error) {
	return checkpoints(ctx, pool)
}

func checkpoints(ctx context.Context, q queryer) (map[string]Checkpoint, error) {
	rows, err := q.Query(ctx, "SELECT stream, seq, at, digest, origin FROM checkpoints")
	if err != nil {
		return nil, fmt.Errorf("read checkpoints: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Checkpoint])
	if err != nil {
		return nil, fmt.Errorf("read checkpoints: %w", err)
	}
	all := make(map[string]Checkpoint, len(list))
	for _, c := range list {
		all[c.Stream] = c
	}
	return all, nil
}

// checkpoint returns how far a stream is projected: Seq 0 when it never was.
func checkpoint(ctx context.Context, q queryer, stream string) (Checkpoint, error) {
	c := Checkpoint{Stream: stream, Origin: 1}
	err := q.QueryRow(ctx, "SELECT seq, at, digest, origin FROM checkpoints WHERE stream = $1", stream).
		Scan(&c.Seq, &c.At, &c.Digest, &c.Origin)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return c, fmt.Errorf("read the checkpoint of %s: %w", stream, err)
	}
	return c, nil
}

// moveSQL moves a checkpoint if it still is where the mover believes it to be. One
// that is not there is at 0.
const moveSQL = `
INSERT INTO checkpoints AS c (stream, seq, at, digest, origin)
SELECT $1, $3, $4, $5, $6 WHERE $2::bigint = 0 OR EXISTS (SELECT FROM checkpoints WHERE stream = $1)
ON CONFLICT (stream) DO UPDATE SET seq = excluded.seq, at = excluded.at, digest = excluded.digest
WHERE c.seq = $2`

// errMoved means that another projector has moved the checkpoint.
var errMoved = errors.New("projection: the checkpoint was moved by another projector")
