package providertest

import (
	"net/http"
	"slices"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
)

// Scenario is how the other side treats a call.
type Scenario string

// The scenarios. "Before" is without effect, "after" with it; in both the caller
// does not learn which.
const (
	Approve       Scenario = "approve"
	Decline       Scenario = "decline"
	Pend          Scenario = "accept, and tell later"
	CutBefore     Scenario = "cut the connection before the effect"
	CutAfter      Scenario = "cut the connection after the effect"
	HangBefore    Scenario = "never answer, without effect"
	HangAfter     Scenario = "never answer, after the effect"
	ErrorBefore   Scenario = "fail with status 500 before the effect"
	ErrorAfter    Scenario = "fail with status 500 after the effect"
	GarbageBefore Scenario = "answer nonsense, without effect"
	GarbageAfter  Scenario = "answer nonsense after the effect"
	UnknownCode   Scenario = "answer with a code that no table has"
	Throttle      Scenario = "ask to be left alone for a while"
	Forbid        Scenario = "refuse our credentials"
)

// after tells whether the effect takes place.
func (s Scenario) after() bool {
	return slices.Contains([]Scenario{CutAfter, HangAfter, ErrorAfter, GarbageAfter}, s)
}

// ambiguous are the scenarios after which nobody knows.
func ambiguous() []Scenario {
	return []Scenario{
		CutBefore, CutAfter, HangBefore, HangAfter, ErrorBefore, ErrorAfter, GarbageBefore, GarbageAfter, UnknownCode,
	}
}

// Buyer is what the buyer of a payment does at the provider's pages.
type Buyer string

// The buyer's doings.
const (
	Reviews Buyer = "goes to the shop's review page"
	Agrees  Buyer = "agrees"
	Refuses Buyer = "refuses"
)

// Delivery is one callback as it was sent.
type Delivery struct {
	Header http.Header
	Body   []byte
}

// Simulator is the other side of a provider, for one test. Its methods may be
// called concurrently.
type Simulator interface {
	// URL is where a client is opened.
	URL() string
	// Play has calls that execute an operation like c's treated as s says, until
	// it is called again for such a one. It reports false when this provider
	// cannot end so.
	Play(c provider.Call, s Scenario) bool
	// Buyer lets the buyer of c's payment act, and has no meaning where none is.
	Buyer(c provider.Call, b Buyer) error
	// Quiet waits until nothing is under way, the answers to callbacks included.
	Quiet() error
	// Effects counts how often c's operation took effect, or was accepted for
	// good, by the simulator's own ledger. An amount that was set counts once.
	Effects(c provider.Call) int
	// Recorded returns the amount under which c's payment was opened, and whether
	// it was.
	Recorded(c provider.Call) (payment.Money, bool)
	// Calls counts the requests that arrived, of all kinds.
	Calls() int
	// Callbacks returns what was sent to us so far, in order. All of it is
	// authentic.
	Callbacks() []Delivery
	// Forge returns a callback that says of c what a genuine one would, made by
	// somebody who does not have our secret.
	Forge(c provider.Call) (Delivery, error)
}
