package chaos

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/projection"
	"github.com/payloom/payloom/services/payctl/internal/stack"
)

// fill has one of the ledgers reach its limit.
func fill(ctx context.Context, f *field, r *rand.Rand) (injury, error) {
	b := f.hands.provisioner
	all := append(b.CommandStreams(), bus.CallbackStream)
	all = append(all, b.EventStreams()...)
	name := all[r.IntN(len(all))]
	f.streams.Lock()
	empty, err := b.Fill(ctx, name)
	if empty == nil {
		f.streams.Unlock()
		return injury{what: name}, err
	}
	return injury{what: name, heal: func(ctx context.Context) error {
		if err := empty(ctx); err != nil {
			return err
		}
		f.streams.Unlock()
		return nil
	}}, err
}

// poison plants what nobody can read.
func poison(ctx context.Context, f *field, r *rand.Rand) (injury, error) {
	var errs []error
	n := 0
	for _, p := range payment.Providers() {
		for _, at := range []struct {
			by     *bus.Bus
			prefix string
		}{{f.hands.ingress, "pay.cmd.0"}, {f.hands.receiver, "pay.hook"}} {
			_, err := at.by.Plant(ctx, strings.Join([]string{at.prefix, string(p), stack.Merchant, token(r)}, "."), garbage(r))
			if err == nil {
				n++
			}
			errs = append(errs, err)
		}
	}
	if n > 0 {
		return injury{what: fmt.Sprintf("%d messages", n)}, nil
	}
	return injury{}, errors.Join(errs...)
}

// token is an id that a command or callback may have.
func token(r *rand.Rand) string {
	sum := sha256.Sum256(garbage(r))
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:16]))
}

// garbage is no protobuf message: it begins with a tag that is none.
func garbage(r *rand.Rand) []byte {
	b := make([]byte, 8+r.IntN(200))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	b[0] = 0xff
	b[1] = 0xff
	return b
}

// crash kills Postgres and starts it again after a while.
func crash(_ context.Context, f *field, _ *rand.Rand) (injury, error) {
	server := f.stack.Postgres()
	f.database.Lock()
	if err := server.Crash(); err != nil {
		f.database.Unlock()
		return injury{}, err
	}
	return injury{what: stack.Postgres, heal: func(ctx context.Context) error {
		if err := server.Restart(ctx); err != nil {
			return err
		}
		f.database.Unlock()
		return nil
	}}, nil
}

// copied is the schema of the copy that rows are set back to.
const copied = "payloom_earlier"

// rollBack copies the rows, and sets them back to the copy later, as a failover to
// a standby does that lagged behind.
func rollBack(ctx context.Context, f *field, _ *rand.Rand) (injury, error) {
	f.database.Lock()
	defer f.database.Unlock()
	err := f.atDatabase(ctx, copyRows)
	return injury{what: "all rows", heal: f.setBack}, err
}

// setBack puts the copy in the place of the rows while the tracker is down.
func (f *field) setBack(ctx context.Context) error {
	f.database.Lock()
	defer f.database.Unlock()
	release, err := f.stack.Hold(stack.Tracker)
	if err != nil {
		return err
	}
	defer release()
	if err := f.stack.Kill9(stack.Tracker); err != nil {
		return err
	}
	return f.atDatabase(ctx, restoreRows)
}

// atDatabase runs work in a transaction that sees everything as at one moment.
func (f *field) atDatabase(ctx context.Context, work func(context.Context, pgx.Tx, []string) error) error {
	pool, err := projection.Open(ctx, f.stack.DatabaseURL(), "payctl")
	if err != nil {
		return err
	}
	defer pool.Close()
	return pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname NOT LIKE 'goose%'`, projection.Live)
		if err != nil {
			return err
		}
		tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		return work(ctx, tx, tables)
	})
}

func copyRows(ctx context.Context, tx pgx.Tx, tables []string) error {
	sql := "DROP SCHEMA IF EXISTS " + copied + " CASCADE; CREATE SCHEMA " + copied
	for _, t := range tables {
		sql += fmt.Sprintf("; CREATE TABLE %s AS TABLE %s", pgx.Identifier{copied, t}.Sanitize(), pgx.Identifier{projection.Live, t}.Sanitize())
	}
	_, err := tx.Exec(ctx, sql)
	return err
}

// restoreRows does nothing when there is no copy: it was made use of already, or
// never made.
func restoreRows(ctx context.Context, tx pgx.Tx, tables []string) error {
	var there bool
	if err := tx.QueryRow(ctx, "SELECT to_regnamespace($1) IS NOT NULL", copied).Scan(&there); err != nil || !there {
		return err
	}
	sql := ""
	for _, t := range tables {
		live := pgx.Identifier{projection.Live, t}.Sanitize()
		sql += fmt.Sprintf("TRUNCATE %s; INSERT INTO %s SELECT * FROM %s; ", live, live, pgx.Identifier{copied, t}.Sanitize())
	}
	_, err := tx.Exec(ctx, sql+"DROP SCHEMA "+copied+" CASCADE")
	return err
}
