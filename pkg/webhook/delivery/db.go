package delivery

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/payloom/payloom/migrations"
)

const (
	// maxConns is how many connections a pool opens unless the DSN says otherwise.
	// None is held while an endpoint is waited for.
	maxConns = 16
	// statementTimeout ends a statement that takes longer.
	statementTimeout = 10 * time.Second
)

// ErrNotMigrated means that the tables are missing.
var ErrNotMigrated = errors.New("the database has no tables for webhooks, run payctl migrate")

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

// CheckMigrated returns an error that wraps ErrNotMigrated when payctl migrate has
// to run first.
func CheckMigrated(ctx context.Context, pool *pgxpool.Pool) error {
	var there bool
	if err := pool.QueryRow(ctx, "SELECT to_regclass('webhook_deliveries') IS NOT NULL").Scan(&there); err != nil {
		return fmt.Errorf("database: %w", err)
	}
	if !there {
		return ErrNotMigrated
	}
	return nil
}
