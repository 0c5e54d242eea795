package seal

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/payloom/payloom/pkg/conf"
)

// Ring holds key-encryption keys in memory. The first wraps, each unwraps.
type Ring struct{ keys []*Key }

// ids are the names that key-encryption keys may have.
var ids = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// ParseRing makes a ring of entries such as "2026-11=file:/run/secrets/data-key",
// the newest first. What is referred to is 32 bytes in base64. No error shows any
// of it.
func ParseRing(entries []string) (*Ring, error) {
	var r Ring
	for i, e := range entries {
		k, err := parseKEK(e)
		if err != nil {
			return nil, fmt.Errorf("key %d of the list: %w", i+1, err)
		}
		if r.find(k.id) != nil {
			return nil, fmt.Errorf("key %d of the list: another is called %s", i+1, k.id)
		}
		r.keys = append(r.keys, k)
	}
	if len(r.keys) == 0 {
		return nil, errors.New("the list of keys is empty")
	}
	return &r, nil
}

// errNoEntry means that an entry is not what it should look like.
var errNoEntry = errors.New("must be ID=file:/path or ID=env:NAME, the id of letters, digits, dots, hyphens and underscores")

func parseKEK(entry string) (*Key, error) {
	id, ref, ok := strings.Cut(strings.TrimSpace(entry), "=")
	if !ok || !ids.MatchString(id) {
		return nil, errNoEntry
	}
	secret, err := conf.ResolveSecret(ref)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", id, err)
	}
	raw, err := base64.StdEncoding.DecodeString(secret.Reveal())
	if err != nil || len(raw) != keySize {
		return nil, fmt.Errorf("%s: must be %d bytes in base64, as openssl rand -base64 %d prints", id, keySize, keySize)
	}
	return newKey(id, raw)
}

// GenerateKEK draws a key-encryption key and returns it as it is configured.
func GenerateKEK() conf.Secret {
	return conf.Secret(base64.StdEncoding.EncodeToString(random(keySize)))
}

func (r *Ring) find(id string) *Key {
	for _, k := range r.keys {
		if k.id == id {
			return k
		}
	}
	return nil
}

// Newest implements Wrapper.
func (r *Ring) Newest() string { return r.keys[0].id }

// Wrap implements Wrapper.
func (r *Ring) Wrap(_ context.Context, raw []byte, place string) ([]byte, error) {
	return r.keys[0].Seal(raw, place), nil
}

// Unwrap implements Wrapper.
func (r *Ring) Unwrap(_ context.Context, kek string, wrapped []byte, place string) ([]byte, error) {
	k := r.find(kek)
	if k == nil {
		return nil, fmt.Errorf("%w: %s", ErrNoKey, kek)
	}
	return k.Open(wrapped, place)
}
