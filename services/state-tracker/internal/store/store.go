// Package store reads the projection for the query API and the sweeper. It writes
// nothing but the sweeper's own memory.
package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/wire"
)

// ErrNotFound means that the merchant has no such thing.
var ErrNotFound = errors.New("store: not found")

// Store reads rows. Its methods may be called concurrently.
type Store struct {
	db   *pgxpool.Pool
	keys Keys
}

// Keys returns how the keys of a payment's personal data are found: bus.Finder.
type Keys func(ctx context.Context, m payment.Merchant, id payment.ID) wire.Finder

// New returns a Store of the rows that pool's connections see. Without keys what is
// sealed stays so.
func New(pool *pgxpool.Pool, keys Keys) *Store { return &Store{db: pool, keys: keys} }
