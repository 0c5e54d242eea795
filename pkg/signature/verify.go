package signature

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/dunglas/httpsfv"
)

// Why a request is not believed. Errors wrap one of these, name fields and never
// repeat what is in them.
var (
	ErrMalformed  = errors.New("signature: not readable")
	ErrIncomplete = errors.New("signature: does not cover enough")
	ErrStale      = errors.New("signature: too old, or from the future")
	ErrWrong      = errors.New("signature: does not match")
	ErrDigest     = errors.New("signature: the body is not the one that was signed")
)

const (
	// Window is how far the time of a signature may be from the verifier's clock.
	Window = 5 * time.Minute
	// maxSignatures is how many signatures of one request are looked at.
	maxSignatures = 4
	// maxComponents is how many components one of them may cover.
	maxComponents = 16
)

// Key verifies the signatures that name it. One of its fields is set.
type Key struct {
	Ed25519 ed25519.PublicKey
	HMAC    []byte
}

// Signature is one signature of a request, not verified yet.
type Signature struct {
	KeyID   string
	Created time.Time
	alg     string // as the signature says; may be empty
	params  httpsfv.InnerList
	value   []byte
}

// Signed tells whether a request claims to be signed.
func Signed(h http.Header) bool {
	return len(h.Values(headerInput)) > 0 || len(h.Values(headerSignature)) > 0
}

// Read returns the signatures of a request in the order in which they stand. It
// returns an error that wraps ErrMalformed when one of them cannot be read.
func Read(h http.Header) ([]Signature, error) {
	inputs, err := httpsfv.UnmarshalDictionary(h.Values(headerInput))
	if err != nil {
		return nil, fmt.Errorf("%w: Signature-Input", ErrMalformed)
	}
	values, err := httpsfv.UnmarshalDictionary(h.Values(headerSignature))
	if err != nil {
		return nil, fmt.Errorf("%w: Signature", ErrMalformed)
	}
	labels := inputs.Names()
	if len(labels) == 0 || len(labels) > maxSignatures || len(labels) != len(values.Names()) {
		return nil, fmt.Errorf("%w: 1 to %d signatures, each in both header fields", ErrMalformed, maxSignatures)
	}
	all := make([]Signature, len(labels))
	for i, label := range labels {
		if all[i], err = read(inputs, values, label); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func read(inputs, values *httpsfv.Dictionary, label string) (s Signature, err error) {
	input, _ := inputs.Get(label)
	value, _ := values.Get(label)
	list, isList := input.(httpsfv.InnerList)
	item, isItem := value.(httpsfv.Item)
	if !isList || !isItem || len(list.Items) > maxComponents {
		return s, fmt.Errorf("%w: not a list of components and a value", ErrMalformed)
	}
	created, dated := param[int64](list, "created")
	s.KeyID, _ = param[string](list, "keyid")
	s.alg, _ = param[string](list, "alg")
	var isBytes bool
	if s.value, isBytes = item.Value.([]byte); !isBytes || !dated || s.KeyID == "" {
		return s, fmt.Errorf("%w: created, keyid and the value are required", ErrMalformed)
	}
	s.Created, s.params = time.Unix(created, 0), list
	return s, nil
}

func param[T any](l httpsfv.InnerList, name string) (T, bool) {
	v, _ := l.Params.Get(name)
	t, ok := v.(T)
	return t, ok
}

// Verify returns nil when s is k's signature of r at about now, and covers what it
// has to. The body is not looked at: CheckBody does that. Errors wrap
// ErrIncomplete, ErrStale, ErrMalformed or ErrWrong.
func (s Signature) Verify(r *http.Request, k Key, now time.Time) error {
	if err := s.covers(r); err != nil {
		return err
	}
	if now.Sub(s.Created).Abs() > Window {
		return fmt.Errorf("%w: created is more than %s from now", ErrStale, Window)
	}
	if expires, ok := param[int64](s.params, "expires"); ok && now.After(time.Unix(expires, 0)) {
		return fmt.Errorf("%w: expires has passed", ErrStale)
	}
	text, err := base(r, s.params)
	if err != nil {
		return err
	}
	if !k.matches(s, text) {
		return ErrWrong
	}
	return nil
}

func (s Signature) covers(r *http.Request) error {
	var names []string
	for _, item := range s.params.Items {
		name, _ := item.Value.(string)
		if slices.Contains(names, name) {
			return fmt.Errorf("%w: %.40q is covered twice", ErrMalformed, name)
		}
		names = append(names, name)
	}
	for _, want := range Covered(r) {
		if !slices.Contains(names, want) {
			return fmt.Errorf("%w: %s is missing", ErrIncomplete, want)
		}
	}
	return nil
}

// matches tells whether s is k's signature of text. An algorithm that is named has
// to be that of the key: nobody chooses how a key is used but its owner.
func (k Key) matches(s Signature, text string) bool {
	if len(k.Ed25519) == ed25519.PublicKeySize {
		return (s.alg == "" || s.alg == algEd25519) && ed25519.Verify(k.Ed25519, []byte(text), s.value)
	}
	if len(k.HMAC) == 0 {
		return false
	}
	return (s.alg == "" || s.alg == algHMAC) && hmac.Equal(mac(k.HMAC, text), s.value)
}

func mac(key []byte, text string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}

// CheckBody returns nil when body is the one whose SHA-256 or SHA-512 the request
// was signed with, else an error that wraps ErrDigest.
func CheckBody(h http.Header, body []byte) error {
	digests, err := httpsfv.UnmarshalDictionary(h.Values(headerDigest))
	if err != nil {
		return fmt.Errorf("%w: Content-Digest is not readable", ErrDigest)
	}
	known := 0
	for name, want := range sums(body) {
		member, ok := digests.Get(name)
		if !ok {
			continue
		}
		known++
		item, _ := member.(httpsfv.Item)
		if got, _ := item.Value.([]byte); !hmac.Equal(got, want) {
			return ErrDigest
		}
	}
	if known == 0 {
		return fmt.Errorf("%w: Content-Digest has neither sha-256 nor sha-512", ErrDigest)
	}
	return nil
}
