package paygate

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// MAC returns the HMAC-SHA256 of the values joined with "*", as 64 lower-case
// hex digits. A missing value is the empty string; its "*" stays.
func MAC(key string, values ...string) string {
	h := hmac.New(sha256.New, wireBytes(key))
	h.Write(wireBytes(strings.Join(values, "*")))
	return hex.EncodeToString(h.Sum(nil))
}

// wireBytes are the bytes as they stand in Data. Text that ISO-8859-1 cannot
// express never gets there, so its bytes are of no consequence.
func wireBytes(s string) []byte {
	if b, err := encodeLatin1(s); err == nil {
		return b
	}
	return []byte(s)
}

// RequestMAC returns the MAC of a request. PayID is empty on init, TransID,
// amount and currency on a reversal that does not send them.
func RequestMAC(key, payID, transID, merchantID, amount, currency string) string {
	return MAC(key, payID, transID, merchantID, amount, currency)
}

// NotifyMAC returns the MAC of a notify and of the data at URLSuccess and
// URLFailure. Verify with the MerchantID that is configured, not with the one
// received.
func NotifyMAC(key, payID, transID, merchantID, status, code string) string {
	return MAC(key, payID, transID, merchantID, status, code)
}

// EqualMAC compares two MACs without regard to the case of their hex digits
// and in constant time. Anything that is not 64 hex digits equals nothing.
func EqualMAC(a, b string) bool {
	x, errA := hex.DecodeString(a)
	y, errB := hex.DecodeString(b)
	if errA != nil || errB != nil || len(x) != sha256.Size {
		return false
	}
	return hmac.Equal(x, y)
}
