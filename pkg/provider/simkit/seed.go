package simkit

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"strconv"
)

// Seed is where everything random of a simulator comes from. Ids are hashes of
// the seed and of what they stand for, not draws from a stream: the order in
// which concurrent calls arrive must not change them.
type Seed uint64

// Digest is a hash of the seed and the parts.
func (s Seed) Digest(parts ...string) [sha256.Size]byte {
	h := sha256.New()
	var raw [8]byte
	binary.BigEndian.PutUint64(raw[:], uint64(s))
	h.Write(raw[:])
	for _, p := range parts {
		h.Write([]byte(strconv.Itoa(len(p)) + ":" + p))
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// HexID returns 32 hex digits.
func (s Seed) HexID(parts ...string) string {
	sum := s.Digest(parts...)
	return hex.EncodeToString(sum[:16])
}

// Number returns a number of 64 bits.
func (s Seed) Number(parts ...string) uint64 {
	sum := s.Digest(parts...)
	return binary.BigEndian.Uint64(sum[:8])
}

// Random returns a source of its own for everything that concerns parts.
func (s Seed) Random(parts ...string) *rand.Rand {
	sum := s.Digest(parts...)
	return rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:16])))
}
