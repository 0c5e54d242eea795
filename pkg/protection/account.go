package protection

import (
	"strings"

	"github.com/payloom/payloom/pkg/payment"
)

// Account is what is protected: a merchant's account at a provider. Without a
// merchant it stands for the provider as a whole.
type Account struct {
	Provider payment.Provider `json:"provider"`
	Merchant payment.Merchant `json:"merchant,omitempty"`
	Name     string           `json:"account,omitempty"`
}

// Whole tells whether a stands for the provider as a whole.
func (a Account) Whole() bool { return a.Merchant == "" }

// String writes a as provider, or provider/merchant/name.
func (a Account) String() string {
	if a.Whole() {
		return string(a.Provider)
	}
	return string(a.Provider) + "/" + string(a.Merchant) + "/" + a.Name
}

// Record is a kind of state that is kept of an account.
type Record string

// The records.
const (
	SwitchRecord  Record = "switch"
	BreakerRecord Record = "breaker"
	BucketRecord  Record = "tokens"
)

// nameless stands for an account without a name; no name can be the same.
const nameless = "="

// Key returns the key that a record of a is kept under.
func Key(r Record, a Account) string {
	if a.Whole() {
		return string(r) + "." + string(a.Provider)
	}
	name := a.Name
	if name == "" {
		name = nameless
	}
	return string(r) + "." + string(a.Provider) + "." + string(a.Merchant) + "." + name
}

// ParseKey is the reverse of Key; ok is false for what Key never returns.
func ParseKey(key string) (r Record, a Account, ok bool) {
	t := strings.Split(key, ".")
	if len(t) != 2 && len(t) != 4 {
		return "", Account{}, false
	}
	r, a.Provider = Record(t[0]), payment.Provider(t[1])
	if len(t) == 4 {
		a.Merchant, a.Name = payment.Merchant(t[2]), strings.TrimPrefix(t[3], nameless)
	}
	if Key(r, a) != key {
		return "", Account{}, false
	}
	return r, a, true
}
