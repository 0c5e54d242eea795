package webhook

import (
	"crypto/hmac"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Why a message is refused.
var (
	// ErrHeader says that one of the three headers is missing or malformed.
	ErrHeader = errors.New("webhook: missing or malformed header")
	// ErrTimestamp says that the attempt is too old, or comes from the future.
	ErrTimestamp = errors.New("webhook: timestamp is not within the tolerance")
	// ErrSignature says that no signature is right.
	ErrSignature = errors.New("webhook: no signature is right")
)

// Tolerance is how far the clocks of sender and receiver may be apart, travel
// included, as Standard Webhooks has it.
const Tolerance = 5 * time.Minute

// Verify returns nil when body is what the holder of secret sent, at most a
// tolerance ago; 0 means Tolerance. body must be the bytes as they came in:
// verify first, parse afterwards. The error wraps ErrSecret, ErrHeader,
// ErrTimestamp or ErrSignature.
//
// A message may come more than once, and then has the same webhook-id: a receiver
// remembers the ids that it has worked on, and answers a repeat with 2xx too. It
// may also be overtaken by a later one: data.payment.version tells which is newer.
func Verify(secret string, header http.Header, body []byte, tolerance time.Duration) error {
	return verify(secret, header, body, tolerance, time.Now())
}

func verify(secret string, header http.Header, body []byte, tolerance time.Duration, now time.Time) error {
	key, err := ParseKey(secret)
	if err != nil {
		return err
	}
	id, timestamp := header.Get(HeaderID), header.Get(HeaderTimestamp)
	if id == "" {
		return fmt.Errorf("%w: %s", ErrHeader, HeaderID)
	}
	if err := fresh(timestamp, tolerance, now); err != nil {
		return err
	}
	if !signed(header.Get(HeaderSignature), key.mac(id, timestamp, body)) {
		return ErrSignature
	}
	return nil
}

func fresh(timestamp string, tolerance time.Duration, now time.Time) error {
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return fmt.Errorf("%w: %s", ErrHeader, HeaderTimestamp)
	}
	if tolerance <= 0 {
		tolerance = Tolerance
	}
	// The distance of far away times does not fit a Duration; Sub stays at the largest.
	if now.Sub(time.Unix(seconds, 0)).Abs() > tolerance {
		return ErrTimestamp
	}
	return nil
}

// signed tells whether one of the signatures, separated by spaces, is mac. Those
// of other schemes are passed over.
func signed(signatures string, mac []byte) bool {
	ok := false
	for entry := range strings.FieldsSeq(signatures) {
		version, text, _ := strings.Cut(entry, ",")
		got, err := base64.StdEncoding.DecodeString(text)
		if version == scheme && err == nil && hmac.Equal(got, mac) {
			ok = true
		}
	}
	return ok
}
