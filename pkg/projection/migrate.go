package projection

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/payloom/payloom/migrations"
)

// ErrNotMigrated means that tables are missing or older than this program.
var ErrNotMigrated = errors.New("the database's schema is not this program's, run payctl migrate")

// The advisory locks of a database: who migrates, and who rebuilds.
const (
	migrateLock = 0x7061796c6f6f6d01
	rebuildLock = 0x7061796c6f6f6d02
)

// Migrate makes or updates the live schema and returns one line for each file
// that it ran: none on a second run. Of several callers one works and the others
// wait.
func Migrate(ctx context.Context, dsn string) ([]string, error) {
	pool, err := open(ctx, dsn, "payloom-migrate", Live, 0)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	var lines []string
	err = locked(ctx, pool, migrateLock, func() error {
		lines, err = migrate(ctx, pool, Live)
		return err
	})
	return lines, err
}

// locked runs f while it holds an advisory lock, waiting for it.
func locked(ctx context.Context, pool *pgxpool.Pool, lock int64, f func() error) error {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", lock); err != nil {
		return fmt.Errorf("database lock: %w", err)
	}
	defer func() {
		// Should it fail, the connection is broken and the lock gone with it.
		_, _ = conn.Exec(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", lock)
	}()
	return f()
}

// migrate runs what is missing in schema, which is the pool's search path.
func migrate(ctx context.Context, pool *pgxpool.Pool, schema string) ([]string, error) {
	if _, err := pool.Exec(ctx, "CREATE SCHEMA IF NOT EXISTS "+pgx.Identifier{schema}.Sanitize()); err != nil {
		return nil, fmt.Errorf("create schema %s: %w", schema, err)
	}
	g, done, err := provider(pool)
	if err != nil {
		return nil, err
	}
	defer done()
	results, err := g.Up(ctx)
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	lines := make([]string, len(results))
	for i, r := range results {
		lines[i] = r.String()
	}
	return lines, nil
}

// provider returns goose over pool. done ends it and leaves the pool open.
func provider(pool *pgxpool.Pool) (g *goose.Provider, done func(), err error) {
	db := stdlib.OpenDBFromPool(pool)
	g, err = goose.NewProvider(goose.DialectPostgres, db, migrations.FS, goose.WithDisableGlobalRegistry(true),
		// Numbers are given out in ranges: a file may come after one with a higher number.
		goose.WithAllowOutofOrder(true))
	if err != nil {
		_ = db.Close() // the error above says more
		return nil, nil, fmt.Errorf("migrations: %w", err)
	}
	return g, func() { _ = db.Close() }, nil
}

// CheckMigrated returns nil when the live schema is this program's or newer, and
// an error that wraps ErrNotMigrated when payctl migrate has to run first.
func CheckMigrated(ctx context.Context, pool *pgxpool.Pool) error {
	var there bool
	err := pool.QueryRow(ctx, "SELECT to_regclass('goose_db_version') IS NOT NULL").Scan(&there)
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	if !there {
		return fmt.Errorf("%w: it has no tables", ErrNotMigrated)
	}
	g, done, err := provider(pool)
	if err != nil {
		return err
	}
	defer done()
	pending, err := g.HasPending(ctx)
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	if !pending {
		return nil
	}
	have, want, err := g.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	return fmt.Errorf("%w: it is at version %d of %d, or lacks one before", ErrNotMigrated, have, want)
}
