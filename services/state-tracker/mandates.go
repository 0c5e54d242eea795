package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/services/state-tracker/internal/store"
)

// granted is a page of mandates.
type granted struct {
	Mandates []store.Mandate `json:"mandates"`
	Next     string          `json:"next_page_token,omitempty"`
}

// mandateToken says where a page of mandates begins.
type mandateToken struct {
	At int64  `json:"t"` // microseconds
	ID string `json:"i"`
}

func (a *api) mandates(ctx context.Context, m payment.Merchant, r *http.Request) (answer, error) {
	q := readParams(r)
	f := store.MandateFilter{Provider: q.oneOf("provider", providerNames()), Payment: q.text("payment_id"), Limit: q.pageSize()}
	if f.Payment != "" && payment.ID(f.Payment).Validate() != nil {
		q.blame("payment_id", "malformed", "must be the id of a payment")
	}
	var t mandateToken
	q.token(&t)
	if t != (mandateToken{}) {
		f.After = store.MandatePosition{At: time.UnixMicro(t.At), ID: t.ID}
	}
	if err := q.problem(); err != nil {
		return answer{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	page, more, err := a.rows.Mandates(ctx, m, f)
	if err != nil {
		return answer{}, err
	}
	out := granted{Mandates: append([]store.Mandate{}, page...)}
	if more {
		last := page[len(page)-1]
		out.Next = newToken(mandateToken{last.SeenAt.UnixMicro(), last.ID})
	}
	return answer{body: out}, nil
}

func (a *api) mandate(ctx context.Context, m payment.Merchant, r *http.Request) (answer, error) {
	if err := readParams(r).problem(); err != nil {
		return answer{}, err
	}
	id := r.PathValue("id")
	if !searchable(id) {
		return answer{}, fmt.Errorf("%w: mandate", store.ErrNotFound)
	}
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	mandate, err := a.rows.Mandate(ctx, m, id)
	return answer{body: mandate}, err
}
