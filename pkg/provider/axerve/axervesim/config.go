package axervesim

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"time"

	"github.com/payloom/payloom/pkg/provider/axerve/gestpay"
	"github.com/payloom/payloom/pkg/provider/simkit"
)

// Config is what a Simulator is made from. Only Shops is required. A duration
// marked "simulated" is divided by TimeScale.
type Config struct {
	Shops []Shop

	// BaseURL is where shops and buyers reach the simulator, without a slash at
	// its end. It may be set later with SetBaseURL; until then the Host header of
	// requests serves.
	BaseURL string

	Seed      uint64           // source of everything random
	Now       func() time.Time // time.Now when nil
	TimeScale float64          // simulated seconds per real second; 1 when zero

	// DuplicateCode answers callPagamS2S with a shopTransactionId that has a
	// transaction. Which code it is is not published; 4707 when empty.
	DuplicateCode gestpay.Code
	// ReuseIDs accepts a shopTransactionId again, as the gateway does for cards.
	// Reading by such an id is then ambiguous.
	ReuseIDs bool
	// KnownOrdersOnly refuses Amazon order references that were not made with
	// NewOrder.
	KnownOrdersOnly bool
	// TokenNeedsPaymentType refuses a charge by token without paymentTypes.
	TokenNeedsPaymentType bool
	// DeclinedReadsZero makes callReadTrxS2S show 0 as the code of a declined
	// payment in place of the reason. Both are to be expected.
	DeclinedReadsZero bool
	// RefundAtOnce executes refunds without showing them as requested first.
	RefundAtOnce bool

	StringLife    time.Duration // simulated; until a string of Encrypt is too old, 1 h when zero
	PendingDelay  time.Duration // simulated; until an XX becomes final, 5 s when zero
	RefundDelay   time.Duration // simulated; until a requested refund is executed, 2 s when zero
	NightDelay    time.Duration // simulated; until a queued capture is executed, 8 h when zero
	NotifyWorkers int           // notifications in flight at once; 32 when zero
	NotifyTimeout time.Duration // of one delivery; 10 s when zero
	NotifyClient  *http.Client  // its own, with kept-alive connections, when nil

	Latency time.Duration // of every call, real time; see SetLatency
}

// Shop is one shopLogin with its settings in the back office.
type Shop struct {
	Login  string
	APIKey string // "" when the shop has none
	// NextKey is good as well and takes APIKey's place when that is retired; may be
	// empty.
	NextKey string
	// IPs are the addresses that may call, "*" as wildcard. Empty means that the
	// key alone decides; a shop needs one of the two.
	IPs      []string
	Inactive bool
	// Separated authorises only; otherwise a payment is captured with its
	// authorisation.
	Separated bool
	// Automatic does "capture" or "delete" what is still only authorised after
	// AutomaticAfter (simulated, at most 25 days); separated shops only.
	Automatic      string
	AutomaticAfter time.Duration
	AddressWidget  bool     // buyers choose a shipping address at Amazon
	Live           bool     // order references begin with P, not S
	CustomKeys     []string // keys of customInfo that were declared

	PositiveURL string // browser, after success; also of what is not final
	NegativeURL string // browser, after failure or cancelling
	NotifyURL   string // server to server
}

// ErrConfig marks what is wrong with a Config.
var ErrConfig = errors.New("axervesim: bad config")

const (
	defaultStringLife    = time.Hour
	defaultPendingDelay  = 5 * time.Second
	defaultRefundDelay   = 2 * time.Second
	defaultNightDelay    = 8 * time.Hour
	defaultWorkers       = 32
	defaultNotifyTimeout = 10 * time.Second
	mostAutomatic        = 25 * 24 * time.Hour // API reference, code 1454
)

var shopLogin = regexp.MustCompile(`^[0-9A-Za-z]{1,30}$`)

func (c Config) withDefaults() Config {
	if c.Now == nil {
		c.Now = time.Now
	}
	c.TimeScale = cmp.Or(c.TimeScale, 1)
	c.DuplicateCode = cmp.Or(c.DuplicateCode, gestpay.CodeProcessed)
	c.NotifyWorkers = cmp.Or(c.NotifyWorkers, defaultWorkers)
	c.StringLife = cmp.Or(c.StringLife, defaultStringLife)
	c.PendingDelay = cmp.Or(c.PendingDelay, defaultPendingDelay)
	c.RefundDelay = cmp.Or(c.RefundDelay, defaultRefundDelay)
	c.NightDelay = cmp.Or(c.NightDelay, defaultNightDelay)
	c.NotifyTimeout = cmp.Or(c.NotifyTimeout, defaultNotifyTimeout)
	return c
}

// validate reports everything that is wrong, by field.
func (c Config) validate() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%w: "+format, append([]any{ErrConfig}, args...)...))
	}
	if len(c.Shops) == 0 {
		bad("Shops: none given")
	}
	if c.TimeScale < 0 {
		bad("TimeScale: negative")
	}
	if c.NotifyWorkers < 0 {
		bad("NotifyWorkers: negative")
	}
	if err := simkit.CheckBaseURL(c.BaseURL); err != nil {
		bad("BaseURL: %v", err)
	}
	seen := map[string]bool{}
	for i, shop := range c.Shops {
		if err := shop.validate(); err != nil {
			bad("Shops[%d]: %v", i, err)
		}
		if seen[shop.Login] {
			bad("Shops[%d]: Login %q twice", i, shop.Login)
		}
		seen[shop.Login] = true
	}
	return errors.Join(errs...)
}

func (s Shop) validate() error {
	switch {
	case !shopLogin.MatchString(s.Login):
		return bad("Login", "want 1 to 30 letters or digits")
	case s.APIKey == "" && len(s.IPs) == 0:
		return bad("APIKey", "empty, and no IPs")
	case s.Automatic != "" && s.Automatic != "capture" && s.Automatic != "delete":
		return bad("Automatic", `want "capture" or "delete"`)
	case s.Automatic != "" && (!s.Separated || s.AutomaticAfter <= 0 || s.AutomaticAfter > mostAutomatic):
		return bad("AutomaticAfter", "want up to 25 days, in a separated shop")
	}
	for _, pattern := range s.IPs {
		if _, err := path.Match(pattern, ""); err != nil {
			return bad("IPs", "not a pattern")
		}
	}
	for _, at := range [][2]string{{"PositiveURL", s.PositiveURL}, {"NegativeURL", s.NegativeURL}, {"NotifyURL", s.NotifyURL}} {
		if err := checkURL(at[1]); err != nil {
			return bad(at[0], err.Error())
		}
	}
	return nil
}

func bad(field, why string) error { return errors.New(field + ": " + why) }

func checkURL(text string) error {
	if text == "" {
		return nil
	}
	if u, err := url.Parse(text); err != nil || u.Host == "" || u.Fragment != "" {
		return errors.New("want an address with scheme and host")
	}
	return nil
}
