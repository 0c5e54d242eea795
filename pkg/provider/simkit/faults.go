package simkit

import (
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Fault is something that goes wrong. Simulators have more of their own.
type Fault string

// Faults of calls. "Before" means before the effect, "after" means the effect
// has happened and the caller does not learn of it.
const (
	FaultSlow          Fault = "slow"                  // answers after a delay
	FaultTimeoutBefore Fault = "timeout_before_effect" // no effect, no answer
	FaultTimeoutAfter  Fault = "timeout_after_effect"  // effect, no answer
	FaultTimeoutLate   Fault = "timeout_late_effect"   // no answer; the effect comes after a delay
	FaultResetBefore   Fault = "reset_before"          // the connection is reset, no effect
	FaultResetAfter    Fault = "reset_after"
	FaultHTTP500Before Fault = "http_500_before"
	FaultHTTP500After  Fault = "http_500_after"
	FaultGarbageBefore Fault = "garbage_before" // status 200 and an unreadable body
	FaultGarbageAfter  Fault = "garbage_after"
	FaultEmptyBefore   Fault = "empty_before" // status 200 and no body
	FaultEmptyAfter    Fault = "empty_after"
	FaultThrottled     Fault = "throttled"   // 429 with Retry-After, no effect
	FaultUnavailable   Fault = "unavailable" // 503 with Retry-After, no effect
)

// Faults of callbacks.
const (
	FaultDuplicate Fault = "duplicate" // further copies
	FaultLate      Fault = "late"      // first sent after a delay
	FaultReordered Fault = "reordered" // sent after the payment's next one, or after a delay
	FaultLost      Fault = "lost"      // the first deliveries fail unsent; repeats follow
	FaultVanish    Fault = "vanish"    // never sent
	FaultForged    Fault = "forged"    // preceded by one that is not genuine
)

// CallFaults are the faults of calls above, and some more.
func CallFaults(more ...Fault) map[Fault]bool {
	return Set(append(more, FaultSlow, FaultTimeoutBefore, FaultTimeoutAfter, FaultTimeoutLate, FaultResetBefore, FaultResetAfter,
		FaultHTTP500Before, FaultHTTP500After, FaultGarbageBefore, FaultGarbageAfter, FaultEmptyBefore, FaultEmptyAfter,
		FaultThrottled, FaultUnavailable)...)
}

// CallbackFaults are the faults of callbacks above, and some more.
func CallbackFaults(more ...Fault) map[Fault]bool {
	return Set(append(more, FaultDuplicate, FaultLate, FaultReordered, FaultLost, FaultVanish, FaultForged)...)
}

// Set returns a set of its arguments.
func Set[T comparable](items ...T) map[T]bool {
	m := make(map[T]bool, len(items))
	for _, i := range items {
		m[i] = true
	}
	return m
}

// Trigger is the part of a rule that tells when it applies. An empty text
// matches everything.
type Trigger struct {
	Operation   string
	Account     string  // the provider's name for a merchant
	Reference   string  // of the payment, whole
	Suffix      string  // or its end
	Nth         int     // from the n-th occasion on, counted from 1
	Every       int     // and then only every n-th
	Probability float64 // and then only so often; 0 means always
	Times       int     // at most so often; 0 means without end
}

// Valid tells whether no number is out of range.
func (t Trigger) Valid() bool {
	return t.Nth >= 0 && t.Every >= 0 && t.Times >= 0 && t.Probability >= 0 && t.Probability <= 1
}

func (t Trigger) matches(o Occasion) bool {
	return (t.Operation == "" || t.Operation == o.Operation) &&
		(t.Account == "" || t.Account == o.Account) &&
		(t.Reference == "" || t.Reference == o.Reference) &&
		strings.HasSuffix(o.Reference, t.Suffix)
}

// Occasion is a call or callback to which a rule may apply.
type Occasion struct{ Operation, Account, Reference string }

// Faults holds the rules of a simulator, of its own type R. Those for one
// payment are found by its reference, so that thousands of them cost a call
// nothing. It may be used concurrently.
type Faults[R any] struct {
	seed    Seed
	trigger func(R) Trigger
	mark    func(r R, id, hits int) R

	mu      sync.Mutex
	lastID  int
	general []*activeRule[R]
	special map[string][]*activeRule[R] // by reference
}

type activeRule[R any] struct {
	rule    R
	id      int
	hits    int
	trigger Trigger
	seen    int            // matching occasions so far
	perKey  map[string]int // and by payment, for the dice
}

// NewFaults returns an empty set. trigger reads a rule, mark returns it with its
// id and the number of its hits.
func NewFaults[R any](from Seed, trigger func(R) Trigger, mark func(r R, id, hits int) R) *Faults[R] {
	return &Faults[R]{seed: from, trigger: trigger, mark: mark, special: map[string][]*activeRule[R]{}}
}

// Add adds a rule and returns it marked.
func (f *Faults[R]) Add(r R) R {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lastID++
	a := &activeRule[R]{rule: r, id: f.lastID, trigger: f.trigger(r), perKey: map[string]int{}}
	if ref := a.trigger.Reference; ref != "" {
		f.special[ref] = append(f.special[ref], a)
	} else {
		f.general = append(f.general, a)
	}
	return f.marked(a)
}

func (f *Faults[R]) marked(a *activeRule[R]) R { return f.mark(a.rule, a.id, a.hits) }

// Pick returns the oldest rule that applies, of those that concern such an
// occasion at all. Every rule that matches counts the occasion, whether it
// applies or not.
func (f *Faults[R]) Pick(o Occasion, concerns func(R) bool) (R, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var winner *activeRule[R]
	for _, rules := range [][]*activeRule[R]{f.special[o.Reference], f.general} {
		for _, a := range rules {
			if concerns(a.rule) && a.trigger.matches(o) && a.applies(f.seed, o) && (winner == nil || a.id < winner.id) {
				winner = a
			}
		}
	}
	if winner == nil {
		var none R
		return none, false
	}
	winner.hits++
	return f.marked(winner), true
}

func (a *activeRule[R]) applies(from Seed, o Occasion) bool {
	a.seen++
	t := a.trigger
	turn := a.seen - max(t.Nth, 1)
	switch {
	case turn < 0, t.Every > 0 && turn%t.Every != 0, t.Times > 0 && a.hits >= t.Times:
		return false
	case t.Probability == 0 || t.Probability == 1:
		return true
	}
	key := o.Operation + " " + o.Account + " " + o.Reference
	a.perKey[key]++
	return from.Random("rule", strconv.Itoa(a.id), key, strconv.Itoa(a.perKey[key])).Float64() < t.Probability
}

// List returns the rules in order of their age.
func (f *Faults[R]) List() []R {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := slices.Clone(f.general)
	for _, rules := range f.special {
		all = append(all, rules...)
	}
	slices.SortFunc(all, func(a, b *activeRule[R]) int { return a.id - b.id })
	rules := make([]R, 0, len(all))
	for _, a := range all {
		rules = append(rules, f.marked(a))
	}
	return rules
}

// Remove reports whether there was such a rule.
func (f *Faults[R]) Remove(id int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	is := func(a *activeRule[R]) bool { return a.id == id }
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

// Clear removes every rule.
func (f *Faults[R]) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.general, f.special = nil, map[string][]*activeRule[R]{}
}
