package stack

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/pgbox"
	"github.com/payloom/payloom/pkg/projection"
)

const databaseName = "payloom"

// startDatabase starts or takes over the database and migrates it.
func (s *Stack) startDatabase(ctx context.Context) error {
	s.database = s.opts.DatabaseURL
	switch {
	case s.database == "":
		if err := s.startPostgres(ctx); err != nil {
			return err
		}
	case s.opts.OwnDatabase:
		if err := s.makeDatabase(ctx); err != nil {
			return fmt.Errorf("a database on the server at DATABASE_URL: %w", err)
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
	s.postgres = server
	s.onStop("Postgres", server.Stop)
	if err := server.CreateDatabase(ctx, databaseName); err != nil {
		return err
	}
	s.database = server.DSN(databaseName)
	return nil
}

// makeDatabase makes a database of a new name beside the one that was named, or
// finds the one that it made for this folder before.
func (s *Stack) makeDatabase(ctx context.Context) error {
	name, before, err := s.ownDatabase()
	if err != nil {
		return err
	}
	if s.database, err = withDatabase(s.opts.DatabaseURL, name); err != nil || before {
		return err
	}
	if err := s.atServer(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()); err != nil {
		return err
	}
	if !s.temporary {
		return os.WriteFile(s.databaseFile(), []byte(name+"\n"), 0o600)
	}
	s.onStop("database "+name, func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), databasePatience)
		defer cancel()
		return s.atServer(ctx, "DROP DATABASE "+pgx.Identifier{name}.Sanitize()+" WITH (FORCE)")
	})
	return nil
}

// ownDatabase returns what the stack's database is called, and whether it was made
// before.
func (s *Stack) ownDatabase() (name string, before bool, err error) {
	text, err := os.ReadFile(s.databaseFile())
	if errors.Is(err, fs.ErrNotExist) {
		return databaseName + "_" + strings.ToLower(rand.Text()[:10]), false, nil
	}
	return strings.TrimSpace(string(text)), true, err
}

// databaseFile keeps the name of the database that was made for a folder.
func (s *Stack) databaseFile() string { return filepath.Join(s.dir, "database") }

const databasePatience = 30 * time.Second

func (s *Stack) atServer(ctx context.Context, sql string) error {
	conn, err := pgx.Connect(ctx, s.opts.DatabaseURL)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, sql)
	return err
}

// withDatabase returns dsn, a URL or keywords as libpq takes them, for another
// database.
func withDatabase(dsn, name string) (string, error) {
	if !strings.Contains(dsn, "://") {
		return dsn + " dbname=" + name, nil // of two the last counts
	}
	u, err := url.Parse(dsn)
	if err != nil {
		return "", errors.New("is no URL") // the library's message would show the password
	}
	u.Path = "/" + name
	return u.String(), nil
}

// DatabaseURL returns how the database is reached. It holds a password.
func (s *Stack) DatabaseURL() string { return s.database }

// migrate makes the tables that are missing.
func (s *Stack) migrate(ctx context.Context) error {
	lines, err := projection.Migrate(ctx, s.database)
	if s.opts.DatabaseURL == "" || s.opts.OwnDatabase {
		return err // everything is new; that is no news
	}
	for _, line := range lines {
		s.opts.Note("migrated: " + line)
	}
	return err
}
