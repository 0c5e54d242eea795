package gestpay

import (
	"errors"
	"fmt"
	"strings"
)

// PagePath is the path of the payment page (API reference).
const PagePath = "/pagam/pagam.aspx"

// Environment is where the gateway is reached. Bases have no slash at their end.
type Environment struct {
	ServiceBase string // of the SOAP services
	PageBase    string // of the payment page
}

// Sandbox returns the gateway's test environment, which has one host for all.
func Sandbox() Environment {
	const host = "https://sandbox.gestpay.net"
	return Environment{ServiceBase: host, PageBase: host}
}

// Production returns the live environment. The documentation prints the page's
// address with http; it is always https here.
func Production() Environment {
	return Environment{ServiceBase: "https://ecomms2s.sella.it", PageBase: "https://ecomm.sella.it"}
}

// URL is where an operation is posted.
func (e Environment) URL(op Operation) string { return e.ServiceBase + op.Path() }

// ErrRedirect marks values that make no redirect.
var ErrRedirect = errors.New("gestpay: bad redirect")

// RedirectURL is the payment page for a string of Encrypt. The page takes the two
// parameters and no others.
func (e Environment) RedirectURL(shopLogin, cryptString string) (string, error) {
	if shopLogin == "" || cryptString == "" {
		return "", fmt.Errorf("%w: shopLogin or CryptDecryptString is empty", ErrRedirect)
	}
	return e.PageBase + PagePath + "?a=" + percentEncode(shopLogin, "*") + "&b=" + percentEncode(cryptString, "*"), nil
}

// percentEncode leaves letters, digits, "_", ".", "-" and the characters of keep
// and encodes everything else.
func percentEncode(text, keep string) string {
	const hex = "0123456789ABCDEF"
	var out strings.Builder
	for _, b := range []byte(text) {
		if plainByte(b) || strings.IndexByte(keep, b) >= 0 {
			out.WriteByte(b)
			continue
		}
		out.WriteString("%" + hex[b>>4:b>>4+1] + hex[b&15:b&15+1])
	}
	return out.String()
}

func plainByte(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '_' || b == '.' || b == '-'
}
