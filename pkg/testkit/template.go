package testkit

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/payloom/payloom/migrations"
)

// templateLock is the advisory lock under which templates are made: any number
// that nobody else uses.
const templateLock = 7_295_621_166_014

// ensureTemplate returns the name of a database that holds the migrated schema.
// The name tells the migrations' content, so that on a server that stays, and
// is shared, it is migrated once for each state of them.
func ensureTemplate(ctx context.Context, admin string) (name string, err error) {
	digest, err := digestOf(migrations.FS)
	if err != nil {
		return "", err
	}
	name = "payloom_template_" + digest
	conn, err := pgx.Connect(ctx, admin)
	if err != nil {
		return "", err
	}
	// The lock goes with the connection.
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", templateLock); err != nil {
		return "", err
	}
	var there bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&there); err != nil {
		return "", err
	}
	if there {
		return name, nil
	}
	return name, makeTemplate(ctx, conn, admin, name)
}

// makeTemplate migrates under another name: a run that was killed half-way must
// not leave half a schema under this one.
func makeTemplate(ctx context.Context, conn *pgx.Conn, admin, name string) error {
	draft := name + "_draft"
	for _, statement := range []string{
		"DROP DATABASE IF EXISTS " + quote(draft) + " WITH (FORCE)",
		"CREATE DATABASE " + quote(draft),
	} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	if err := migrate(ctx, withDatabase(admin, draft)); err != nil {
		return err
	}
	// Nobody may connect: a template in use cannot be copied.
	for _, statement := range []string{
		"ALTER DATABASE " + quote(draft) + " ALLOW_CONNECTIONS false",
		"ALTER DATABASE " + quote(draft) + " RENAME TO " + quote(name),
	} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// migrate brings the database behind dsn to the newest schema.
func migrate(ctx context.Context, dsn string) (err error) {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return err
	}
	if err := execute(ctx, dsn, "CREATE SCHEMA IF NOT EXISTS "+migrations.Schema); err != nil {
		return err
	}
	cfg.RuntimeParams["search_path"] = migrations.Schema
	db := stdlib.OpenDB(*cfg)
	defer func() { err = errors.Join(err, db.Close()) }()
	return up(ctx, db)
}

func up(ctx context.Context, db *sql.DB) error {
	p, err := goose.NewProvider(goose.DialectPostgres, db, migrations.FS)
	if err != nil {
		return err
	}
	_, err = p.Up(ctx)
	return err
}

// digestOf names the content of all files in fsys.
func digestOf(fsys fs.FS) (string, error) {
	hash := sha256.New()
	err := fs.WalkDir(fsys, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(fsys, path)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(hash, "%q %q\n", path, content)
		return err
	})
	return hex.EncodeToString(hash.Sum(nil)[:8]), err
}
