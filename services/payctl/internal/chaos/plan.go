package chaos

import (
	"math/rand/v2"
	"slices"
	"time"
)

// episode is one injection of a fault, as planned.
type episode struct {
	fault fault
	at    time.Duration // after the beginning
	lasts time.Duration // 0: over when it is done
	seed  uint64        // of what it chooses
}

// Faults begin when there is something to disturb, and early enough that they last
// a while.
const (
	calmBefore = 0.04
	calmAfter  = 0.88
)

// planFor draws the episodes of faults over a storm, each fault at least once. The
// same seed gives the same plan; what it meets differs from run to run.
func planFor(faults []fault, storm time.Duration, seed uint64) []episode {
	draw := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // it is to be repeatable
	var plan []episode
	for _, f := range faults {
		n := max(1, int(float64(storm)*(calmAfter-calmBefore)/float64(f.every)+0.5))
		for range n {
			e := episode{fault: f, seed: draw.Uint64()}
			e.at = time.Duration((calmBefore + draw.Float64()*(calmAfter-calmBefore)) * float64(storm))
			if f.longest > 0 {
				e.lasts = min(f.shortest+time.Duration(draw.Float64()*float64(f.longest-f.shortest)), storm-e.at)
			}
			plan = append(plan, e)
		}
	}
	slices.SortStableFunc(plan, func(a, b episode) int { return int(a.at - b.at) })
	return plan
}
