package providers

import (
	"sync"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
)

// Accounts are the accounts in force: an account.Live.
type Accounts interface{ Book() *account.Book }

// Parsers returns Parser for the accounts of live, each made once for as long as
// its account is in force. It may be called concurrently.
func Parsers(live Accounts) func(a *account.Account) (provider.CallbackParser, error) {
	k := &kept[provider.CallbackParser]{live: live, make: Parser}
	return k.of
}

// Router returns the provider p with all accounts of live. An account whose
// settings change gets a new client; calls that are under way end with the old
// one.
func Router(live Accounts, p payment.Provider, publicURL string) provider.Router {
	k := &kept[provider.Provider]{live: live, make: func(a *account.Account) (provider.Provider, error) {
		return Client(a, publicURL)
	}}
	return router(k, p)
}

func router(k *kept[provider.Provider], p payment.Provider) provider.Router {
	return provider.Router{
		Cap: Capabilities()[p],
		Client: func(m payment.Merchant, name string) (provider.Provider, error) {
			a, err := k.live.Book().Account(m, p, name)
			if err != nil {
				return nil, err
			}
			return k.of(a)
		},
	}
}

// kept makes something of an account, and keeps it while the account's book is in
// force.
type kept[T any] struct {
	live Accounts
	make func(a *account.Account) (T, error)

	mu   sync.Mutex
	book *account.Book
	made map[*account.Account]T
}

func (k *kept[T]) of(a *account.Account) (T, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if book := k.live.Book(); book != k.book {
		k.book, k.made = book, map[*account.Account]T{}
	}
	if v, ok := k.made[a]; ok {
		return v, nil
	}
	v, err := k.make(a)
	if err == nil {
		k.made[a] = v
	}
	return v, err
}

// AccountName returns the name of the account that a command is carried out at,
// or what the command itself says when there is no such account.
func AccountName(live Accounts) func(payment.Command) string {
	return func(c payment.Command) string {
		a, err := live.Book().Account(c.Merchant, c.Provider, c.Account)
		if err != nil {
			return c.Account
		}
		return a.Name
	}
}
