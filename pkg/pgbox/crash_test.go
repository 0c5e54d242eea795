package pgbox_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/payloom/payloom/pkg/pgbox"
)

// TestCrash_KeepsWhatWasCommitted also has the server come back where its clients
// look for it.
func TestCrash_KeepsWhatWasCommitted(t *testing.T) {
	t.Parallel()
	needBinaries(t)
	s, err := pgbox.Start(t.Context(), pgbox.Options{Durable: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop() })
	exec := func(sql string) {
		t.Helper()
		c, err := pgx.Connect(t.Context(), s.DSN("postgres"))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close(t.Context()) }()
		if _, err := c.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	exec("CREATE TABLE kept (n int)")
	for range 3 {
		exec("INSERT INTO kept VALUES (1)")
		if err := s.Crash(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-s.Done():
		default:
			t.Fatal("it is there after its crash")
		}
		if err := s.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	exec("DO $$ BEGIN IF (SELECT count(*) FROM kept) <> 3 THEN RAISE 'rows are missing'; END IF; END $$")
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
}
