package projection

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Rows is the content of a table in brief.
type Rows struct {
	Count int64
	Hash  string // SHA-256 over all rows in the order of their keys, hexadecimal
}

// Picture is the content of a projection at one moment.
type Picture struct {
	Schema string
	At     map[string]uint64 // sequence by stream; 0 when nothing of it was projected
	Tables map[string]Rows   // by table
}

// projected lists the tables that the streams determine, with their order. wakes
// and checkpoints are not among them.
func projected() map[string]string {
	return map[string]string{
		"payments":         "merchant, payment_id",
		"reconcile_breaks": "merchant, break_id",
		"refs":             "merchant, value, payment_id",
		"mandates":         "merchant, mandate_id",
		"operations":       "merchant, payment_id, command_id",
		"events":           "shard, seq, at",
		"commands":         "merchant, command_id, accepted_at",
		"callbacks":        "seq",
		"dead_letters":     "seq",
	}
}

// RowHashes returns the hash of every table of a schema, by table. Two schemas
// that projected the same streams to the same sequences have the same hashes.
func RowHashes(ctx context.Context, dsn, schema string) (map[string]string, error) {
	pool, err := open(ctx, dsn, "payloom-hash", schema, 0)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	p, err := picture(ctx, pool, schema)
	if err != nil {
		return nil, err
	}
	hashes := make(map[string]string, len(p.Tables))
	for table, rows := range p.Tables {
		hashes[table] = rows.Hash
	}
	return hashes, nil
}

// picture reads everything in one snapshot of the database: it holds nobody up,
// and what it says was true at one moment.
func picture(ctx context.Context, pool *pgxpool.Pool, schema string) (Picture, error) {
	p := Picture{Schema: schema, At: make(map[string]uint64), Tables: make(map[string]Rows)}
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, pool, snapshot, func(tx pgx.Tx) error {
		at, err := checkpoints(ctx, tx)
		if err != nil {
			return err
		}
		for stream, c := range at {
			p.At[stream] = c.Seq
		}
		for table, order := range projected() {
			if p.Tables[table], err = rowsOf(ctx, tx, table, order); err != nil {
				return fmt.Errorf("hash %s: %w", table, err)
			}
		}
		return nil
	})
	return p, err
}

// rowsOf hashes a table's rows one by one, so that its size does not matter.
func rowsOf(ctx context.Context, q queryer, table, order string) (Rows, error) {
	rows, err := q.Query(ctx, "SELECT t::text FROM "+table+" t ORDER BY "+order)
	if err != nil {
		return Rows{}, err
	}
	hash := sha256.New()
	var out Rows
	var line string
	_, err = pgx.ForEachRow(rows, []any{&line}, func() error {
		out.Count++
		_, err := io.WriteString(hash, line+"\n")
		return err
	})
	out.Hash = hex.EncodeToString(hash.Sum(nil))
	return out, err
}

// Diff lists what two pictures differ in, a line each: none when they are equal.
func (p Picture) Diff(q Picture) []string {
	var lines []string
	for _, table := range slices.Sorted(maps.Keys(p.Tables)) {
		a, b := p.Tables[table], q.Tables[table]
		if a != b {
			lines = append(lines, fmt.Sprintf("%s: %d rows %.12s in %s, %d rows %.12s in %s",
				table, a.Count, a.Hash, p.Schema, b.Count, b.Hash, q.Schema))
		}
	}
	return lines
}
