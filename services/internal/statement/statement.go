// Package statement compares a provider's own listing of operations with ledgers and
// rows, both ways, and so finds what nobody here asked for.
//
// Unlike package reconcile it asks the provider itself: a listing belongs to no payment
// that a command could be given for. See
// docs/adr/0018-reconciliation-asks-the-workers.md.
package statement

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/time/rate"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
)

// FindingKind says how a provider's listing differs from what is here.
type FindingKind string

// The kinds. The first two are called as those of breaks.
const (
	MissingHere  = FindingKind(payment.MissingHere)  // the provider has it, we do not
	MissingThere = FindingKind(payment.MissingThere) // we hold it, the provider does not
	// Unlisted: we hold it, the listing lacks it, and the provider has it or could
	// not be asked. Then the listing is not to be trusted.
	Unlisted FindingKind = "unlisted"
)

// What a provider says of a finding, beside the standings of package provider.
const (
	Absent  = "absent"  // it does not know the payment
	Unknown = "unknown" // it gave no answer that could be read; Why says more
)

// Finding is one payment that is in one place only. Only ids and sums are in it: no
// names, account numbers or addresses.
type Finding struct {
	Kind       FindingKind      `json:"kind"`
	Place      string           `json:"place"`
	Key        string           `json:"payment_id"` // what the provider knows it by
	Merchant   payment.Merchant `json:"merchant,omitempty"`
	Account    string           `json:"account,omitempty"`
	Operations []string         `json:"operation_ids,omitempty"`
	Created    time.Time        `json:"created_at"`
	Completed  *time.Time       `json:"completed_at,omitempty"`
	Ours       string           `json:"ours,omitempty"` // our state
	Theirs     string           `json:"theirs"`
	Amount     int64            `json:"amount,omitempty"` // minor units; ours, or else theirs
	Currency   payment.Currency `json:"currency,omitempty"`
	Why        string           `json:"why,omitempty"`
}

// PlaceCount is what was compared with one set of books.
type PlaceCount struct {
	Place      string   `json:"place"`
	Accounts   []string `json:"accounts"`   // merchant/name of all that share it
	Listed     bool     `json:"listed"`     // false: no account has the right to list
	Operations int      `json:"operations"` // in the listing
	Payments   int      `json:"payments"`   // that these are of
	Ours       int      `json:"ours"`       // of which are ours
	Held       int      `json:"held"`       // payouts of the interval that we hold as paid or under way
	Settling   int      `json:"settling"`   // in one place only, and too young to tell
}

// Report is what a comparison with a provider's listing gave.
type Report struct {
	Provider payment.Provider `json:"provider"`
	From     time.Time        `json:"from"`
	To       time.Time        `json:"to"`
	Places   []PlaceCount     `json:"places"`
	Findings []Finding        `json:"findings"`
}

// Options say what is compared. Times are the broker's.
type Options struct {
	Provider  payment.Provider
	Merchant  payment.Merchant // empty: all
	Account   string           // name; empty: all
	From, To  time.Time
	Now       time.Time
	Settle    time.Duration // younger than that may be in one place only; above 0
	PerSecond float64       // payments that the provider is asked about; above 0
}

// Sources are where a comparison finds things.
type Sources struct {
	Accounts *account.Book
	Rows     *pgxpool.Pool
	Ledger   interface {
		Find(ctx context.Context, m payment.Merchant, id payment.ID) (payment.Payment, bool, error)
	}
	Lister    func(*account.Account) (provider.Lister, error)
	Separator string // of attempt keys at the provider
}

// ErrNoPlace means that no account is chosen, or that none has the right to list.
var ErrNoPlace = errors.New("statement: no account to list operations of")

// comparison is one under way.
type comparison struct {
	Sources
	o    Options
	pace *rate.Limiter
	out  Report
}

// Compare compares a provider's listing with the ledgers and rows, both ways. It changes
// nothing. The error wraps ErrNoPlace when there is nothing to list; a listing that
// fails is an error, and a payment that cannot be asked about is a finding.
func Compare(ctx context.Context, from Sources, o Options) (Report, error) {
	s := &comparison{Sources: from, o: o, pace: rate.NewLimiter(rate.Limit(o.PerSecond), 1)}
	s.out = Report{Provider: o.Provider, From: o.From.UTC(), To: o.To.UTC(), Places: []PlaceCount{}, Findings: []Finding{}}
	places, err := s.places()
	if err != nil {
		return s.out, err
	}
	listed := false
	for _, p := range places {
		n, err := s.compare(ctx, p)
		if err != nil {
			return s.out, fmt.Errorf("%s: %w", p.name, err)
		}
		s.out.Places = append(s.out.Places, n)
		listed = listed || n.Listed
	}
	if !listed {
		return s.out, fmt.Errorf("%w at %s", ErrNoPlace, o.Provider)
	}
	slices.SortStableFunc(s.out.Findings, func(a, b Finding) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.Key, b.Key))
	})
	return s.out, nil
}

// compare compares one set of books.
func (s *comparison) compare(ctx context.Context, p *place) (PlaceCount, error) {
	n := PlaceCount{Place: p.name, Accounts: p.names()}
	// A clock there that is wrong by less than Settle hides nothing.
	operations, err := p.list(ctx, s.o.From.Add(-s.o.Settle), s.o.To.Add(s.o.Settle))
	if errors.Is(err, provider.ErrUnsupported) {
		return n, nil
	}
	if err != nil {
		return n, err
	}
	there := byKey(operations)
	n.Listed, n.Operations, n.Payments = true, len(operations), len(there)
	ours, err := s.known(ctx, p, there)
	if err != nil {
		return n, err
	}
	held, err := s.held(ctx, p)
	if err != nil {
		return n, err
	}
	n.Ours, n.Held = len(ours), len(held)
	// From here on running out of time makes findings less clear, and loses none.
	s.missingHere(ctx, p, there, ours, &n)
	s.missingThere(ctx, p, there, held, &n)
	return n, nil
}

// entry is what a listing has of one payment.
type entry struct {
	key                string
	operations         []string
	created, completed time.Time // first, and last
}

func byKey(operations []provider.Listed) map[string]*entry {
	there := map[string]*entry{}
	for _, l := range operations {
		e := there[l.Key]
		if e == nil {
			e = &entry{key: l.Key, created: l.Created}
			there[l.Key] = e
		}
		e.operations = append(e.operations, l.Operation)
		if l.Created.Before(e.created) {
			e.created = l.Created
		}
		if l.Completed.After(e.completed) {
			e.completed = l.Completed
		}
	}
	return there
}

// young tells whether what happened at a time may be in one place only.
func (s *comparison) young(at time.Time) bool { return at.After(s.o.Now.Add(-s.o.Settle)) }

// missingHere finds what the listing has and we do not. What it did to money the
// listing does not say: the provider is asked.
func (s *comparison) missingHere(ctx context.Context, p *place, there map[string]*entry, ours map[string]bool, n *PlaceCount) {
	for key, e := range there {
		switch {
		case ours[key]:
			continue
		case s.young(e.created):
			n.Settling++
			continue
		}
		sight, says, why := s.look(ctx, p, key)
		if says == Absent { // and listed: they contradict each other
			says, why = Unknown, "listed, and not found by its id"
		}
		f := Finding{
			Kind: MissingHere, Place: p.name, Key: key, Operations: e.operations, Created: e.created,
			Theirs: says, Amount: sight.Amount.Minor, Currency: sight.Amount.Currency, Why: why,
		}
		if !e.completed.IsZero() {
			f.Completed = &e.completed
		}
		s.out.Findings = append(s.out.Findings, f)
	}
}

// missingThere finds what we hold and the listing lacks. A payment that is under way
// may not be listed yet; then it must be found by its id.
func (s *comparison) missingThere(ctx context.Context, p *place, there map[string]*entry, held []holding, n *PlaceCount) {
	for _, h := range held {
		key := payment.AttemptKey(h.Payment, s.Separator, h.Attempts)
		switch {
		case there[key] != nil:
			continue
		case s.young(h.At):
			n.Settling++
			continue
		}
		_, says, why := s.look(ctx, p, key)
		kind := Unlisted
		switch {
		case says == Absent:
			kind = MissingThere
		case says != Unknown && h.State == payment.StatePending:
			continue
		}
		s.out.Findings = append(s.out.Findings, Finding{
			Kind: kind, Place: p.name, Key: key, Merchant: h.Merchant, Account: h.Account, Created: h.Accepted.UTC(),
			Ours: string(h.State), Theirs: says, Amount: h.Amount, Currency: h.Currency, Why: why,
		})
	}
}

// look asks the provider about a key, in turn.
func (s *comparison) look(ctx context.Context, p *place, key string) (sight provider.Sight, says, why string) {
	err := s.pace.Wait(ctx)
	if err == nil {
		sight, err = p.listers[0].Look(ctx, key)
	}
	switch {
	case errors.Is(err, provider.ErrNotFound):
		return sight, Absent, ""
	case err != nil:
		return sight, Unknown, err.Error()
	}
	return sight, string(sight.Standing), ""
}
