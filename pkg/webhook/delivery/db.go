package delivery

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/pressly/goose/v3"

	"github.com/payloom/payloom/migrations"
)

const (
	// maxConns is how many connections a pool opens unless the DSN says otherwise.
	// None is held while an endpoint is waited for.
	maxConns = 16
	// statementTimeout ends a statement that takes longer.
	statementTimeout = 10 * time.Second
)

// ErrNotMigrated means that the tables are missing, or older than this program.
var ErrNotMigrated = errors.New("the database is not as this program needs it, run payctl migrate")

// Open returns a pool whose connections see the tables of this package. dsn is a
// URL or keyword string of libpq; name is shown in pg_stat_activity. It does not
// wait for a connection. The caller closes the pool.
func Open(ctx context.Context, dsn, name string) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		// The library's message leaves the password out.
		return nil, fmt.Errorf("database: %w", err)
	}
	params := cfg.ConnConfig.RuntimeParams
	params["search_path"] = migrations.Kept
	params["application_name"] = name
	params["timezone"] = "UTC"
	params["statement_timeout"] = fmt.Sprint(statementTimeout.Milliseconds())
	params["idle_in_transaction_session_timeout"] = fmt.Sprint(time.Minute.Milliseconds())
	cfg.MaxConnIdleTime = 5 * time.Minute
	if !strings.Contains(dsn, "pool_max_conns") {
		cfg.MaxConns = maxConns
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	return pool, nil
}

// CheckMigrated returns nil when the tables are this program's or newer, and an error
// that wraps ErrNotMigrated when payctl migrate has to run first.
func CheckMigrated(ctx context.Context, pool *pgxpool.Pool) error {
	// What has run is noted in the schema of the rows, whatever a file makes.
	versions := pgx.Identifier{migrations.Schema, goose.DefaultTablename}.Sanitize()
	var tables, noted bool
	err := pool.QueryRow(ctx, "SELECT to_regclass('webhook_deliveries') IS NOT NULL, to_regclass($1) IS NOT NULL", versions).Scan(&tables, &noted)
	switch {
	case err != nil:
		return fmt.Errorf("database: %w", err)
	case !tables || !noted:
		return fmt.Errorf("%w: it has no tables for webhooks", ErrNotMigrated)
	}
	rows, err := pool.Query(ctx, "SELECT version_id FROM "+versions+" WHERE is_applied")
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	applied, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	return pending(applied)
}

// pending returns an error that wraps ErrNotMigrated when a file of this program's is
// not among those that were applied.
func pending(applied []int64) error {
	files, err := fs.Glob(migrations.FS, "*.sql")
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	for _, f := range files {
		version, err := goose.NumericComponent(f)
		if err != nil {
			return fmt.Errorf("migrations: %w", err)
		}
		if !slices.Contains(applied, version) {
			return fmt.Errorf("%w: %s has not run", ErrNotMigrated, f)
		}
	}
	return nil
}
