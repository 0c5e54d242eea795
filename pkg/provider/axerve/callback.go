package axerve

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/axerve/gestpay"
)

// Parser looks at what Axerve and buyers' browsers bring to one account's
// addresses. It can refuse what cannot be ours; what it lets pass, only Decrypt
// can read. It may be used concurrently.
type Parser struct{ shop string }

// NewParser returns the parser of an account. Of cfg it needs ShopLogin; the error
// names what is wrong with cfg.
func NewParser(cfg Config) (*Parser, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Parser{shop: cfg.ShopLogin}, nil
}

// Format writes the account's name for every verb, as Client does.
func (p *Parser) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "axerve:"+p.shop) }

// ParseCallback implements provider.CallbackParser. It never returns a Callback
// that is good: the least bad error is ErrUnverified, with the mark of the message.
func (p *Parser) ParseCallback(_ http.Header, body []byte) (provider.Callback, error) {
	n, err := notificationOf(p.shop, string(body))
	if err != nil {
		return provider.Callback{}, err
	}
	return provider.Callback{Dedup: dedup(n)}, fmt.Errorf("%w: Decrypt has to read it", provider.ErrUnverified)
}

// ParseReturn implements provider.ReturnParser. Axerve knows a page for good news
// and one for bad; which of them a buyer came to says nothing.
func (p *Parser) ParseReturn(page provider.Page, form url.Values) (provider.Callback, error) {
	if _, err := returnOf(p.shop, page, form); err != nil {
		return provider.Callback{}, err
	}
	return provider.Callback{}, fmt.Errorf("%w: Decrypt has to read it", provider.ErrUnverified)
}

func returnOf(shop string, page provider.Page, form url.Values) (gestpay.Notification, error) {
	if page != provider.PageSuccess && page != provider.PageFailure {
		return gestpay.Notification{}, fmt.Errorf("%w: Axerve has no such page", provider.ErrUnreadable)
	}
	return notificationOf(shop, form.Encode())
}

// notificationOf returns a and b. A foreign a is refused before anything is asked
// of Axerve: otherwise a stranger could have us read a result of his own shop.
func notificationOf(shop, query string) (gestpay.Notification, error) {
	n, err := gestpay.ParseNotification(query)
	switch {
	case errors.Is(err, gestpay.ErrRESTNotification):
		return gestpay.Notification{}, fmt.Errorf("%w: %w", provider.ErrUnreadable, err)
	case err != nil:
		return gestpay.Notification{}, fmt.Errorf("%w: %w", provider.ErrForged, err)
	case n.ShopLogin != shop:
		return gestpay.Notification{}, fmt.Errorf("%w: it is for another shop", provider.ErrForged)
	}
	return n, nil
}

// dedup names a message. Another message about the same payment has another b.
func dedup(n gestpay.Notification) string {
	sum := sha256.Sum256([]byte(n.ShopLogin + "\x00" + n.CryptedString))
	return hex.EncodeToString(sum[:16])
}
