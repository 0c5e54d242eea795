package computopsim

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strconv"
)

// Ids are hashes of the seed and of what they stand for, not draws from a
// stream: the order in which concurrent calls arrive must not change them.

// seed is where everything random comes from.
type seed uint64

func (s seed) digest(parts ...string) [sha256.Size]byte {
	h := sha256.New()
	var raw [8]byte
	binary.BigEndian.PutUint64(raw[:], uint64(s))
	h.Write(raw[:])
	for _, p := range parts {
		h.Write([]byte(strconv.Itoa(len(p)) + ":" + p))
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// hexID returns 32 hex digits, the form of PayID and XID.
func (s seed) hexID(parts ...string) string {
	sum := s.digest(parts...)
	return hex.EncodeToString(sum[:16])
}

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

func (s seed) number(parts ...string) uint64 {
	sum := s.digest(parts...)
	return binary.BigEndian.Uint64(sum[:8])
}

// random returns a source of its own for everything that concerns parts.
func (s seed) random(parts ...string) *rand.Rand {
	sum := s.digest(parts...)
	return rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:16])))
}
