package signature

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/sha512"
	"net/http"
	"time"

	"github.com/dunglas/httpsfv"
)

// The names of the algorithms, as RFC 9421 registers them.
const (
	algEd25519 = "ed25519"
	algHMAC    = "hmac-sha256"
)

// Signer signs under a key id. One of the two keys is set. The zero value signs
// nothing.
type Signer struct {
	KeyID   string
	Ed25519 ed25519.PrivateKey
	HMAC    []byte
}

// Sign adds a signature of r and of body, which r is going to carry, under label:
// lower-case letters and digits. Several parties may sign one after the other, each
// under a label of its own. The header field Idempotency-Key must be there before.
func (s Signer) Sign(r *http.Request, body []byte, label string, now time.Time) error {
	if r.Method != http.MethodGet && r.Method != http.MethodHead && r.Header.Get(headerDigest) == "" {
		digest, err := Digest(body)
		if err != nil {
			return err
		}
		r.Header.Set(headerDigest, digest)
	}
	params := httpsfv.InnerList{Params: httpsfv.NewParams()}
	for _, name := range Covered(r) {
		params.Items = append(params.Items, httpsfv.NewItem(name))
	}
	params.Params.Add("created", now.Unix())
	params.Params.Add("keyid", s.KeyID)
	params.Params.Add("alg", s.alg())
	text, err := base(r, params)
	if err != nil {
		return err
	}
	if err := add(r.Header, headerInput, label, params); err != nil {
		return err
	}
	return add(r.Header, headerSignature, label, httpsfv.NewItem(s.value(text)))
}

func (s Signer) alg() string {
	if s.Ed25519 != nil {
		return algEd25519
	}
	return algHMAC
}

func (s Signer) value(text string) []byte {
	if s.Ed25519 != nil {
		return ed25519.Sign(s.Ed25519, []byte(text))
	}
	return mac(s.HMAC, text)
}

// add appends a member to a header field that holds a dictionary.
func add(h http.Header, field, label string, m httpsfv.Member) error {
	d := httpsfv.NewDictionary()
	d.Add(label, m)
	text, err := httpsfv.Marshal(d)
	if err != nil {
		return err
	}
	h.Add(field, text)
	return nil
}

// Digest returns the header field Content-Digest of a body (RFC 9530).
func Digest(body []byte) (string, error) {
	d := httpsfv.NewDictionary()
	d.Add("sha-256", httpsfv.NewItem(sums(body)["sha-256"]))
	return httpsfv.Marshal(d)
}

func sums(body []byte) map[string][]byte {
	short, long := sha256.Sum256(body), sha512.Sum512(body)
	return map[string][]byte{"sha-256": short[:], "sha-512": long[:]}
}
