package gestpay

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// Notification is what a server-to-server call and a browser return carry. It
// proves nothing until Decrypt was asked.
type Notification struct {
	ShopLogin     string // parameter a
	CryptedString string // parameter b, for Decrypt
}

// String shows the shop only.
func (n Notification) String() string { return "notification for " + n.ShopLogin }

// Reasons to refuse a notification.
var (
	ErrNotification = errors.New("gestpay: bad notification")
	// ErrRESTNotification marks the four parameters a, Status, paymentID and
	// paymentToken, which are sent for payments made by REST. Nothing in them can
	// be decrypted.
	ErrRESTNotification = errors.New("gestpay: notification of a REST payment")
)

// maxParameter bounds a and b, in bytes; the longest b seen has 576.
const maxParameter = 4096

// ParseNotification reads the query of a GET or the body of a form POST. Errors
// wrap ErrNotification, and ErrRESTNotification as well where that is the reason;
// they quote nothing that was sent.
func ParseNotification(query string) (Notification, error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return Notification{}, fmt.Errorf("%w: not a query", ErrNotification)
	}
	for _, name := range []string{"paymentID", "paymentToken", "Status"} {
		if values.Has(name) {
			return Notification{}, fmt.Errorf("%w: %w: this shop must use SOAP", ErrNotification, ErrRESTNotification)
		}
	}
	for _, name := range []string{"a", "b"} {
		if err := checkParameter(values[name]); err != nil {
			return Notification{}, fmt.Errorf("%w: %s %w", ErrNotification, name, err)
		}
	}
	return Notification{ShopLogin: values.Get("a"), CryptedString: values.Get("b")}, nil
}

func checkParameter(values []string) error {
	switch {
	case len(values) == 0:
		return errors.New("is missing")
	case len(values) > 1:
		return errors.New("is repeated")
	case values[0] == "":
		return errors.New("is empty")
	case len(values[0]) > maxParameter:
		return fmt.Errorf("is longer than %d bytes", maxParameter)
	case strings.ContainsFunc(values[0], func(r rune) bool { return r <= 0x20 || r > 0x7e }):
		return errors.New("has a character that is not printable ASCII")
	}
	return nil
}

// Query is the notification as it is sent.
func (n Notification) Query() string {
	return "a=" + percentEncode(n.ShopLogin, "*") + "&b=" + percentEncode(n.CryptedString, "*")
}
