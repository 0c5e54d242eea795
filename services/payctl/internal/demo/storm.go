package demo

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// Storm is how scenarios are driven while everything around them breaks: drawn by
// a seed from those in which the buyer and the shop do nothing out of the
// ordinary, begun at a steady pace, and not held against the provider's ledger,
// which is for whoever verifies everything afterwards.
type Storm struct {
	Seed  uint64
	Every time.Duration // between the beginnings of two runs
	Begun func()        // hears of every beginning; may be nil
}

// plan lists what is run.
func (o Options) plan(kill bool) []scenario {
	if o.Storm == nil {
		return planFor(o, kill)
	}
	draw := rand.New(rand.NewPCG(o.Storm.Seed, 0)) //nolint:gosec // it is to be repeatable
	all := plain()
	var plan []scenario
	for n := 0; n < o.Payments; {
		s := all[draw.IntN(len(all))]
		plan = append(plan, s)
		n += s.payments
	}
	return plan
}

// id names the payment of the i-th run. A storm has thousands, and Axerve takes
// short names only.
func (o Options) id(s scenario, series string, i int) string {
	if o.Storm == nil {
		return s.id(series, i)
	}
	return fmt.Sprintf("s-%s-%05d", series, i)
}

// await returns when the i-th run is to begin; false: ctx ended before.
func (s *Storm) await(ctx context.Context, began time.Time, i int) bool {
	if s == nil {
		return true
	}
	wait := time.NewTimer(time.Until(began.Add(time.Duration(i) * s.Every)))
	defer wait.Stop()
	select {
	case <-wait.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *Storm) begin() {
	if s != nil && s.Begun != nil {
		s.Begun()
	}
}
