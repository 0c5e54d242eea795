package ecommpaysim

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Config is what a Simulator is made from. Only Projects is required. A duration
// marked "simulated" is divided by TimeScale.
type Config struct {
	Projects []Project

	Seed      uint64           // source of everything random
	Now       func() time.Time // time.Now when nil
	TimeScale float64          // simulated seconds per real second; 1 when zero

	// RelaxURLs lets the addresses of callbacks use plain http.
	RelaxURLs bool
	// Script says what becomes of payouts; see SetScript.
	Script []ScriptRule
	// Intermediate sends callbacks of payouts that are not finished too.
	Intermediate bool
	// Layout is that of the callbacks; LayoutStandard when empty.
	Layout Layout
	// ErrorList has refusals come as a list of errors.
	ErrorList bool
	// UnsignedStatus leaves the signature out of answers to inquiries.
	UnsignedStatus bool
	// LateDuplicates accepts a payment_id that is in use, and refuses it by an
	// error callback afterwards.
	LateDuplicates bool
	// ReversedStatus is the payment's status after a reversal; "reversed" when
	// empty. The documentation names the operation and not the status.
	ReversedStatus string

	ProcessDelay  time.Duration // simulated; from acceptance to the end, 5 s when zero
	ReversalDelay time.Duration // simulated; from success to its reversal, 1 min when zero
	RegisterLag   time.Duration // simulated; how long an inquiry finds nothing

	CallbackWorkers int           // callbacks in flight at once; 32 when zero
	CallbackTimeout time.Duration // of one delivery; 10 s when zero
	CallbackClient  *http.Client  // its own, with kept-alive connections, when nil

	Latency time.Duration // of every call, real time; see SetLatency
}

// Project is one project and its secret.
type Project struct {
	ID     int64
	Secret string
	// Next is good as well and takes Secret's place when that is retired; may be empty.
	Next string
	// CallbackURL serves payouts whose request names none; may be empty.
	CallbackURL string
	// Token and TokenSecret open the Data API for this project; empty: nobody may list
	// its operations.
	Token, TokenSecret string
}

// Layout is how the members of a callback are arranged.
type Layout string

// The layouts.
const (
	LayoutStandard Layout = "standard" // the documented one
	LayoutGeneral  Layout = "general"  // signature in general, a list of operations
)

// ErrConfig marks what is wrong with a Config.
var ErrConfig = errors.New("ecommpaysim: bad config")

const (
	defaultProcessDelay    = 5 * time.Second
	defaultReversalDelay   = time.Minute
	defaultWorkers         = 32
	defaultCallbackTimeout = 10 * time.Second
	defaultReversedStatus  = "reversed"
)

func (c Config) withDefaults() Config {
	if c.Now == nil {
		c.Now = time.Now
	}
	c.TimeScale = cmp.Or(c.TimeScale, 1)
	c.CallbackWorkers = cmp.Or(c.CallbackWorkers, defaultWorkers)
	c.Layout = cmp.Or(c.Layout, LayoutStandard)
	c.ReversedStatus = cmp.Or(c.ReversedStatus, defaultReversedStatus)
	c.ProcessDelay = cmp.Or(c.ProcessDelay, defaultProcessDelay)
	c.ReversalDelay = cmp.Or(c.ReversalDelay, defaultReversalDelay)
	c.CallbackTimeout = cmp.Or(c.CallbackTimeout, defaultCallbackTimeout)
	return c
}

// validate reports everything that is wrong, by field.
func (c Config) validate() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%w: "+format, append([]any{ErrConfig}, args...)...))
	}
	if len(c.Projects) == 0 {
		bad("Projects: none given")
	}
	if c.TimeScale < 0 {
		bad("TimeScale: negative")
	}
	if c.CallbackWorkers < 0 {
		bad("CallbackWorkers: negative")
	}
	if c.Layout != LayoutStandard && c.Layout != LayoutGeneral {
		bad("Layout: unknown")
	}
	if err := validateScript(c.Script); err != nil {
		bad("Script: %w", err)
	}
	seen := map[int64]bool{}
	tokens := map[string]string{}
	for i, p := range c.Projects {
		if (p.Token == "") != (p.TokenSecret == "") {
			bad("Projects[%d]: Token and TokenSecret go together", i)
		}
		if other, known := tokens[p.Token]; known && other != p.TokenSecret {
			bad("Projects[%d]: the Token is there with another TokenSecret", i)
		}
		tokens[p.Token] = p.TokenSecret
		if p.ID <= 0 {
			bad("Projects[%d]: ID must be positive", i)
		}
		if p.Secret == "" {
			bad("Projects[%d]: Secret is empty", i)
		}
		if p.CallbackURL != "" && !c.callbackURL(p.CallbackURL) {
			bad("Projects[%d]: CallbackURL is no address", i)
		}
		if seen[p.ID] {
			bad("Projects[%d]: ID %d twice", i, p.ID)
		}
		seen[p.ID] = true
	}
	return errors.Join(errs...)
}
