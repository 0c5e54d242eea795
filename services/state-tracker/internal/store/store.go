// Package store reads the projection for the query API and the sweeper. It writes
// nothing but the sweeper's own memory.
package store

import (
	"errors"

	"github.com/jackc/pgx/v5/pgxpool"
)

// ErrNotFound means that the merchant has no such thing.
var ErrNotFound = errors.New("store: not found")

// Store reads rows. Its methods may be called concurrently.
type Store struct{ db *pgxpool.Pool }

// New returns a Store of the rows that pool's connections see.
func New(pool *pgxpool.Pool) *Store { return &Store{db: pool} }
