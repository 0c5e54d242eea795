package store

import (
	"context"

	"github.com/payloom/payloom/services/internal/reconcile"
)

// Breaks returns a page of the differences that f chooses, those that were found last
// first, and whether there are more.
func (s *Store) Breaks(ctx context.Context, f reconcile.Filter) (page []reconcile.Break, more bool, err error) {
	limit := f.Limit
	f.Limit++
	page, err = reconcile.Breaks(ctx, s.db, f)
	if len(page) > limit {
		return page[:limit], true, err
	}
	return page, false, err
}
