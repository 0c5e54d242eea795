package computopsim

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"

	"github.com/payloom/payloom/pkg/provider/simkit"
)

// seed is where everything random comes from.
type seed simkit.Seed

func (s seed) digest(parts ...string) [sha256.Size]byte { return simkit.Seed(s).Digest(parts...) }

// hexID returns 32 hex digits, the form of PayID and XID.
func (s seed) hexID(parts ...string) string { return simkit.Seed(s).HexID(parts...) }

// sessionID returns an id in the form of Amazon's checkout sessions.
func (s seed) sessionID(payID string) string {
	d := s.hexID("session", payID)
	return d[:8] + "-" + d[8:12] + "-" + d[12:16] + "-" + d[16:20] + "-" + d[20:]
}

// permissionID returns an id in the form of Amazon's charge permissions, 19
// characters.
func (s seed) permissionID(payID string) string {
	n := s.number("permission", payID)
	return fmt.Sprintf("S02-%07d-%07d", n%1e7, n/1e7%1e7)
}

// partID returns the id of a charge ("C") or refund ("R"), 27 characters.
func (s seed) partID(permission, letter, xid string) string {
	return fmt.Sprintf("%s-%s%06d", permission, letter, s.number("part", xid)%1e6)
}

func (s seed) number(parts ...string) uint64 { return simkit.Seed(s).Number(parts...) }

// random returns a source of its own for everything that concerns parts.
func (s seed) random(parts ...string) *rand.Rand { return simkit.Seed(s).Random(parts...) }
