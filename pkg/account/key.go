package account

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/subtle"
	"slices"
	"strings"

	"github.com/payloom/payloom/pkg/conf"
	"github.com/payloom/payloom/pkg/payment"
)

// Scope is something an API key may do.
type Scope string

// The scopes.
const (
	ScopeAuthorize Scope = "authorize" // open payments, change amounts
	ScopeCapture   Scope = "capture"   // take money: later, at once, or by a mandate
	ScopeRefund    Scope = "refund"
	ScopeCancel    Scope = "cancel"
	ScopePayout    Scope = "payout"
	ScopeRead      Scope = "read" // look, and have the provider asked
)

// Scopes lists all scopes in a stable order.
func Scopes() []Scope {
	return []Scope{ScopeAuthorize, ScopeCapture, ScopeRefund, ScopeCancel, ScopePayout, ScopeRead}
}

// APIKey is a key that a merchant's systems call with. It is sent, and then only
// its hash is known here, or requests are signed with it: by a private key whose
// public half is known, or by a shared secret.
type APIKey struct {
	ID      string
	Hash    [sha256.Size]byte // of a key that is sent; zero: requests are signed
	Ed25519 ed25519.PublicKey // of requests that are signed; nil: none
	HMAC    conf.Secret       // likewise; empty: none
	Scopes  []Scope
	Limits  Limits
	Line    int
}

// Sent tells whether the key is sent with a request, rather than signing it.
func (k APIKey) Sent() bool { return k.Hash != [sha256.Size]byte{} }

// Limits are what one API key may do at most.
type Limits struct {
	// PerSecond is how many commands a second, and Burst how many at once; 0: what
	// ingress is set to.
	PerSecond float64
	Burst     int
	// Amounts are the most that one command may ask for, in minor units by currency.
	// nil: anything; a currency that is not named: nothing.
	Amounts Amounts
	// Alone are the most that one refund or payout may ask for without the signature
	// of a second key. nil: anything; a currency that is not named: nothing.
	Alone Amounts
}

// Amounts are minor units by currency.
type Amounts map[payment.Currency]int64

// Allow tells whether a stays within the amounts.
func (m Amounts) Allow(a payment.Money) bool {
	return m == nil || a.Minor <= m[a.Currency]
}

// Access is what an API key opens.
type Access struct {
	Merchant payment.Merchant
	KeyID    string
	Scopes   []Scope
	Limits   Limits
}

// May tells whether the key has scope s.
func (a Access) May(s Scope) bool { return slices.Contains(a.Scopes, s) }

func (k APIKey) access(m payment.Merchant) Access {
	return Access{Merchant: m, KeyID: k.ID, Scopes: k.Scopes, Limits: k.Limits}
}

// Merchant returns whose API key it is that was sent. The time it takes does not
// depend on how much of the key is right.
func (b *Book) Merchant(apiKey string) (Access, bool) {
	hash := sha256.Sum256([]byte(apiKey))
	var found Access
	ok := false
	for _, m := range b.merchants {
		for _, k := range m.Keys {
			if k.Sent() && subtle.ConstantTimeCompare(hash[:], k.Hash[:]) == 1 {
				found, ok = k.access(m.ID), true
			}
		}
	}
	return found, ok
}

// SigningKey returns the key that signs under name, the merchant's id, a slash and
// the key's id, and what it opens once a signature of it has been verified.
func (b *Book) SigningKey(name string) (APIKey, Access, bool) {
	merchant, id, _ := strings.Cut(name, "/")
	m, ok := b.merchant(payment.Merchant(merchant))
	if !ok {
		return APIKey{}, Access{}, false
	}
	for _, k := range m.Keys {
		if k.ID == id && !k.Sent() {
			return k, k.access(m.ID), true
		}
	}
	return APIKey{}, Access{}, false
}
