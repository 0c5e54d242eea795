package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/provider/simkit"
	"github.com/payloom/payloom/services/payctl/internal/stack"
)

// fault is something that goes wrong.
type fault struct {
	name, what string
	every      time.Duration // mean time between two injections
	// How long one lasts. Without: it is over when it is done, and whatever was hit
	// comes back by itself.
	shortest, longest time.Duration
	strike            strike
}

// strike makes a fault happen once. A choice is drawn from r.
type strike func(ctx context.Context, f *field, r *rand.Rand) (injury, error)

// injury is what a strike did.
type injury struct {
	what string                      // what was hit
	heal func(context.Context) error // undoes it; nil: there is nothing to undo. It is called until it succeeds.
	hits func() int                  // how often it was met; nil: nobody counts
}

const second = time.Second

// faults lists every fault there is.
func faults() []fault {
	return []fault{
		{"worker", "a worker is killed (SIGKILL) and started again", 3 * second, 0, 0, kill(anyWorker)},
		{"ingress", "ingress is killed", 9 * second, 0, 0, kill(only(stack.Ingress))},
		{"receiver", "notify-receiver is killed", 9 * second, 0, 0, kill(only(stack.Receiver))},
		{"tracker", "state-tracker is killed", 7 * second, 0, 0, kill(only(stack.Tracker))},
		{"webhook-sender", "webhook-sender is killed", 12 * second, 0, 0, kill(only(stack.Sender))},
		{"zombies", "a worker is stopped (SIGSTOP) for 0.5 to 90 s and then goes on", 12 * second, second / 2, 90 * second, freeze},
		{"broker", "one broker node of three is killed and comes back", 14 * second, 0, 0, kill(anyNode)},
		{"brokers", "all broker nodes are killed at once", 45 * second, 0, 0, killNodes},
		{"broker-full", "a stream has reached its limit, then there is space again", 40 * second, 3 * second, 8 * second, fill},
		{"postgres", "Postgres crashes (SIGKILL) and recovers", 40 * second, second, 6 * second, crash},
		{"tracker-rollback", "the rows are set back to an earlier copy while state-tracker is down", 50 * second, 4 * second, 12 * second, rollBack},
		{"net-cut", "a connection between two processes is cut for 1 to 8 s", 6 * second, second, 8 * second, cut},
		{"net-latency", "a connection between two processes is slow, by 0.1 to 2 s", 10 * second, 4 * second, 15 * second, slow},
		{"net-oneway", "a connection swallows what goes in one direction", 12 * second, 3 * second, 15 * second, deafen},
		{"provider-timeout-before", "a provider does nothing and does not answer", 40 * second, 8 * second, 15 * second, calls(simkit.FaultTimeoutBefore, 0)},
		{"provider-timeout-after", "a provider does what it is asked and does not answer", 40 * second, 8 * second, 15 * second, calls(simkit.FaultTimeoutAfter, 0)},
		{"provider-5xx", "a provider does what it is asked and answers 500", 40 * second, 8 * second, 15 * second, calls(simkit.FaultHTTP500After, 0)},
		{"provider-reset", "a provider does what it is asked and resets the connection", 40 * second, 8 * second, 15 * second, calls(simkit.FaultResetAfter, 0)},
		{"provider-garbage", "a provider does what it is asked and answers what cannot be read", 40 * second, 8 * second, 15 * second, calls(simkit.FaultGarbageAfter, 0)},
		{"provider-throttled", "a provider answers 429", 40 * second, 8 * second, 15 * second, calls(simkit.FaultThrottled, second)},
		{"provider-outage", "a provider answers 503 to everything", 45 * second, 4 * second, longestOutage, outage},
		{"callbacks-duplicated", "callbacks come three times", 30 * second, 8 * second, 20 * second, callbacks(simkit.FaultDuplicate, 2, 0)},
		{"callbacks-reordered", "callbacks come in another order", 30 * second, 8 * second, 20 * second, callbacks(simkit.FaultReordered, 0, 2*second)},
		{"callbacks-late", "callbacks come late", 30 * second, 8 * second, 20 * second, callbacks(simkit.FaultLate, 0, 4*second)},
		{"callbacks-forged", "callbacks are preceded by forged ones", 30 * second, 8 * second, 20 * second, callbacks(simkit.FaultForged, 0, 0)},
		{"poison", "garbage stands in the streams of commands and callbacks", 15 * second, 0, 0, poison},
	}
}

// ErrFault says that there is no fault of a name.
var ErrFault = errors.New("no such fault")

// Named is a fault by its name.
type Named struct {
	Name string `json:"name"`
	What string `json:"what"`
}

// List returns every fault.
func List() []Named {
	var all []Named
	for _, f := range faults() {
		all = append(all, Named{f.name, f.what})
	}
	return all
}

// All is the name of all faults together.
const All = "all"

// Select returns the names that a list stands for, in the order of List. The list
// has names separated by commas, or All.
func Select(list string) ([]string, error) {
	var names []string
	asked := strings.Split(list, ",")
	for i := range asked {
		asked[i] = strings.TrimSpace(asked[i])
	}
	for _, f := range faults() {
		if slices.Contains(asked, f.name) || slices.Contains(asked, All) {
			names = append(names, f.name)
		}
	}
	for _, name := range asked {
		if name != All && !slices.Contains(names, name) {
			return nil, fmt.Errorf("%w: %q; see payctl chaos --list", ErrFault, name)
		}
	}
	return names, nil
}

// Nodes returns how many broker nodes faults need: three where some are to be killed,
// or where money is at stake, as in production.
func Nodes(names []string, durability string) int {
	if durability == bus.Money || slices.Contains(names, "broker") || slices.Contains(names, "brokers") {
		return 3
	}
	return 1
}

// selected returns the faults of names.
func selected(names []string) []fault {
	return slices.DeleteFunc(faults(), func(f fault) bool { return !slices.Contains(names, f.name) })
}
