package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Run is one pass over the payments that are due.
type Run struct {
	WantedAt   time.Time  `json:"wanted_at"` // names it
	Everything bool       `json:"everything"`
	EndedAt    *time.Time `json:"ended_at,omitempty"`
	Asked      int64      `json:"asked"` // payments
}

// Want asks for a run, of everything that is recent or only of what is due. The next
// runner that is free carries it out.
func Want(ctx context.Context, db *pgxpool.Pool, everything bool) (Run, error) {
	r := Run{Everything: everything}
	err := db.QueryRow(ctx, `INSERT INTO reconcile_runs (wanted_at, everything) VALUES (clock_timestamp(), $1) RETURNING wanted_at`, everything).Scan(&r.WantedAt)
	if err != nil {
		return Run{}, fmt.Errorf("ask for a run: %w", err)
	}
	return r, nil
}

// ErrNoRun means that there is no such run.
var ErrNoRun = errors.New("reconcile: no such run")

// Look returns the run that was wanted then.
func Look(ctx context.Context, db *pgxpool.Pool, wanted time.Time) (Run, error) {
	return one(db.Query(ctx, "SELECT wanted_at, everything, ended_at, asked FROM reconcile_runs WHERE wanted_at = $1", wanted))
}

func one(rows pgx.Rows, err error) (Run, error) {
	if err != nil {
		return Run{}, fmt.Errorf("read runs: %w", err)
	}
	r, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Run])
	if errors.Is(err, pgx.ErrNoRows) {
		return Run{}, ErrNoRun
	}
	if err != nil {
		return Run{}, fmt.Errorf("read runs: %w", err)
	}
	return r, nil
}

// begin returns the run that is to be carried out now: one that has not ended, or a
// new one when the last ended too long ago. It returns ErrNoRun when there is none.
func begin(ctx context.Context, db *pgxpool.Pool, every time.Duration) (Run, error) {
	_, err := db.Exec(ctx, `INSERT INTO reconcile_runs (wanted_at, everything) SELECT clock_timestamp(), false
		WHERE NOT EXISTS (SELECT FROM reconcile_runs WHERE ended_at IS NULL OR ended_at > clock_timestamp() - $1::interval)`, every)
	if err != nil {
		return Run{}, fmt.Errorf("begin a run: %w", err)
	}
	return one(db.Query(ctx, `SELECT wanted_at, everything, ended_at, asked FROM reconcile_runs
		WHERE ended_at IS NULL ORDER BY wanted_at LIMIT 1`))
}

// end notes that r is over, and forgets runs that nobody asks about any more.
func end(ctx context.Context, db *pgxpool.Pool, r Run) error {
	_, err := db.Exec(ctx, `UPDATE reconcile_runs SET ended_at = clock_timestamp(), asked = $2 WHERE wanted_at = $1`, r.WantedAt, r.Asked)
	if err != nil {
		return fmt.Errorf("end a run: %w", err)
	}
	_, err = db.Exec(ctx, `DELETE FROM reconcile_runs WHERE ended_at < clock_timestamp() - interval '40 days'`)
	if err != nil {
		return fmt.Errorf("forget runs: %w", err)
	}
	return nil
}

// lockKey is that of the advisory lock which the one who runs holds. Another who runs
// all the same does no harm: both ask the same questions.
const lockKey = 0x7061_796c_7265_636f

// alone calls f while nobody else runs, and returns false when somebody does. The lock
// is the connection's: it goes with whoever holds it.
func alone(ctx context.Context, db *pgxpool.Pool, f func() error) (bool, error) {
	conn, err := db.Acquire(ctx)
	if err != nil {
		return false, fmt.Errorf("lock runs: %w", err)
	}
	defer conn.Release()
	var got bool
	if err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", int64(lockKey)).Scan(&got); err != nil || !got {
		return false, err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if _, err := conn.Exec(ctx, "SELECT pg_advisory_unlock($1)", int64(lockKey)); err != nil {
			_ = conn.Conn().Close(ctx) // the lock must not live on in the pool
		}
	}()
	return true, f()
}
