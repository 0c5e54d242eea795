package testkit

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// dropTimeout is how long a test's database may take to go.
const dropTimeout = 30 * time.Second

// Postgres returns the DSN of a database that holds the migrated schema and no
// rows, belongs to this test alone, and is dropped at its end. Tests may run in
// parallel. It skips under -short.
func Postgres(t testing.TB) string {
	t.Helper()
	admin := PostgresServer(t)
	template, err := shared.migrated()
	if err != nil {
		t.Fatalf("testkit: migrate the template database: %v", err)
	}
	name := databaseName(t)
	if err := execute(t.Context(), admin, "CREATE DATABASE "+quote(name)+" TEMPLATE "+quote(template)); err != nil {
		t.Fatalf("testkit: create the test's database: %v", err)
	}
	t.Cleanup(func() { drop(t, admin, name) })
	return withDatabase(admin, name)
}

// PostgresServer returns the DSN of the test binary's server, for a user who may
// create databases. It skips under -short. Most tests want [Postgres].
func PostgresServer(t testing.TB) string {
	t.Helper()
	if testing.Short() {
		t.Skip("needs Postgres")
	}
	dsn, err := shared.start()
	if err != nil {
		lacking(t, err)
	}
	return dsn
}

func drop(t testing.TB, admin, name string) {
	t.Helper()
	// The test's own context has ended by now.
	ctx, cancel := context.WithTimeout(context.Background(), dropTimeout)
	defer cancel()
	if err := execute(ctx, admin, "DROP DATABASE IF EXISTS "+quote(name)+" WITH (FORCE)"); err != nil {
		t.Errorf("testkit: drop the test's database: %v", err)
	}
}

// execute runs one statement on a connection of its own.
func execute(ctx context.Context, dsn, sql string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, sql)
	return err
}

var notInName = regexp.MustCompile(`[^a-z0-9]+`)

// databaseName tells which test a database belongs to, and is unlike any other:
// a server may serve several test binaries at once.
func databaseName(t testing.TB) string {
	name := notInName.ReplaceAllString(strings.ToLower(t.Name()), "_")
	return fmt.Sprintf("%.40s_%.12s", name, strings.ToLower(rand.Text()))
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

// withDatabase returns dsn, a URL or a list of key=value, for another database.
func withDatabase(dsn, name string) string {
	u, err := url.Parse(dsn)
	if err != nil || u.Scheme == "" {
		return dsn + " dbname=" + name
	}
	u.Path = "/" + name
	return u.String()
}
