package callback

import (
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/wire"
)

// What an id is derived from besides whose callback it is. The two never meet:
// whoever finds a body that reads like another message's mark changes nothing.
const (
	byMark = "dedup"
	byBody = "raw"
)

// idOf returns the id that c is stored under: the same for repeats of one
// message, on every machine. What a browser brings goes by its bytes: a buyer who
// changes the address comes back with the same mark and more to tell. And it never
// stands in the way of a server's, or a buyer who copies a callback could keep the
// provider's own from being stored.
func idOf(c wire.StoredCallback) string {
	if c.Dedup != "" && c.Kind == wire.FromServer {
		return payment.Digest(string(c.Provider), string(c.Merchant), c.Account, byMark, c.Dedup)
	}
	return payment.Digest(string(c.Provider), string(c.Merchant), c.Account, byBody, string(c.Kind), c.Page, c.Query, string(c.Body))
}

// known returns id when it can be a payment's, else "". Whatever else a provider
// sends must not become part of a subject.
func known(id payment.ID) payment.ID {
	if id.Validate() != nil {
		return ""
	}
	return id
}
