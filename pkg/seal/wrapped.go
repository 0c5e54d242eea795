package seal

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
)

// Wrapper encrypts data keys under key-encryption keys that it does not give away:
// a [Ring], or a key management service.
type Wrapper interface {
	// Newest names the key-encryption key that Wrap uses.
	Newest() string
	// Wrap encrypts raw, bound to place.
	Wrap(ctx context.Context, raw []byte, place string) (wrapped []byte, err error)
	// Unwrap decrypts what Wrap gave for the same place when kek was the newest. The
	// error wraps ErrNoKey when there is no kek any more.
	Unwrap(ctx context.Context, kek string, wrapped []byte, place string) (raw []byte, err error)
}

// Wrapped is a data key as it is kept.
type Wrapped struct {
	ID  string `json:"id"`  // of the data key
	KEK string `json:"kek"` // that it is encrypted with
	Key []byte `json:"key"` // encrypted, bound to the place it is kept at
}

// New draws a data key that is to be kept at place, and wraps it.
func New(ctx context.Context, w Wrapper, place string) (*Key, Wrapped, error) {
	raw := random(keySize)
	k, err := newKey(rand.Text(), raw)
	if err != nil {
		return nil, Wrapped{}, err
	}
	wrapped, err := wrap(ctx, w, k.id, raw, place)
	return k, wrapped, err
}

func wrap(ctx context.Context, w Wrapper, id string, raw []byte, place string) (Wrapped, error) {
	kek := w.Newest()
	text, err := w.Wrap(ctx, raw, bound(place, id))
	if err != nil {
		return Wrapped{}, fmt.Errorf("wrap key %s: %w", id, err)
	}
	return Wrapped{ID: id, KEK: kek, Key: text}, nil
}

// Unwrap returns the key itself, kept at place.
func (k Wrapped) Unwrap(ctx context.Context, w Wrapper, place string) (*Key, error) {
	raw, err := w.Unwrap(ctx, k.KEK, k.Key, bound(place, k.ID))
	if err != nil {
		return nil, fmt.Errorf("unwrap key %s: %w", k.ID, err)
	}
	return newKey(k.ID, raw)
}

// Rewrap returns k under the newest key-encryption key, and whether that is another
// than before.
func (k Wrapped) Rewrap(ctx context.Context, w Wrapper, place string) (Wrapped, bool, error) {
	if k.KEK == w.Newest() {
		return k, false, nil
	}
	raw, err := w.Unwrap(ctx, k.KEK, k.Key, bound(place, k.ID))
	if err != nil {
		return k, false, fmt.Errorf("unwrap key %s: %w", k.ID, err)
	}
	fresh, err := wrap(ctx, w, k.ID, raw, place)
	return fresh, err == nil, err
}

// Marshal returns k as it is stored.
func (k Wrapped) Marshal() ([]byte, error) { return json.Marshal(k) }

// ParseWrapped reads what Marshal wrote.
func ParseWrapped(data []byte) (Wrapped, error) {
	var k Wrapped
	if err := json.Unmarshal(data, &k); err != nil {
		return Wrapped{}, fmt.Errorf("seal: stored key: %w", err)
	}
	return k, nil
}

// bound is what a wrapped key is bound to: nobody can put it in another's place.
func bound(place, id string) string { return place + "\x00" + id }
