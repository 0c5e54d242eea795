package computopsim

import (
	"slices"
	"strconv"
	"sync"
)

// faults holds the rules. Those for one payment are found by its TransID, so
// that thousands of them cost a call nothing.
type faults struct {
	seed

	mu      sync.Mutex
	lastID  int
	general []*activeRule
	special map[string][]*activeRule // by TransID
}

type activeRule struct {
	Rule
	seen   int            // matching calls so far
	perKey map[string]int // and by payment, for the dice
}

func newFaults(from seed) *faults {
	return &faults{seed: from, special: map[string][]*activeRule{}}
}

func (f *faults) add(r Rule) (Rule, error) {
	if err := r.validate(); err != nil {
		return Rule{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lastID++
	r.ID, r.Hits = f.lastID, 0
	a := &activeRule{Rule: r, perKey: map[string]int{}}
	if r.TransID != "" {
		f.special[r.TransID] = append(f.special[r.TransID], a)
	} else {
		f.general = append(f.general, a)
	}
	return r, nil
}

func (f *faults) forCall(c *call) (Rule, bool) {
	return f.pick(callFaults, c.op, c.outerMID, c.transID)
}

func (f *faults) forNotify(op Op, p *payment) (Rule, bool) {
	return f.pick(notifyFaults, op, p.merchant.ID, p.transID)
}

// pick returns the oldest rule that applies. Every rule that matches counts
// the call, whether it applies or not.
func (f *faults) pick(kind map[Fault]bool, op Op, merchantID, transID string) (Rule, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var winner *activeRule
	for _, rules := range [][]*activeRule{f.special[transID], f.general} {
		for _, a := range rules {
			if kind[a.Fault] && a.matches(op, merchantID, transID) && a.applies(f.seed, op, merchantID, transID) &&
				(winner == nil || a.ID < winner.ID) {
				winner = a
			}
		}
	}
	if winner == nil {
		return Rule{}, false
	}
	winner.Hits++
	return winner.Rule, true
}

func (a *activeRule) applies(from seed, op Op, merchantID, transID string) bool {
	a.seen++
	turn := a.seen - max(a.Nth, 1)
	switch {
	case turn < 0, a.Every > 0 && turn%a.Every != 0, a.Times > 0 && a.Hits >= a.Times:
		return false
	case a.Probability == 0 || a.Probability == 1:
		return true
	}
	key := string(op) + " " + merchantID + " " + transID
	a.perKey[key]++
	return from.random("rule", strconv.Itoa(a.ID), key, strconv.Itoa(a.perKey[key])).Float64() < a.Probability
}

// list returns the rules in order of their age.
func (f *faults) list() []Rule {
	f.mu.Lock()
	defer f.mu.Unlock()
	rules := []Rule{}
	for _, a := range f.all() {
		rules = append(rules, a.Rule)
	}
	slices.SortFunc(rules, func(a, b Rule) int { return a.ID - b.ID })
	return rules
}

func (f *faults) all() []*activeRule {
	all := slices.Clone(f.general)
	for _, rules := range f.special {
		all = append(all, rules...)
	}
	return all
}

// remove reports whether there was such a rule.
func (f *faults) remove(id int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	is := func(a *activeRule) bool { return a.ID == id }
	before := len(f.general)
	f.general = slices.DeleteFunc(f.general, is)
	found := len(f.general) < before
	for key, rules := range f.special {
		left := slices.DeleteFunc(rules, is)
		found = found || len(left) < len(rules)
		if f.special[key] = left; len(left) == 0 {
			delete(f.special, key)
		}
	}
	return found
}

func (f *faults) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.general, f.special = nil, map[string][]*activeRule{}
}
