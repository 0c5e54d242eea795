package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
)

// keySize is the size of every key, in bytes: AES-256.
const keySize = 32

// The errors that callers compare.
var (
	// ErrDestroyed means that the key is gone for good, and with it what it sealed.
	ErrDestroyed = errors.New("seal: the key is destroyed")
	// ErrForged means that a text does not open: it was changed, moved from where it
	// was sealed, or sealed with another key.
	ErrForged = errors.New("seal: the text does not open")
	// ErrNoKey means that a key-encryption key is missing.
	ErrNoKey = errors.New("seal: no such key-encryption key")
)

// Key is a data key.
type Key struct {
	id   string
	aead cipher.AEAD
}

// ID returns the key's name. It says nothing about the key.
func (k *Key) ID() string { return k.id }

// Seal encrypts text. Whoever opens it must name the same place: the message that
// it belongs to.
func (k *Key) Seal(text []byte, place string) []byte {
	return k.aead.Seal(nil, nil, text, []byte(place))
}

// Open decrypts what Seal gave for the same place, or returns ErrForged.
func (k *Key) Open(sealed []byte, place string) ([]byte, error) {
	text, err := k.aead.Open(nil, nil, sealed, []byte(place))
	if err != nil {
		return nil, fmt.Errorf("%w: key %s", ErrForged, k.id)
	}
	return text, nil
}

// newKey returns the key of that id with these bytes.
func newKey(id string, raw []byte) (*Key, error) {
	if len(raw) != keySize {
		return nil, fmt.Errorf("seal: key %s has %d bytes, want %d", id, len(raw), keySize)
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		return nil, fmt.Errorf("seal: key %s: %w", id, err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("seal: key %s: %w", id, err)
	}
	return &Key{id: id, aead: aead}, nil
}

// random returns n random bytes.
func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // it never fails: see crypto/rand
	return b
}
