package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The headers of a message, as Standard Webhooks names them.
const (
	HeaderID        = "webhook-id"
	HeaderTimestamp = "webhook-timestamp" // of this attempt, seconds since 1970
	HeaderSignature = "webhook-signature"
)

const (
	secretPrefix = "whsec_"
	scheme       = "v1"
	// Standard Webhooks: a secret is between 24 and 64 random bytes.
	minKey, maxKey = 24, 64
)

// ErrSecret says that a secret is not "whsec_" and 24 to 64 bytes in base64. It
// never shows the secret.
var ErrSecret = errors.New("webhook: a secret is whsec_ and 24 to 64 bytes in base64")

// Key is what messages are signed with.
type Key struct{ bytes []byte }

// ParseKey reads a secret, "whsec_" and base64 with or without padding.
func ParseKey(secret string) (Key, error) {
	text, ok := strings.CutPrefix(secret, secretPrefix)
	if !ok {
		return Key{}, ErrSecret
	}
	key, err := base64.RawStdEncoding.Strict().DecodeString(strings.TrimRight(text, "="))
	if err != nil || len(key) < minKey || len(key) > maxKey {
		return Key{}, ErrSecret
	}
	return Key{key}, nil
}

// Format hides the key, whatever the verb.
func (Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[secret]") }

// mac returns the HMAC-SHA256 of "id.timestamp.body".
func (k Key) mac(id, timestamp string, body []byte) []byte {
	h := hmac.New(sha256.New, k.bytes)
	fmt.Fprintf(h, "%s.%s.", id, timestamp)
	h.Write(body)
	return h.Sum(nil)
}

// Sign returns the headers of an attempt that begins at a time, with one
// signature per key.
func Sign(keys []Key, id string, at time.Time, body []byte) http.Header {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	signatures := make([]string, len(keys))
	for i, k := range keys {
		signatures[i] = scheme + "," + base64.StdEncoding.EncodeToString(k.mac(id, timestamp, body))
	}
	h := http.Header{}
	h.Set(HeaderID, id)
	h.Set(HeaderTimestamp, timestamp)
	h.Set(HeaderSignature, strings.Join(signatures, " "))
	return h
}
