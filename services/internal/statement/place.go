package statement

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
)

// place is one set of a provider's books, and the accounts that share it.
type place struct {
	name      string
	accounts  []*account.Account
	listers   []provider.Lister // of accounts, in their order
	elsewhere map[string]bool   // merchant/name of the provider's other accounts
}

// places returns the books that the chosen accounts have. An account that is not
// chosen is part of them too: what is its own is not foreign.
func (s *comparison) places() ([]*place, error) {
	var all []*place
	for a := range s.Accounts.Accounts() {
		if a.Provider != s.o.Provider {
			continue
		}
		l, err := s.Lister(a)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(all, func(p *place) bool { return p.name == l.Place() })
		if i < 0 {
			i, all = len(all), append(all, &place{name: l.Place(), elsewhere: map[string]bool{}})
		}
		all[i].accounts, all[i].listers = append(all[i].accounts, a), append(all[i].listers, l)
	}
	for _, p := range all {
		for _, other := range all {
			for _, name := range other.names() {
				p.elsewhere[name] = p != other
			}
		}
	}
	return slices.DeleteFunc(all, func(p *place) bool { return !slices.ContainsFunc(p.accounts, s.chosen) }), nil
}

func (s *comparison) chosen(a *account.Account) bool {
	return (s.o.Merchant == "" || s.o.Merchant == a.Merchant) && (s.o.Account == "" || s.o.Account == a.Name)
}

func called(m payment.Merchant, name string) string { return string(m) + "/" + name }

func (p *place) names() []string {
	var names []string
	for _, a := range p.accounts {
		names = append(names, called(a.Merchant, a.Name))
	}
	return names
}

// merchants returns whose payments these books may have.
func (p *place) merchants() []string {
	var all []string
	for _, a := range p.accounts {
		all = append(all, string(a.Merchant))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// has tells whether a payment of an account belongs to these books. One of an account
// that is no longer in the file may.
func (p *place) has(m payment.Merchant, name string) bool { return !p.elsewhere[called(m, name)] }

// list lists with the first account that has the right to.
func (p *place) list(ctx context.Context, from, to time.Time) (list []provider.Listed, err error) {
	for _, l := range p.listers {
		if list, err = l.List(ctx, from, to); !errors.Is(err, provider.ErrUnsupported) {
			return list, err
		}
	}
	return nil, err
}

// attempt takes a key apart: the payment it would be of, if it is ours, and the number
// of the attempt.
func (s *comparison) attempt(key string) (payment.ID, int) {
	if i := strings.LastIndex(key, s.Separator); i > 0 {
		n, err := strconv.Atoi(key[i+len(s.Separator):])
		if id := payment.ID(key[:i]); err == nil && n > 1 && payment.AttemptKey(id, s.Separator, n) == key {
			return id, n
		}
	}
	return payment.ID(key), 1
}

// known returns which keys are those of attempts of ours. What the rows do not know,
// for they follow, the ledger itself is asked.
func (s *comparison) known(ctx context.Context, p *place, there map[string]*entry) (map[string]bool, error) {
	attempts, err := s.attempts(ctx, p, there)
	if err != nil {
		return nil, err
	}
	ours := map[string]bool{}
	for key := range there {
		id, n := s.attempt(key)
		if attempts[id] < n {
			if attempts[id], err = s.begun(ctx, p, id, attempts[id]); err != nil {
				return nil, err
			}
		}
		if attempts[id] >= n {
			ours[key] = true
		}
	}
	return ours, nil
}

// attemptsSQL says how often the opening of payments was begun.
const attemptsSQL = `SELECT p.merchant, p.payment_id, p.account, o.attempts
	FROM payments p JOIN operations o ON o.merchant = p.merchant AND o.payment_id = p.payment_id AND o.command_id = p.opened_by
	WHERE p.provider = $1 AND p.merchant = ANY($2) AND p.payment_id = ANY($3)`

// chunk is how many payments are looked up at once.
const chunk = 1000

// attempts returns how many attempts the rows know of, by payment.
func (s *comparison) attempts(ctx context.Context, p *place, there map[string]*entry) (map[payment.ID]int, error) {
	var ids []string
	for key := range there {
		id, _ := s.attempt(key)
		ids = append(ids, string(id))
	}
	all := map[payment.ID]int{}
	for part := range slices.Chunk(ids, chunk) {
		rows, err := s.Rows.Query(ctx, attemptsSQL, string(s.o.Provider), p.merchants(), part)
		if err != nil {
			return nil, fmt.Errorf("look up payments: %w", err)
		}
		list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct {
			Merchant payment.Merchant
			Payment  payment.ID
			Account  string
			Attempts int
		}])
		if err != nil {
			return nil, fmt.Errorf("look up payments: %w", err)
		}
		for _, r := range list {
			if p.has(r.Merchant, r.Account) {
				all[r.Payment] = max(all[r.Payment], r.Attempts)
			}
		}
	}
	return all, nil
}

// begun returns how many attempts the ledgers know of to open a payment, at least most.
func (s *comparison) begun(ctx context.Context, p *place, id payment.ID, most int) (int, error) {
	if !possible(id) {
		return most, nil
	}
	for _, m := range p.merchants() {
		found, ok, err := s.Ledger.Find(ctx, payment.Merchant(m), id)
		if err != nil {
			return 0, fmt.Errorf("look up a payment: %w", err)
		}
		if ok && found.Provider == s.o.Provider && p.has(found.Merchant, found.Account) && len(found.Operations) > 0 {
			most = max(most, found.Operations[0].Attempt.Number)
		}
	}
	return most, nil
}

// possible tells whether somebody here can have called a payment so.
func possible(id payment.ID) bool { return id.Validate() == nil }

// holding is a payment that we hold as paid or under way.
type holding struct {
	Merchant payment.Merchant
	Payment  payment.ID
	Account  string
	State    payment.State
	Attempts int
	Amount   int64 // minor units
	Currency payment.Currency
	Accepted time.Time
	At       time.Time // last change
}

// heldSQL finds payouts that began within an interval and has not changed after it: then all
// that the provider did about it is within, too.
const heldSQL = `SELECT p.merchant, p.payment_id, p.account, p.state, o.attempts, o.amount, o.currency, c.accepted_at, o.at
	FROM commands c
	JOIN payments p ON p.merchant = c.merchant AND p.payment_id = c.payment_id AND p.opened_by = c.command_id
	JOIN operations o ON o.merchant = c.merchant AND o.payment_id = c.payment_id AND o.command_id = c.command_id
	WHERE c.accepted_at >= $3 AND c.accepted_at <= $4 AND c.kind = 'payout' AND o.at <= $4 AND o.attempts > 0
		AND p.provider = $1 AND c.merchant = ANY($2) AND p.state IN ('paid', 'pending') AND o.status IN ('succeeded', 'pending')
	ORDER BY c.accepted_at, p.merchant, p.payment_id`

func (s *comparison) held(ctx context.Context, p *place) ([]holding, error) {
	rows, err := s.Rows.Query(ctx, heldSQL, string(s.o.Provider), p.merchants(), s.o.From, s.o.To)
	if err != nil {
		return nil, fmt.Errorf("look for what is held: %w", err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[holding])
	if err != nil {
		return nil, fmt.Errorf("look for what is held: %w", err)
	}
	// Where that of an account is which is no longer in the file, nobody can tell.
	return slices.DeleteFunc(all, func(h holding) bool { return !slices.Contains(p.names(), called(h.Merchant, h.Account)) }), nil
}
