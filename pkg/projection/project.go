package projection

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/zap"
)

// project stores entries and the checkpoint after them in one transaction. What
// cannot be stored is set aside, and the rest of the batch stored.
func (l *lane[T]) project(ctx context.Context, all []entry[T], next Checkpoint) error {
	if spoilt(all) {
		return l.oneByOne(ctx, all, next)
	}
	err := l.transact(ctx, next, func(tx pgx.Tx) error { return l.kind.write(ctx, tx, l.at.Origin, all) })
	if repeats(err) {
		// COPY cannot pass over what is there already.
		err = l.transact(ctx, next, func(tx pgx.Tx) error { return l.safe.write(ctx, tx, l.at.Origin, all) })
	}
	if isPoison(err) {
		return l.oneByOne(ctx, all, next)
	}
	return err
}

// transact moves the checkpoint and runs f in one transaction, or returns
// errMoved and changes nothing.
func (l *lane[T]) transact(ctx context.Context, next Checkpoint, f func(pgx.Tx) error) error {
	tx, err := l.pool.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	// After a commit this does nothing.
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	tag, err := tx.Exec(ctx, moveSQL, l.stream, int64(l.at.Seq), int64(next.Seq), next.At, next.Digest, int64(next.Origin))
	if err != nil {
		return fmt.Errorf("move checkpoint: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return errMoved
	}
	if err := f(tx); err != nil {
		return err
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// oneByOne stores each entry under a savepoint and sets aside those that fail.
func (l *lane[T]) oneByOne(ctx context.Context, all []entry[T], next Checkpoint) error {
	return l.transact(ctx, next, func(tx pgx.Tx) error {
		for _, e := range all {
			reason := e.err
			if reason == nil {
				reason = pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error {
					return l.safe.write(ctx, tx, l.at.Origin, []entry[T]{e})
				})
			}
			if reason == nil {
				continue
			}
			if e.err == nil && !isPoison(reason) {
				return reason
			}
			if err := l.setAside(ctx, tx, e, reason); err != nil {
				return err
			}
		}
		return nil
	})
}

// setAside buries an entry before the transaction that passes over it commits:
// buried twice is noticed, not buried at all would not be.
func (l *lane[T]) setAside(ctx context.Context, tx pgx.Tx, e entry[T], reason error) error {
	l.opts.Log.Error("message cannot be projected", zap.String("stream", l.stream),
		zap.Uint64("sequence", e.msg.Seq), zap.String("reason", harmless(reason)))
	l.stats.setAside(l.stream)
	if l.bury != nil {
		if err := l.bury(ctx, e, reason); err != nil {
			return err
		}
	}
	err := pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error { return l.kind.spoil(ctx, tx, e) })
	if isPoison(err) {
		return &Halt{l.stream, e.msg.Seq, Stuck, harmless(err)}
	}
	return err
}

// harmless returns err's text without what the database quotes from a row.
func harmless(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return fmt.Sprintf("database: SQLSTATE %s, table %q, column %q, constraint %q", e.Code, e.TableName, e.ColumnName, e.ConstraintName)
	}
	return err.Error()
}

// repeats tells whether a row was there already.
func repeats(err error) bool { return sqlClass(err, "23505") }

// isPoison tells whether err is the row's fault: its data, a constraint, a limit
// of the database. Trying it again would fail again.
func isPoison(err error) bool { return sqlClass(err, "22", "23", "54") }

// sqlClass tells whether err is an error of the database whose code begins with
// one of prefixes.
func sqlClass(err error, prefixes ...string) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return false
	}
	for _, p := range prefixes {
		if len(e.Code) >= len(p) && e.Code[:len(p)] == p {
			return true
		}
	}
	return false
}
