package computop

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/payloom/payloom/pkg/conf"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/computop/paygate"
)

// DefaultMinAmount is the least amount in minor units that Paygate takes before
// its helpdesk has enabled smaller ones.
const DefaultMinAmount = 100

// Config is one account at Paygate.
type Config struct {
	MerchantID string
	// Cipher encrypts what is sent; empty: Blowfish. What is received tells by
	// itself which one it is.
	Cipher paygate.Cipher
	// CipherKeys and MACKeys are the account's passwords, newest first. The first
	// is used for what is sent, any serves for what is received: Paygate notifies
	// payments that are under way with the old one.
	CipherKeys []Key
	MACKeys    []Key
	BaseURL    string // https://www.computop-paygate.com/
	// PublicURL is where Paygate and buyers reach the notify-receiver, and
	// EndpointKey the account's own part of the path there.
	PublicURL   string
	EndpointKey string
	// Live is set when the account moves real money. Then Paygate's simulation
	// text is refused, and every address must be https at port 443.
	Live      bool
	MinAmount int64 // minor units; 0: DefaultMinAmount
	// Recurring allows further charges of a series. Paygate does not document
	// their request, so they are off until it has confirmed it for the account.
	Recurring bool
	HTTP      provider.HTTPConfig
}

// Key is one password and the name an operator knows it by.
type Key struct {
	ID     string
	Secret conf.Secret
}

// ErrConfig is what all errors of Validate wrap.
var ErrConfig = errors.New("computop: bad configuration")

var (
	merchantPattern = regexp.MustCompile(`^[0-9A-Za-z_.-]{1,30}$`)
	endpointPattern = regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`)
)

// Validate reports every field that is wrong, by name. It shows no secret.
func (c Config) Validate() error {
	var errs []error
	bad := func(field, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%w: %s %s", ErrConfig, field, fmt.Sprintf(format, args...)))
	}
	if !merchantPattern.MatchString(c.MerchantID) {
		bad("MerchantID", "must match %s", merchantPattern)
	}
	if c.cipher() != paygate.Blowfish && c.cipher() != paygate.AES {
		bad("Cipher", "must be blowfish or aes")
	}
	c.validateKeys(bad)
	if err := c.checkURL(c.BaseURL); err != nil {
		bad("BaseURL", "%v", err)
	}
	if err := c.checkURL(c.PublicURL); err != nil {
		bad("PublicURL", "%v", err)
	} else if err := c.checkReturns(); err != nil {
		bad("PublicURL", "%v", err)
	}
	if !endpointPattern.MatchString(c.EndpointKey) {
		bad("EndpointKey", "must match %s", endpointPattern)
	}
	if c.MinAmount < 0 {
		bad("MinAmount", "must not be negative")
	}
	return errors.Join(errs...)
}

func (c Config) validateKeys(bad func(field, format string, args ...any)) {
	if len(c.CipherKeys) == 0 {
		bad("CipherKeys", "must hold at least one key")
	}
	if len(c.MACKeys) == 0 {
		bad("MACKeys", "must hold at least one key")
	}
	for i, k := range c.CipherKeys {
		// An old key may belong to the cipher the account had before.
		if _, err := paygate.NewCodec(k.Secret.Reveal()); err != nil {
			bad(fmt.Sprintf("CipherKeys[%d]", i), "fits neither Blowfish nor AES")
		} else if i == 0 && errors.Is(paygate.CheckKey(c.cipher(), k.Secret.Reveal()), paygate.ErrKey) {
			bad("CipherKeys[0]", "does not fit %s", c.cipher())
		}
	}
	for i, k := range c.MACKeys {
		if k.Secret == "" {
			bad(fmt.Sprintf("MACKeys[%d]", i), "is empty")
		}
	}
}

// checkURL checks an address that others are made from.
func (c Config) checkURL(text string) error {
	if err := provider.CheckURL(text, c.Live); err != nil {
		return err
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return err
	case strings.Contains(text, "&"):
		return errors.New("must hold no ampersand")
	case c.Live && u.Port() != "" && u.Port() != "443":
		return errors.New("must be at port 443 for a live account")
	}
	return nil
}

// checkReturns checks what is made from PublicURL against Paygate's format.
func (c Config) checkReturns() error {
	for _, page := range provider.Pages() {
		if !formatANS(256).fits(c.returnURL(page)) {
			return errors.New("is too long: the addresses made from it have at most 256 characters of ISO-8859-1")
		}
	}
	return nil
}

func (c Config) cipher() paygate.Cipher { return cmp.Or(c.Cipher, paygate.Blowfish) }

func (c Config) minAmount() int64 { return cmp.Or(c.MinAmount, DefaultMinAmount) }

// notifyURL is where Paygate's notifies go. It has no query, which Paygate does
// not allow there.
func (c Config) notifyURL() string {
	return strings.TrimSuffix(c.PublicURL, "/") + "/callbacks/computop/" + c.EndpointKey
}

func (c Config) returnURL(page provider.Page) string {
	return strings.TrimSuffix(c.PublicURL, "/") + "/returns/computop/" + c.EndpointKey + "/" + string(page)
}
