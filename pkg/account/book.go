package account

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/payloom/payloom/pkg/conf"
	"github.com/payloom/payloom/pkg/payment"
)

// The sentinels that lookups wrap.
var (
	// ErrNoMerchant says that the file has no such merchant.
	ErrNoMerchant = errors.New("account: no such merchant")
	// ErrNoAccount says that the merchant has no such account at the provider.
	ErrNoAccount = errors.New("account: no such account")
	// ErrNoDefault says that the merchant has several accounts at the provider,
	// none of them the default, and none was named.
	ErrNoDefault = errors.New("account: name one of the accounts, none is the default")
)

// Book is a file of accounts, read and checked. It never changes; all its
// methods may be called concurrently.
type Book struct {
	merchants []*Merchant // in the order of the file
	path      string
	digest    [sha256.Size]byte
}

// Merchant is one merchant of a Book.
type Merchant struct {
	ID       payment.Merchant
	Keys     []APIKey
	Accounts []*Account // in the order of the file
	Webhooks []*Webhook // likewise
	Line     int        // in the file, as are the next two
}

// Account is a merchant's account at a provider.
type Account struct {
	Merchant    payment.Merchant
	Provider    payment.Provider
	Name        string
	Default     bool
	Live        bool   // real money moves
	Endpoint    string // the provider's base URL
	CallbackKey string // stands in the path of the callbacks' URL
	Limits      CallLimits
	Secrets     Secrets
	Line        int
	settings    settings
}

// CallLimits are how many calls a provider takes at an account, of all replicas
// together. The zero value is no limit.
type CallLimits struct {
	CallsPerSecond float64
	Burst          float64 // calls at once after a quiet time; at least 1
}

// Secrets are an account's secrets by name, the one to sign with first.
type Secrets map[string][]Secret

// Secret is one entry of a list of secrets.
type Secret struct {
	ID    string
	Value conf.Secret
}

// Current returns the secret to sign and encrypt with.
func (s Secrets) Current(name string) (conf.Secret, bool) {
	if len(s[name]) == 0 {
		return "", false
	}
	return s[name][0].Value, true
}

// All returns every secret that verifies and decrypts, the current one first.
func (s Secrets) All(name string) []conf.Secret {
	all := make([]conf.Secret, len(s[name]))
	for i, e := range s[name] {
		all[i] = e.Value
	}
	return all
}

// Account returns a merchant's account at a provider by its name. An empty name
// means the default one, or the only one. Errors wrap ErrNoMerchant, ErrNoAccount
// or ErrNoDefault.
func (b *Book) Account(m payment.Merchant, p payment.Provider, name string) (*Account, error) {
	merchant, ok := b.merchant(m)
	if !ok {
		return nil, fmt.Errorf("%w: %s", ErrNoMerchant, m)
	}
	at := merchant.at(p)
	if name == "" && len(at) > 0 {
		return choose(at)
	}
	for _, a := range at {
		if a.Name == name {
			return a, nil
		}
	}
	return nil, fmt.Errorf("%w: %q of %s at %s", ErrNoAccount, name, m, p)
}

// choose returns the account of at that serves when none is named.
func choose(at []*Account) (*Account, error) {
	if len(at) == 1 {
		return at[0], nil
	}
	for _, a := range at {
		if a.Default {
			return a, nil
		}
	}
	return nil, fmt.Errorf("%w: %s at %s", ErrNoDefault, at[0].Merchant, at[0].Provider)
}

// ByCallbackKey returns the account whose callbacks come in under key.
func (b *Book) ByCallbackKey(p payment.Provider, key string) (*Account, bool) {
	var found *Account
	for a := range b.Accounts() {
		if a.Provider == p && subtle.ConstantTimeCompare([]byte(key), []byte(a.CallbackKey)) == 1 {
			found = a
		}
	}
	return found, found != nil
}

// Providers lists the providers that m has accounts at, in the order of the
// file. Empty: the merchant has none, or is unknown.
func (b *Book) Providers(m payment.Merchant) []payment.Provider {
	merchant, ok := b.merchant(m)
	if !ok {
		return nil
	}
	var list []payment.Provider
	for _, a := range merchant.Accounts {
		if !slices.Contains(list, a.Provider) {
			list = append(list, a.Provider)
		}
	}
	return list
}

// Merchants lists all merchants in the order of the file. It must not be changed.
func (b *Book) Merchants() []*Merchant { return b.merchants }

// Accounts yields all accounts of all merchants in the order of the file.
func (b *Book) Accounts() iter.Seq[*Account] {
	return func(yield func(*Account) bool) {
		for _, m := range b.merchants {
			for _, a := range m.Accounts {
				if !yield(a) {
					return
				}
			}
		}
	}
}

func (b *Book) merchant(id payment.Merchant) (*Merchant, bool) {
	for _, m := range b.merchants {
		if m.ID == id {
			return m, true
		}
	}
	return nil, false
}

func (m *Merchant) at(p payment.Provider) []*Account {
	var list []*Account
	for _, a := range m.Accounts {
		if a.Provider == p {
			list = append(list, a)
		}
	}
	return list
}

// sorted yields the lists by name, in the order of the names.
func (s Secrets) sorted() iter.Seq2[string, []Secret] {
	return func(yield func(string, []Secret) bool) {
		for _, name := range slices.Sorted(maps.Keys(s)) {
			if !yield(name, s[name]) {
				return
			}
		}
	}
}
