package images

import (
	"context"
	"fmt"
	"strconv"
	"testing"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/projection"
)

// TestProjection_GoesOnWhereItWas projects one half, kills Postgres, projects the
// other, and compares the rows with a rebuild from the first message.
func TestProjection_GoesOnWhereItWas(t *testing.T) {
	db := mustDatabase(t)
	b := mustConnect(t, mustBroker(t), "test")
	const half = 100
	for i := range half {
		mustStore(t, b, command(strconv.Itoa(i)))
	}
	mustProject(t, b, db)
	mustKill(t, db)
	for i := range half {
		mustStore(t, b, command(strconv.Itoa(half+i)))
	}
	mustProject(t, b, db)

	report, err := projection.Rebuild(t.Context(), b, db.dsn(t), projection.RebuildOptions{})
	if err != nil || len(report.Differences) != 0 {
		t.Fatalf("the rows differ from a rebuild: %v, %v", report.Differences, err)
	}
	pool, err := projection.Open(t.Context(), db.dsn(t), "test")
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	var declined int
	if err := pool.QueryRow(t.Context(), "SELECT count(*) FROM payments WHERE state = 'declined'").Scan(&declined); err != nil || declined != 2*half {
		t.Errorf("%d payments are declined, %v; want %d", declined, err, 2*half)
	}
}

// mustProject runs a projector until nothing is left to project.
func mustProject(t *testing.T, b *bus.Bus, db database) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	eventually(t, "database", func(ctx context.Context) error {
		pool, err := projection.Open(ctx, db.dsn(t), "test")
		if err == nil {
			err = pool.Ping(ctx)
			pool.Close()
		}
		return err
	})
	pool, err := projection.Open(ctx, db.dsn(t), "test")
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	p := projection.New(b, pool, projection.Options{})
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	eventually(t, "projection", func(ctx context.Context) error {
		lags, err := p.Lag(ctx)
		if err != nil {
			return err
		}
		for _, l := range lags {
			if l.Messages > 0 {
				return fmt.Errorf("%d messages of %s are left", l.Messages, l.Stream)
			}
		}
		return p.Err()
	})
	cancel()
	if err := <-done; err != nil {
		t.Errorf("projector: %v", err)
	}
}
