package account

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"math"
	"slices"
	"strconv"

	"github.com/payloom/payloom/pkg/payment"
)

// minHMAC is the fewest bytes of a secret that requests are signed with.
const minHMAC = 32

func (s *schema) key(e entry, merchant *Merchant) APIKey {
	m := s.mapping(e)
	id, at := m.text("id")
	k := APIKey{ID: id, Line: m.line}
	s.match(at, id, keyIDPattern, "1 to 64 of A-Z a-z 0-9 _ . -")
	if slices.ContainsFunc(merchant.Keys, func(o APIKey) bool { return o.ID == id }) {
		s.report(at.line, at.field, "%s is there twice", id)
	}
	s.proof(&m, &k)
	s.scopes(&m, &k)
	if at, ok := m.get("limits"); ok {
		k.Limits = s.limits(at)
	}
	m.finish()
	return k
}

// proof reads what a caller is known by: one of a hash, a public key and a secret.
func (s *schema) proof(m *mapping, k *APIKey) {
	known := 0
	for _, p := range []struct {
		name string
		read func(*mapping, *APIKey)
	}{{"sha256", s.hash}, {"ed25519", s.publicKey}, {"hmac", s.sharedSecret}} {
		if _, ok := m.get(p.name); ok {
			known++
			p.read(m, k)
		}
	}
	if known != 1 && m.node != nil {
		s.report(m.line, m.field, "must have one of sha256 (a key that is sent), ed25519 and hmac (a key that signs)")
	}
}

// hash reads the hash of a key that is sent.
func (s *schema) hash(m *mapping, k *APIKey) {
	text, at := m.text("sha256")
	if at.node == nil {
		return
	}
	sum, err := hex.DecodeString(text)
	if err != nil || len(sum) != sha256.Size {
		s.report(at.line, at.field, "must be the SHA-256 of the key, 64 hexadecimal digits")
		return
	}
	k.Hash = [sha256.Size]byte(sum)
	if k.Hash == sha256.Sum256(nil) {
		s.report(at.line, at.field, "is the hash of an empty key")
	}
	s.once("sha256 "+string(sum), at)
}

func (s *schema) publicKey(m *mapping, k *APIKey) {
	text, at := m.text("ed25519")
	if at.node == nil {
		return
	}
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(key) != ed25519.PublicKeySize {
		s.report(at.line, at.field, "must be an Ed25519 public key, 32 bytes in base64")
		return
	}
	k.Ed25519 = key
	s.once("ed25519 "+string(key), at)
}

func (s *schema) sharedSecret(m *mapping, k *APIKey) {
	ref, at := m.text("hmac")
	if at.node == nil {
		return
	}
	before := len(s.problems)
	k.HMAC = s.resolve(ref, at)
	switch n := len(k.HMAC.Reveal()); {
	case len(s.problems) > before: // said already
	case n < minHMAC:
		s.report(at.line, at.field, "has %d bytes, must have at least %d", n, minHMAC)
	default:
		s.once("hmac "+k.HMAC.Reveal(), at)
	}
}

// once reports a proof that is there twice: it would name two callers.
func (s *schema) once(proof string, at entry) {
	if other, twice := s.proofs[proof]; twice {
		s.report(at.line, at.field, "is the same as %s", other)
	}
	s.proofs[proof] = at.field
}

func (s *schema) scopes(m *mapping, k *APIKey) {
	for _, e := range m.some("scopes") {
		text, _ := scalar(e.node)
		switch scope := Scope(text); {
		case !slices.Contains(Scopes(), scope):
			s.report(e.line, e.field, "must be one of %s", oneOf(Scopes()))
		case slices.Contains(k.Scopes, scope):
			s.report(e.line, e.field, "%s is there twice", scope)
		default:
			k.Scopes = append(k.Scopes, scope)
		}
	}
}

func (s *schema) limits(e entry) (l Limits) {
	m := s.mapping(e)
	l.PerSecond = s.number(&m, "per_second")
	l.Burst = int(s.number(&m, "burst"))
	if l.Burst > 0 && l.PerSecond == 0 {
		s.report(m.line, m.field, "burst needs per_second")
	}
	l.Amounts = s.amounts(&m, "amounts")
	l.Alone = s.amounts(&m, "alone")
	m.finish()
	return l
}

// number reads a positive number; a missing one is 0.
func (s *schema) number(m *mapping, name string) float64 {
	at, ok := m.get(name)
	if !ok {
		return 0
	}
	text, _ := scalar(at.node)
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || v <= 0 || math.IsInf(v, 0) || v > math.MaxInt32 || name == "burst" && v != math.Trunc(v) {
		s.report(at.line, at.field, "must be a number above 0")
		return 0
	}
	return v
}

// amounts reads minor units by currency; a missing mapping is nil.
func (s *schema) amounts(m *mapping, name string) Amounts {
	at, ok := m.get(name)
	if !ok {
		return nil
	}
	all := Amounts{}
	for _, n := range s.mapping(at).entries {
		text, _ := scalar(n.node)
		minor, err := strconv.ParseInt(text, 10, 64)
		if err != nil || minor < 0 {
			s.report(n.line, n.field, "must be a whole number of minor units")
		}
		c := payment.Currency(n.name)
		if !c.Known() {
			s.report(n.line, n.field, "must be the code of a currency, such as EUR")
		}
		all[c] = minor
	}
	return all
}
