package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/service"
	"github.com/payloom/payloom/services/simulator/internal/shop"
)

// mount is the simulator of one provider.
type mount struct {
	provider  payment.Provider
	handlers  map[string]http.Handler // by pattern; more specific ones win
	collector prometheus.Collector
	close     func() // ends timers and notifies; may be called again
}

type mounts []mount

// player starts the simulator of a provider for the accounts that are played.
type player struct {
	provider payment.Provider
	path     string // below PUBLIC_URL, of the accounts' endpoints
	start    func(cfg Config, base string, accounts []*account.Account) (mount, error)
}

func players() []player {
	return []player{
		// Paygate's merchants call it at any base, and spell its paths in any case: it
		// has every path that nobody else has.
		{payment.Computop, "", mountComputop},
		{payment.Axerve, "/axerve", mountAxerve},
		{payment.ECommPay, "/ecommpay", mountECommPay},
	}
}

// errAccounts marks what keeps an account from being played.
var errAccounts = errors.New("accounts")

// mountAll starts every provider that has an account here.
func mountAll(cfg Config, book *account.Book) (all mounts, err error) {
	for _, p := range players() {
		accounts, err := played(book, p, cfg.base())
		if err != nil {
			all.close()
			return nil, err
		}
		if len(accounts) == 0 {
			continue
		}
		m, err := p.start(cfg, cfg.base()+p.path, accounts)
		if err != nil {
			all.close()
			return nil, fmt.Errorf("%s: %w", p.provider, err)
		}
		all = append(all, m)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%w: none has an endpoint below %s", errAccounts, cfg.base())
	}
	return all, nil
}

// played are a provider's accounts whose endpoint is below base.
func played(book *account.Book, p player, base string) ([]*account.Account, error) {
	var accounts []*account.Account
	var errs []error
	for a := range book.Accounts() {
		switch {
		case a.Provider != p.provider || !below(a.Endpoint, base):
		case a.Live:
			errs = append(errs, accountError(a, errors.New("live is set, and its endpoint is a simulator")))
		case !below(a.Endpoint, base+p.path):
			errs = append(errs, accountError(a, fmt.Errorf("endpoint must be %s/", base+p.path)))
		default:
			accounts = append(accounts, a)
		}
	}
	return accounts, errors.Join(errs...)
}

func accountError(a *account.Account, err error) error {
	return fmt.Errorf("%w: %s of %s, line %d: %w", errAccounts, a.Name, a.Merchant, a.Line, err)
}

// below tells whether endpoint is base or a path under it.
func below(endpoint, base string) bool {
	e, err := url.Parse(endpoint)
	if err != nil {
		return false
	}
	b, err := url.Parse(base)
	if err != nil {
		return false
	}
	return e.Scheme == b.Scheme && strings.EqualFold(e.Host, b.Host) &&
		strings.HasPrefix(strings.TrimRight(e.Path, "/")+"/", strings.TrimRight(b.Path, "/")+"/")
}

// each makes what a simulator knows of every account. Two accounts may share a
// name at the provider, but not differ about the rest.
func each[T comparable, K comparable](accounts []*account.Account, key func(T) K, make func(*account.Account) (T, error)) ([]T, error) {
	var all []T
	var errs []error
	known := map[K]T{}
	for _, a := range accounts {
		v, err := make(a)
		other, twice := known[key(v)]
		switch {
		case err != nil:
			errs = append(errs, accountError(a, err))
		case twice && other != v:
			errs = append(errs, accountError(a, fmt.Errorf("%v is there twice, with other settings or secrets", key(v))))
		case !twice:
			known[key(v)] = v
			all = append(all, v)
		}
	}
	return all, errors.Join(errs...)
}

// firstTwo returns the secret of a name that is in use, and the other one that is good
// during a rotation, or "".
func firstTwo(a *account.Account, name string) (current, other string) {
	for i, s := range a.Secrets.All(name) {
		switch i {
		case 0:
			current = s.Reveal()
		case 1:
			other = s.Reveal()
		}
	}
	return current, other
}

func (all mounts) close() {
	for _, m := range all {
		m.close()
	}
}

// routes are the providers, the shop if there is one, and a page that says so.
func routes(rt *service.Runtime, cfg Config, all mounts) (*http.ServeMux, error) {
	mux := http.NewServeMux()
	var errs []error
	for _, m := range all {
		for pattern, handler := range m.handlers {
			mux.Handle(pattern, handler)
		}
		errs = append(errs, rt.Metrics.Register(m.collector))
	}
	mux.HandleFunc("GET /{$}", index(all, cfg.Shop.Enabled()))
	if !cfg.Shop.Enabled() {
		return mux, errors.Join(errs...)
	}
	s, err := shop.New(cfg.Shop.WithDefaults(cfg.base()), rt.Log)
	if err == nil {
		s.Register(mux)
	}
	return mux, errors.Join(append(errs, err)...)
}

// under serves a provider's own paths below path, and its control interface where
// all are.
func under(path string, p payment.Provider, h http.Handler) map[string]http.Handler {
	return map[string]http.Handler{path + "/": http.StripPrefix(path, h), "/control/" + string(p) + "/": h}
}
