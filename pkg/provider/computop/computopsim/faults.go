package computopsim

import "github.com/payloom/payloom/pkg/provider/simkit"

// faults holds the rules.
type faults struct{ *simkit.Faults[Rule] }

func newFaults(from seed) *faults {
	return &faults{simkit.NewFaults(simkit.Seed(from), Rule.trigger, func(r Rule, id, hits int) Rule {
		r.ID, r.Hits = id, hits
		return r
	})}
}

func (f *faults) add(r Rule) (Rule, error) {
	if err := r.validate(); err != nil {
		return Rule{}, err
	}
	return f.Add(r), nil
}

func (f *faults) forCall(c *call) (Rule, bool) {
	return f.pick(callFaults, c.op, c.outerMID, c.transID)
}

func (f *faults) forNotify(op Op, p *payment) (Rule, bool) {
	return f.pick(notifyFaults, op, p.merchant.ID, p.transID)
}

// pick returns the oldest rule of that kind that applies.
func (f *faults) pick(kind map[Fault]bool, op Op, merchantID, transID string) (Rule, bool) {
	occasion := simkit.Occasion{Operation: string(op), Account: merchantID, Reference: transID}
	return f.Pick(occasion, func(r Rule) bool { return kind[r.Fault] })
}
