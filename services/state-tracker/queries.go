package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/projection"
	"github.com/payloom/payloom/services/state-tracker/internal/store"
)

// payment answers with a payment, at once or as soon as it has a later version
// than the one that is known.
func (a *api) payment(ctx context.Context, m payment.Merchant, r *http.Request) (answer, error) {
	q := readParams(r)
	wait := q.duration("wait", maxWait)
	known := q.number("after_version", 0, 0, 1<<62)
	if wait == 0 && r.URL.Query().Has("after_version") {
		q.blame("after_version", "alone", "needs wait")
	}
	if err := q.problem(); err != nil {
		return answer{}, err
	}
	id, err := paymentID(r)
	if err != nil {
		return answer{}, err
	}
	p, err := a.await(ctx, projection.Key{Merchant: m, Payment: id}, known, wait)
	return answer{body: p, version: p.Version, tagged: true}, err
}

// paymentID returns the id in the path. One that cannot be is not found.
func paymentID(r *http.Request) (payment.ID, error) {
	id := payment.ID(r.PathValue("id"))
	if err := id.Validate(); err != nil {
		return "", fmt.Errorf("%w: %w", store.ErrNotFound, err)
	}
	return id, nil
}

// await reads a payment until its version is above known, for at most wait.
func (a *api) await(ctx context.Context, k projection.Key, known uint64, wait time.Duration) (store.Payment, error) {
	if wait == 0 || a.watchers.Len() >= maxWaiting {
		return a.read(ctx, k)
	}
	changed, stop := a.watchers.Watch(k)
	defer stop()
	over := time.NewTimer(wait)
	defer over.Stop()
	for {
		p, err := a.read(ctx, k)
		missing := errors.Is(err, store.ErrNotFound)
		if (err != nil && !missing) || p.Version > known {
			return p, err
		}
		select {
		case <-changed:
		case <-over.C:
			return p, err
		case <-a.stopping:
			return p, err
		case <-ctx.Done():
			return p, ctx.Err()
		}
	}
}

func (a *api) read(ctx context.Context, k projection.Key) (store.Payment, error) {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	return a.rows.Payment(ctx, k.Merchant, k.Payment)
}

// listed is a page of payments.
type listed struct {
	Payments []store.Payment `json:"payments"`
	Next     string          `json:"next_page_token,omitempty"`
}

// listToken says where a page of payments begins, and of which list.
type listToken struct {
	At   int64      `json:"t"` // microseconds
	ID   payment.ID `json:"i"`
	List uint32     `json:"l"`
}

func (a *api) list(ctx context.Context, m payment.Merchant, r *http.Request) (answer, error) {
	q := readParams(r)
	f := q.filter()
	f.Limit = q.pageSize()
	mark := markOf(f)
	after(q, &f, mark)
	if err := q.problem(); err != nil {
		return answer{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	page, more, err := a.rows.Payments(ctx, m, f)
	if err != nil {
		return answer{}, err
	}
	out := listed{Payments: page}
	if more {
		last := page[len(page)-1]
		out.Next = newToken(listToken{last.CreatedAt.UnixMicro(), last.ID, mark})
	}
	if out.Payments == nil {
		out.Payments = []store.Payment{}
	}
	return answer{body: out}, nil
}

// markOf tells lists with other conditions apart.
func markOf(f store.Filter) uint32 {
	f.Limit = 0
	text, err := json.Marshal(f)
	if err != nil {
		return 0 // our own struct always marshals
	}
	return crc32.ChecksumIEEE(text)
}

// maxQuery is the longest q, bytes.
const maxQuery = 512

// filter reads the conditions on payments.
func (p *params) filter() store.Filter {
	f := store.Filter{
		State: p.oneOf("state", states()), Kind: p.oneOf("kind", openings()), Provider: p.oneOf("provider", providerNames()), Currency: p.currency(), Query: p.text("q"),
		From: p.moment("from"), To: p.moment("to"),
	}
	if !searchable(f.Query) {
		p.blame("q", "malformed", "must be the beginning of a payment id or a reference, at most %d bytes", maxQuery)
	}
	return f
}

// openings are the kinds of operation that begin a payment.
func openings() []string {
	var all []string
	for _, k := range payment.Kinds() {
		if k.Opens() {
			all = append(all, string(k))
		}
	}
	return all
}

// searchable tells whether the database can look for text.
func searchable(text string) bool {
	return len(text) <= maxQuery && utf8.ValidString(text) && !strings.ContainsRune(text, 0)
}

func (p *params) currency() string {
	c := payment.Currency(p.text("currency"))
	if c != "" && !c.Known() {
		p.blame("currency", "unknown", "must be an ISO 4217 code such as EUR")
	}
	return string(c)
}

// after has f begin where the page token says. A token of another list would
// leave payments out without a word.
func after(q *params, f *store.Filter, mark uint32) {
	var t listToken
	q.token(&t)
	if t == (listToken{}) {
		return
	}
	if t.List != mark {
		q.blame("page_token", "other_list", "is of a list with other conditions")
		return
	}
	f.After = store.Position{CreatedAt: time.UnixMicro(t.At), ID: t.ID}
}

func states() []string {
	all := []string{projection.StateAccepted, projection.StateNew}
	for _, s := range payment.States() {
		if s != payment.StateNew {
			all = append(all, string(s))
		}
	}
	return all
}

func providerNames() []string {
	var all []string
	for _, p := range payment.Providers() {
		all = append(all, string(p))
	}
	return all
}

// told is a page of events.
type told struct {
	Events []store.Event `json:"events"`
	Next   string        `json:"next_page_token,omitempty"`
}

// eventToken says after which version a page of events begins.
type eventToken struct {
	Version uint64 `json:"v"`
}

func (a *api) events(ctx context.Context, m payment.Merchant, r *http.Request) (answer, error) {
	q := readParams(r)
	var t eventToken
	q.token(&t)
	limit := q.pageSize()
	if err := q.problem(); err != nil {
		return answer{}, err
	}
	id, err := paymentID(r)
	if err != nil {
		return answer{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	page, more, err := a.rows.Events(ctx, m, id, t.Version, limit)
	if err != nil {
		return answer{}, err
	}
	out := told{Events: page}
	if more {
		out.Next = newToken(eventToken{page[len(page)-1].Version})
	}
	if out.Events == nil {
		out.Events = []store.Event{}
	}
	return answer{body: out}, nil
}

func (a *api) command(ctx context.Context, m payment.Merchant, r *http.Request) (answer, error) {
	if err := readParams(r).problem(); err != nil {
		return answer{}, err
	}
	id := payment.CommandID(r.PathValue("command_id"))
	if err := id.Validate(); err != nil {
		return answer{}, fmt.Errorf("%w: %w", store.ErrNotFound, err)
	}
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	c, err := a.rows.Command(ctx, m, id)
	return answer{body: c}, err
}
