package stack

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/pgbox"
	"github.com/payloom/payloom/pkg/projection"
)

const databaseName = "payloom"

// startDatabase starts or takes over the database and migrates it.
func (s *Stack) startDatabase(ctx context.Context) error {
	s.database = s.opts.DatabaseURL
	if s.database == "" {
		if err := s.startPostgres(ctx); err != nil {
			return err
		}
	}
	if err := s.migrate(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

func (s *Stack) startPostgres(ctx context.Context) error {
	s.note("starting Postgres")
	o := pgbox.Options{Durable: s.opts.Durability == bus.Money || !s.temporary}
	if !s.temporary {
		o.Dir = filepath.Join(s.dir, "postgres")
	}
	server, err := pgbox.Start(ctx, o)
	if err != nil {
		return fmt.Errorf("%w\n(or set DATABASE_URL to a database that is there)", err)
	}
	s.onStop("Postgres", server.Stop)
	if err := server.CreateDatabase(ctx, databaseName); err != nil {
		return err
	}
	s.database = server.DSN(databaseName)
	return nil
}

// DatabaseURL returns how the database is reached. It holds a password.
func (s *Stack) DatabaseURL() string { return s.database }

// migrate makes the tables that are missing.
func (s *Stack) migrate(ctx context.Context) error {
	lines, err := projection.Migrate(ctx, s.database)
	for _, line := range lines {
		s.opts.Note("migrated: " + line)
	}
	return err
}
