package main

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/testkit"
)

func TestRun_TwoReplicasShareOneDatabase(t *testing.T) {
	t.Parallel()
	w := running(t)
	second := start(t, w)
	second.Ready(t)
	other := &world{url: second.URL(t, "http")}
	for i := range 20 {
		id := fmt.Sprintf("p%d", i)
		c := w.open(t, id)
		done := make(chan int, 2)
		for _, at := range []*world{w, other} {
			go func() { done <- at.get(t, reader, "/v1/payments/"+id+"?wait=20s").status }()
		}
		w.tell(t, time.Now(), c, started(c))
		for range 2 {
			select {
			case status := <-done:
				if status != http.StatusOK {
					t.Errorf("%s: %d", id, status)
				}
			case <-time.After(patience):
				t.Fatalf("%s: a reader was not woken", id)
			}
		}
	}
}

func TestRun_WillNotStartWithout(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change  map[string]string
		prepare func(t *testing.T, w *world)
		says    string
	}{
		"a database's address": {map[string]string{"DATABASE_URL": ""}, nil, "DATABASE_URL is empty"},
		"accounts":             {map[string]string{"PAYLOOM_ACCOUNTS": "/none.yaml"}, nil, "no such file"},
		"sane thresholds":      {map[string]string{"SWEEP_COMMAND_AFTER": "1h"}, nil, "SWEEP_COMMAND_MOST is 10m0s, less than SWEEP_COMMAND_AFTER"},
		"a batch":              {map[string]string{"PROJECTION_BATCH": "0"}, nil, "PROJECTION_BATCH is 0, must be 1 to 10000"},
		"tables":               {nil, dropTables, "run payctl migrate"},
		"the newest tables":    {nil, oldTables, "it is at version 0 of 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			for k, v := range c.change {
				w.env[k] = v
			}
			if c.prepare != nil {
				c.prepare(t, w)
			}
			s := start(t, w)
			if code := s.Wait(); code != 1 || !strings.Contains(s.Output(), c.says) {
				t.Errorf("exit code %d, output %s, want %q", code, s.Output(), c.says)
			}
			if dsn := w.env["DATABASE_URL"]; dsn != "" && strings.Contains(s.Output(), dsn) {
				t.Error("the output shows the database's address")
			}
		})
	}
}

func dropTables(t *testing.T, w *world) {
	t.Helper()
	if _, err := w.pool.Exec(t.Context(), "DROP SCHEMA payloom CASCADE"); err != nil {
		t.Fatal(err)
	}
}

func oldTables(t *testing.T, w *world) {
	t.Helper()
	if _, err := w.pool.Exec(t.Context(), "DELETE FROM goose_db_version WHERE version_id > 0"); err != nil {
		t.Fatal(err)
	}
}

// readiness returns the answer of /readyz?verbose.
func (w *world) readiness(t *testing.T) reply {
	t.Helper()
	admin := &world{url: w.URL(t, "admin")}
	return admin.get(t, "", "/readyz?verbose")
}

func TestRun_IsNotReadyWhenTheProjectionHalts(t *testing.T) {
	t.Parallel()
	w := running(t)
	c := w.open(t, "order-1")
	w.tell(t, time.Now(), c, started(c))
	w.shows(t, "order-1", 1)
	if _, err := w.pool.Exec(t.Context(), "UPDATE payments SET version = 7"); err != nil {
		t.Fatal(err)
	}
	w.tell(t, time.Now(), c, action("order-1"))
	testkit.Eventually(t, patience, func() error {
		r := w.readiness(t)
		if r.status != http.StatusServiceUnavailable || !strings.Contains(string(r.body), "EVENTS_0 halted at 2: version") {
			return fmt.Errorf("answer %d %s", r.status, r.body)
		}
		return nil
	})
	metrics := string(w.metrics(t))
	for _, line := range []string{
		`payloom_projection_halted{stream="EVENTS_0"} 1`, `payloom_projection_halted{stream="COMMANDS_0"} 0`,
		`payloom_projection_halts_total{cause="version",stream="EVENTS_0"} 1`, `payloom_projection_lag_messages{stream="EVENTS_0"} 1`,
	} {
		if !strings.Contains(metrics, line) {
			t.Errorf("the metrics lack %s", line)
		}
	}
}

func TestRun_IsNotReadyWhenRowsAreOld(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.env["PROJECTION_MAX_LAG"] = "1ms"
	w.Service = start(t, w)
	w.Ready(t)
	// Nothing can be written while somebody holds the table.
	tx, err := w.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "LOCK TABLE checkpoints IN SHARE MODE"); err != nil {
		t.Fatal(err)
	}
	w.open(t, "order-1")
	testkit.Eventually(t, patience, func() error {
		if r := w.readiness(t); r.status == http.StatusOK || !strings.Contains(string(r.body), "COMMANDS_0 is behind by 1 messages") {
			return fmt.Errorf("answer %d %s", r.status, r.body)
		}
		return nil
	})
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, patience, func() error {
		if r := w.readiness(t); r.status != http.StatusOK {
			return errors.New(string(r.body))
		}
		return nil
	})
}
