package main

import (
	"context"
	"net/http"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/services/internal/reconcile"
)

// differing is a page of breaks.
type differing struct {
	Breaks []reconcile.Break `json:"breaks"`
	Next   string            `json:"next_page_token,omitempty"`
}

// breakToken says where a page of breaks begins.
type breakToken struct {
	At int64  `json:"t"` // microseconds
	ID string `json:"i"`
}

func (a *api) breaks(ctx context.Context, m payment.Merchant, r *http.Request) (answer, error) {
	q := readParams(r)
	f := reconcile.Filter{
		Merchant: m, Provider: payment.Provider(q.oneOf("provider", providerNames())), Payment: payment.ID(q.text("payment_id")),
		Kind: payment.BreakKind(q.oneOf("kind", texts(payment.BreakKinds()))), Status: payment.BreakStatus(q.oneOf("status", texts(payment.BreakStatuses()))),
		Limit: q.pageSize(),
	}
	if f.Payment != "" && f.Payment.Validate() != nil {
		q.blame("payment_id", "malformed", "must be the id of a payment")
	}
	var t breakToken
	q.token(&t)
	if t != (breakToken{}) {
		f.After = reconcile.Position{At: time.UnixMicro(t.At), ID: t.ID}
	}
	if err := q.problem(); err != nil {
		return answer{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	page, more, err := a.rows.Breaks(ctx, f)
	if err != nil {
		return answer{}, err
	}
	for i := range page {
		page[i].Actor = "" // whom we employ is not the merchant's to know
	}
	out := differing{Breaks: append([]reconcile.Break{}, page...)}
	if more {
		last := page[len(page)-1]
		out.Next = newToken(breakToken{last.FoundAt.UnixMicro(), last.ID})
	}
	return answer{body: out}, nil
}

func texts[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return out
}
