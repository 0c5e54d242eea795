// Package callers finds out who sends an HTTP request, by the API key that is sent
// with it or by the keys that sign it.
package callers

import (
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/signature"
)

// Caller is who sent a request.
type Caller struct {
	account.Access
	// Seconds are the other keys of the merchant that signed, too.
	Seconds []account.Access
	signed  bool
	// again finds the keys in another book: the caller's, then those of Seconds.
	again []func(*account.Book) (account.Access, bool)
}

// Refused says why nobody is known. It is for the client to read and repeats
// nothing of the request.
type Refused struct{ Detail string }

// Error implements error.
func (r *Refused) Error() string { return r.Detail }

func refuse(detail string) error { return &Refused{detail} }

// Authenticate returns who sent r, or a *Refused. The body of a signed request is
// not looked at: see CheckBody.
func Authenticate(r *http.Request, book *account.Book, now time.Time) (Caller, error) {
	sent, signed := len(r.Header.Values("Authorization")) > 0, signature.Signed(r.Header)
	switch {
	case sent && signed:
		return Caller{}, refuse("Send an API key or sign the request, not both.")
	case signed:
		return bySignature(r, book, now)
	}
	return byKey(r.Header, book)
}

func byKey(h http.Header, book *account.Book) (Caller, error) {
	header := h.Values("Authorization")
	if len(header) != 1 {
		return Caller{}, refuse("Send one header Authorization, with the word Bearer and the API key, or sign the request.")
	}
	scheme, key, _ := strings.Cut(header[0], " ")
	if key = strings.TrimSpace(key); !strings.EqualFold(scheme, "Bearer") || key == "" {
		return Caller{}, refuse("The header Authorization must hold the word Bearer and the API key.")
	}
	access, ok := book.Merchant(key)
	if !ok {
		return Caller{}, refuse("The API key is not known.")
	}
	again := func(b *account.Book) (account.Access, bool) { return b.Merchant(key) }
	return Caller{Access: access, again: []func(*account.Book) (account.Access, bool){again}}, nil
}

// bySignature believes a request only if all of its signatures are right: one that
// is not means that something is wrong.
func bySignature(r *http.Request, book *account.Book, now time.Time) (Caller, error) {
	all, err := signature.Read(r.Header)
	if err != nil {
		return Caller{}, explain(err)
	}
	var c Caller
	for i, s := range all {
		key, access, ok := book.SigningKey(s.KeyID)
		if !ok {
			return Caller{}, refuse("A signature names a key that is not known.")
		}
		if err := s.Verify(r, signature.Key{Ed25519: key.Ed25519, HMAC: []byte(key.HMAC.Reveal())}, now); err != nil {
			return Caller{}, explain(err)
		}
		c.again = append(c.again, sameKey(s.KeyID, key))
		if i == 0 {
			c.Access, c.signed = access, true
			continue
		}
		if err := c.second(access); err != nil {
			return Caller{}, err
		}
	}
	return c, nil
}

func (c *Caller) second(a account.Access) error {
	if a.Merchant != c.Merchant {
		return refuse("The signatures are of keys of two merchants.")
	}
	same := func(o account.Access) bool { return o.KeyID == a.KeyID }
	if same(c.Access) || slices.ContainsFunc(c.Seconds, same) {
		return refuse("A key has signed twice.")
	}
	c.Seconds = append(c.Seconds, a)
	return nil
}

// sameKey finds a key in a later book, if it is there and still the same.
func sameKey(name string, before account.APIKey) func(*account.Book) (account.Access, bool) {
	return func(b *account.Book) (account.Access, bool) {
		now, access, ok := b.SigningKey(name)
		return access, ok && now.Ed25519.Equal(before.Ed25519) && now.HMAC == before.HMAC
	}
}

// Still tells whether all the caller's keys are in b, a later book, and may do what
// they might: neither more nor less.
func (c Caller) Still(b *account.Book) bool {
	for i, before := range append([]account.Access{c.Access}, c.Seconds...) {
		now, ok := c.again[i](b)
		if !ok || !reflect.DeepEqual(now, before) {
			return false
		}
	}
	return true
}

// Signed tells whether the request is signed, so that its body has to be checked.
func (c Caller) Signed() bool { return c.signed }

// CheckBody returns a *Refused when the request is signed and body is not what was
// signed.
func (c Caller) CheckBody(h http.Header, body []byte) error {
	if !c.signed {
		return nil
	}
	if err := signature.CheckBody(h, body); err != nil {
		return explain(err)
	}
	return nil
}

// Backed tells whether a second key that may ask for m itself has signed, too: the
// order of signatures lifts no key's limit.
func (c Caller) Backed(s account.Scope, m payment.Money) bool {
	return slices.ContainsFunc(c.Seconds, func(a account.Access) bool { return a.May(s) && a.Limits.Amounts.Allow(m) })
}

// explain says what is wrong with a signature.
func explain(err error) error {
	switch {
	case errors.Is(err, signature.ErrIncomplete):
		return refuse("A signature does not cover enough: @method, @authority, @path, @query and, unless it is a GET, idempotency-key and content-digest.")
	case errors.Is(err, signature.ErrStale):
		return refuse("A signature is more than five minutes old, or from the future: look at the clock.")
	case errors.Is(err, signature.ErrDigest):
		return refuse("The header Content-Digest does not fit the body.")
	case errors.Is(err, signature.ErrMalformed):
		return refuse("The headers Signature-Input and Signature cannot be read: see RFC 9421.")
	}
	return refuse("A signature does not fit the request.")
}
