package payment

import (
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Provider is the name of a payment provider, as it stands in subjects.
type Provider string

// The providers Payloom knows.
const (
	Computop Provider = "computop"
	Axerve   Provider = "axerve"
	ECommPay Provider = "ecommpay"
)

// Providers lists all providers in a stable order.
func Providers() []Provider { return []Provider{Computop, Axerve, ECommPay} }

// Known tells whether p is one of Providers.
func (p Provider) Known() bool {
	for _, q := range Providers() {
		if p == q {
			return true
		}
	}
	return false
}

type (
	// Merchant names whose payment it is: 1 to 32 of a-z 0-9 _ -.
	Merchant string
	// ID names a payment within its merchant: 1 to 64 of A-Z a-z 0-9 _ -.
	ID string
	// ReqID is the caller's idempotency key of a command, unique within a
	// merchant for twelve months: 1 to 255 visible ASCII characters. What begins
	// with ReservedReqID is Payloom's own.
	ReqID string
	// CommandID is derived from merchant and ReqID: 26 characters of base32 in
	// lower case.
	CommandID string
)

// ErrFormat is what all format errors of identifiers wrap.
var ErrFormat = errors.New("payment: malformed identifier")

var (
	merchantPattern = regexp.MustCompile(`^[a-z0-9_-]{1,32}$`)
	idPattern       = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	reqIDPattern    = regexp.MustCompile(`^[\x21-\x7e]{1,255}$`)
	commandPattern  = regexp.MustCompile(`^[a-z2-7]{26}$`)
)

func check(p *regexp.Regexp, what, v string) error {
	if p.MatchString(v) {
		return nil
	}
	return fmt.Errorf("%w: %s must match %s", ErrFormat, what, p)
}

// Validate returns an error that wraps ErrFormat when m is malformed.
func (m Merchant) Validate() error { return check(merchantPattern, "merchant", string(m)) }

// Validate returns an error that wraps ErrFormat when id is malformed.
func (id ID) Validate() error { return check(idPattern, "payment id", string(id)) }

// Validate returns an error that wraps ErrFormat when r is malformed.
func (r ReqID) Validate() error { return check(reqIDPattern, "req id", string(r)) }

// ReservedReqID begins the ReqIDs of the commands that Payloom itself gives. Callers
// cannot use it, so that none of theirs is in the way.
const ReservedReqID = "payloom:"

// Reserved tells whether r is one that only Payloom itself may use.
func (r ReqID) Reserved() bool { return strings.HasPrefix(string(r), ReservedReqID) }

const reconcileReqID = ReservedReqID + "reconcile:"

// ReconcileReqID returns the ReqID of the sync command that compares payment id
// with its provider's books in a turn. All who ask in that turn give the same
// command.
func ReconcileReqID(id ID, turn string) ReqID { return ReqID(reconcileReqID + string(id) + ":" + turn) }

// Reconciles tells whether r is one of ReconcileReqID.
func (r ReqID) Reconciles() bool { return strings.HasPrefix(string(r), reconcileReqID) }

// Validate returns an error that wraps ErrFormat when c is malformed.
func (c CommandID) Validate() error { return check(commandPattern, "command id", string(c)) }

var lowerBase32 = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// DeriveCommandID returns the id of the command that merchant m sent under r:
// their digest. The same request has the same id for ever, on every machine.
func DeriveCommandID(m Merchant, r ReqID) CommandID {
	return CommandID(Digest(string(m), string(r)))
}

// DeriveID returns the id of a payment whose caller did not choose one.
func DeriveID(c CommandID) ID { return ID("p_" + string(c)) }

// Digest returns 26 characters of lower-case base32 derived from parts, which are
// separated by NUL: the first 128 bits of their SHA-256.
func Digest(parts ...string) string {
	h := sha256.New()
	for i, p := range parts {
		if i > 0 {
			h.Write([]byte{0})
		}
		h.Write([]byte(p))
	}
	return lowerBase32.EncodeToString(h.Sum(nil)[:16])
}

// AttemptKey returns what a provider knows attempt n (1, 2, …) of opening a
// payment by. The first is the payment's own id, so that a merchant finds it in
// the provider's back office; a later one appends sep and the number.
func AttemptKey(id ID, sep string, n int) string {
	if n <= 1 {
		return string(id)
	}
	return string(id) + sep + strconv.Itoa(n)
}

// IdempotencyKey returns the key under which a provider suppresses a repeat of
// command c. It changes only after the provider itself answered that the last
// attempt was not executed (refused counts those): until then a resend must be
// recognised, afterwards it must not be answered with the stored refusal.
func IdempotencyKey(c CommandID, refused int) string {
	if refused == 0 {
		return string(c)
	}
	return Digest(string(c), strconv.Itoa(refused))
}

// Shard returns the shard, 0 to n-1, that id belongs to.
func Shard(id string, n int) int {
	if n <= 1 {
		return 0
	}
	sum := sha256.Sum256([]byte(id))
	return int((uint32(sum[0])<<24 | uint32(sum[1])<<16 | uint32(sum[2])<<8 | uint32(sum[3])) % uint32(n))
}
