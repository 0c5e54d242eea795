package projection

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/payloom/payloom/migrations"
)

// Live is the schema of the rows that are read.
const Live = migrations.Schema

// maxConns is how many connections a pool opens unless the DSN says otherwise:
// one per stream, and some for readers.
const maxConns = 16

// statementTimeout ends a statement of a service that takes longer.
const statementTimeout = 10 * time.Second

// Open returns a pool whose connections see the live rows. dsn is a URL or
// keyword string of libpq; name is shown in pg_stat_activity. It does not wait
// for a connection. The caller closes the pool.
func Open(ctx context.Context, dsn, name string) (*pgxpool.Pool, error) {
	return open(ctx, dsn, name, Live, statementTimeout)
}

func open(ctx context.Context, dsn, name, schema string, timeout time.Duration) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		// The library's message leaves the password out.
		return nil, fmt.Errorf("database: %w", err)
	}
	params := cfg.ConnConfig.RuntimeParams
	params["search_path"] = schema
	params["application_name"] = name
	params["timezone"] = "UTC"
	params["statement_timeout"] = fmt.Sprint(timeout.Milliseconds())
	// A connection that is idle inside a transaction holds a checkpoint.
	params["idle_in_transaction_session_timeout"] = fmt.Sprint(max(timeout, time.Minute).Milliseconds())
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
