package testkit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

func TestMain(m *testing.M) { os.Exit(Main(m)) }

func mustQuery[T any](t *testing.T, dsn, sql string, args ...any) T {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	var got T
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&got); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return got
}

func TestPostgres_BelongsToOneTest(t *testing.T) {
	t.Parallel()
	one, two := Postgres(t), Postgres(t)
	if err := execute(t.Context(), one, "CREATE TABLE mine (n int)"); err != nil {
		t.Fatal(err)
	}
	if got := mustQuery[int](t, two, "SELECT count(*) FROM pg_tables WHERE tablename = 'mine'"); got != 0 {
		t.Error("a table of one test is seen by another")
	}
	if got := mustQuery[int](t, two, "SELECT count(*) FROM pg_tables WHERE tablename = 'goose_db_version'"); got != 1 {
		t.Errorf("%d tables of migrations, want 1", got)
	}
}

func TestPostgres_IsDroppedAtTheEnd(t *testing.T) {
	t.Parallel()
	admin := PostgresServer(t)
	var name string
	t.Run("inner", func(t *testing.T) {
		dsn := Postgres(t)
		name = mustQuery[string](t, dsn, "SELECT current_database()::text")
		// A connection that the test forgot must not keep the database.
		if _, err := pgx.Connect(context.WithoutCancel(t.Context()), dsn); err != nil {
			t.Fatal(err)
		}
	})
	if !strings.HasPrefix(name, "testpostgres_isdroppedattheend_inner_") {
		t.Errorf("its name is %q", name)
	}
	if got := mustQuery[int](t, admin, "SELECT count(*) FROM pg_database WHERE datname = $1", name); got != 0 {
		t.Errorf("database %s is still there", name)
	}
}

func TestPostgres_ServesManyAtOnce(t *testing.T) {
	t.Parallel()
	for i := range 12 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			if got := mustQuery[int](t, Postgres(t), "SELECT 1"); got != 1 {
				t.Errorf("got %d", got)
			}
		})
	}
}

func TestEnsureTemplate_SharedServer(t *testing.T) {
	t.Parallel()
	admin := PostgresServer(t)
	name, err := ensureTemplate(t.Context(), admin)
	if err != nil {
		t.Fatal(err)
	}
	var binaries errgroup.Group
	for range 4 {
		binaries.Go(func() error {
			again, err := ensureTemplate(t.Context(), admin)
			if err == nil && again != name {
				return fmt.Errorf("named %s and %s", name, again)
			}
			return err
		})
	}
	if err := binaries.Wait(); err != nil {
		t.Error(err)
	}
	if err := execute(t.Context(), withDatabase(admin, name), "SELECT 1"); err == nil {
		t.Error("a test may connect to the template")
	}
}

func TestMakeTemplate_AfterAnInterruptedRun(t *testing.T) {
	t.Parallel()
	admin := PostgresServer(t)
	name := databaseName(t)
	if err := execute(t.Context(), admin, "CREATE DATABASE "+quote(name+"_draft")); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), admin)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	if err := makeTemplate(t.Context(), conn, admin, name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { drop(t, admin, name) })
	if got := mustQuery[int](t, admin, "SELECT count(*) FROM pg_database WHERE datname LIKE $1", name+"%"); got != 1 {
		t.Errorf("%d databases of that name", got)
	}
}

func TestWithDatabase(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ dsn, want string }{
		"a URL":               {"postgres://u:p@h:5/old?sslmode=disable", "new"},
		"a URL without path":  {"postgres://u:p@h:5", "new"},
		"a list of key=value": {"host=h port=5 user=u dbname=old", "new"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg, err := pgx.ParseConfig(withDatabase(tt.dsn, tt.want))
			if err != nil {
				t.Fatal(err)
			}
			if cfg.Database != tt.want || cfg.Host != "h" || cfg.User != "u" {
				t.Errorf("database %q on %q for %q", cfg.Database, cfg.Host, cfg.User)
			}
		})
	}
}

func TestSource_PrefersTheGivenServer(t *testing.T) {
	t.Parallel()
	const given = "postgres://given/db"
	dsn, stop, err := source(t.Context(), func(name string) string {
		return map[string]string{"DATABASE_URL": given}[name]
	})
	if err != nil || dsn != given {
		t.Fatalf("got %q, error %v", dsn, err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestLacking(t *testing.T) {
	tests := map[string]struct {
		err     error
		require string
		want    string
	}{
		"nothing to be had is a skip":               {errNone, "", "skipped: no Postgres here"},
		"unless skipping is forbidden":              {errNone, "1", "failed: testkit: no Postgres here"},
		"a server that does not start is no excuse": {errors.New("broken"), "", "failed: testkit: broken"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Setenv("TESTKIT_REQUIRE", tt.require)
			got := watch(t, func(tb testing.TB) { lacking(tb, tt.err) })
			if got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}
