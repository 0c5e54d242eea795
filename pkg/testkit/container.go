package testkit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/modules/postgres"
	"github.com/testcontainers/testcontainers-go/wait"
)

// startContainer starts a server in a container. Its settings, such as
// TESTCONTAINERS_RYUK_DISABLED where the reaper's image cannot be had, are
// those of testcontainers.
func startContainer(ctx context.Context, image string) (string, func() error, error) {
	if err := reachHost(); err != nil {
		return "", nil, err
	}
	c, err := postgres.Run(ctx, image,
		testcontainers.WithAdditionalWaitStrategyAndDeadline(time.Minute, wait.ForListeningPort("5432/tcp")))
	stop := func() error { return testcontainers.TerminateContainer(c) }
	if err != nil {
		return "", nil, errors.Join(fmt.Errorf("container of %s: %w", image, err), stop())
	}
	dsn, err := c.ConnectionString(ctx, "sslmode=disable")
	if err == nil {
		err = awaitPostgres(ctx, dsn)
	}
	if err != nil {
		return "", nil, errors.Join(fmt.Errorf("container of %s: %w", image, err), stop())
	}
	return dsn, stop, nil
}

// reachHost helps testcontainers on a machine that is a container itself, where
// it would look for published ports at the default gateway, and wait for ever.
func reachHost() error {
	const override = "TESTCONTAINERS_HOST_OVERRIDE"
	if _, err := os.Stat("/.dockerenv"); err != nil || os.Getenv(override) != "" {
		return nil
	}
	return os.Setenv(override, "127.0.0.1")
}

// awaitPostgres connects until it works: an image may open its port, restart
// once, and only then be ready.
func awaitPostgres(ctx context.Context, dsn string) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(ctx, dsn)
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}
