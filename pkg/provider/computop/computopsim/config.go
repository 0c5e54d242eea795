package computopsim

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"github.com/payloom/payloom/pkg/provider/computop/paygate"
	"github.com/payloom/payloom/pkg/provider/simkit"
)

// Config is what a Simulator is made from. Only Merchants is required. A
// duration marked "simulated" is divided by TimeScale.
type Config struct {
	Merchants []Merchant

	// BaseURL is where buyers, shops and merchants reach the simulator, without
	// a slash at its end. It may be set later with SetBaseURL; until then the
	// Host header of requests serves.
	BaseURL string

	Seed      uint64           // source of everything random
	Now       func() time.Time // time.Now when nil
	TimeScale float64          // simulated seconds per real second; 1 when zero

	// RelaxURLs lets URLs use plain http and any port. Everything else about
	// them stays as strict: no query on URLNotify.
	RelaxURLs bool
	// SecondCapture accepts further captures on a charge that was captured
	// already. Amazon captures a charge once, and Paygate documents no call for
	// the remainder.
	SecondCapture bool
	// NoNotifyGate accepts follow-ups before the first notify was answered.
	NoNotifyGate bool
	// NotifyGateCode answers such follow-ups; 22520062 when empty.
	NotifyGateCode paygate.Code
	// AsyncCapture leaves captures open until their notify.
	AsyncCapture bool
	// DuplicateReqIDCode, when set, answers a repeated ReqId of a finalised
	// action instead of that action's own status; 20170004 is the one to expect.
	DuplicateReqIDCode paygate.Code

	RefundDelay  time.Duration // simulated; until a refund is final, 1 s when zero
	PendingDelay time.Duration // simulated; until a delayed authorisation or capture is final, 5 s when zero
	// InquireWindow is how far inquire24.aspx looks back; simulated, 24 h when
	// zero, without limit when negative.
	InquireWindow time.Duration

	NotifyWorkers int           // notifies in flight at once; 32 when zero
	NotifyTimeout time.Duration // of one delivery; 10 s when zero
	NotifyClient  *http.Client  // its own, with kept-alive connections, when nil

	Latency time.Duration // of every call, real time; see SetLatency
}

// Merchant is one MerchantID and its passwords.
type Merchant struct {
	ID        string
	Cipher    paygate.Cipher // Blowfish when empty
	CipherKey string
	MACKey    string
	// SmallAmounts allows amounts under 100 minor units, which Paygate enables
	// on request.
	SmallAmounts bool
}

// ErrConfig marks what is wrong with a Config.
var ErrConfig = errors.New("computopsim: bad config")

const (
	defaultRefundDelay   = time.Second
	defaultPendingDelay  = 5 * time.Second
	defaultWorkers       = 32
	defaultNotifyTimeout = 10 * time.Second
	defaultGateCode      = paygate.Code("22520062") // another step is active
)

var merchantID = regexp.MustCompile(`^[0-9A-Za-z_.-]{1,30}$`)

func (c Config) withDefaults() Config {
	if c.Now == nil {
		c.Now = time.Now
	}
	c.TimeScale = cmp.Or(c.TimeScale, 1)
	c.RefundDelay = cmp.Or(c.RefundDelay, defaultRefundDelay)
	c.PendingDelay = cmp.Or(c.PendingDelay, defaultPendingDelay)
	c.InquireWindow = cmp.Or(c.InquireWindow, sessionLife)
	c.NotifyTimeout = cmp.Or(c.NotifyTimeout, defaultNotifyTimeout)
	c.NotifyWorkers = cmp.Or(c.NotifyWorkers, defaultWorkers)
	c.NotifyGateCode = cmp.Or(c.NotifyGateCode, defaultGateCode)
	return c
}

// validate reports everything that is wrong, by field.
func (c Config) validate() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%w: "+format, append([]any{ErrConfig}, args...)...))
	}
	if len(c.Merchants) == 0 {
		bad("Merchants: none given")
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
	for i, m := range c.Merchants {
		if err := m.validate(); err != nil {
			bad("Merchants[%d]: %v", i, err)
		}
		if seen[m.ID] {
			bad("Merchants[%d]: ID %q twice", i, m.ID)
		}
		seen[m.ID] = true
	}
	return errors.Join(errs...)
}

func (m Merchant) cipher() paygate.Cipher {
	if m.Cipher == "" {
		return paygate.Blowfish
	}
	return m.Cipher
}

func (m Merchant) validate() error {
	if !merchantID.MatchString(m.ID) {
		return errors.New("ID: want 1 to 30 letters, digits, dots, dashes or underscores")
	}
	if m.MACKey == "" {
		return errors.New("MACKey: empty")
	}
	if err := paygate.CheckKey(m.cipher(), m.CipherKey); err != nil {
		return fmt.Errorf("CipherKey: %w", err)
	}
	return nil
}
