package verify

import (
	"fmt"
	"slices"
)

// Kind says what a violation means for money.
type Kind string

// The kinds.
const (
	Lost    Kind = "lost"    // asked for or recorded, and not done
	Doubled Kind = "doubled" // done more often than asked for
	Stuck   Kind = "stuck"   // no end within its time
	Wrong   Kind = "wrong"   // anything else
)

// Violation is one case in which an invariant does not hold. It holds no personal
// data.
type Violation struct {
	Invariant string `json:"invariant"`
	Kind      Kind   `json:"kind"`
	Subject   string `json:"subject"` // merchant/payment, or stream/sequence
	What      string `json:"what"`
}

// Result is what became of one invariant.
type Result struct {
	ID         string       `json:"id"`
	Title      string       `json:"title"`
	Checked    int          `json:"checked"`
	Broken     int          `json:"violations"`
	Skipped    string       `json:"skipped,omitempty"` // why it was not looked at; empty: it was
	Examples   []Violation  `json:"examples,omitempty"`
	Kinds      map[Kind]int `json:"kinds,omitempty"`
	Exceptions []string     `json:"exceptions,omitempty"` // what was left out, and why
	Note       string       `json:"note,omitempty"`       // what was measured
}

// Report is the outcome of a verification.
type Report struct {
	Results  []*Result `json:"results"`
	Commands int       `json:"commands"`
	Payments int       `json:"payments"`
	Events   int       `json:"events"`
	Effects  int       `json:"effects"`
}

// OK tells whether no invariant is broken.
func (r Report) OK() bool {
	return !slices.ContainsFunc(r.Results, func(i *Result) bool { return i.Broken > 0 })
}

// Count returns how many violations of a kind there are.
func (r Report) Count(k Kind) int {
	n := 0
	for _, i := range r.Results {
		n += i.Kinds[k]
	}
	return n
}

// Violations returns the examples of all invariants.
func (r Report) Violations() []Violation {
	var all []Violation
	for _, i := range r.Results {
		all = append(all, i.Examples...)
	}
	return all
}

// maxExamples is how many violations of one invariant are told in full.
const maxExamples = 50

func (r *Result) bad(k Kind, subject, format string, args ...any) {
	r.Broken++
	if r.Kinds == nil {
		r.Kinds = map[Kind]int{}
	}
	r.Kinds[k]++
	if len(r.Examples) < maxExamples {
		r.Examples = append(r.Examples, Violation{r.ID, k, subject, fmt.Sprintf(format, args...)})
	}
}

// except counts nothing and says so.
func (r *Result) except(format string, args ...any) {
	r.Exceptions = append(r.Exceptions, fmt.Sprintf(format, args...))
}

// invariants are what must hold, by number.
type invariants struct {
	accepted, ended, effects, intents, rows, chain, sums, moves, strange, parks, buried, reqIDs, spills, streams, drains *Result
}

func newInvariants() invariants {
	return invariants{
		accepted: &Result{ID: "I1", Title: "every accepted command is stored exactly once"},
		ended:    &Result{ID: "I2", Title: "every command reaches exactly one end"},
		effects:  &Result{ID: "I3", Title: "exactly one effect per success, none otherwise"},
		intents:  &Result{ID: "I4", Title: "every effect follows its stored intent"},
		rows:     &Result{ID: "I5", Title: "the rows are what the streams add up to"},
		chain:    &Result{ID: "I6", Title: "versions without gap, hash chain intact, snapshots right"},
		sums:     &Result{ID: "I7", Title: "captured ≤ authorised, refunded ≤ captured, one currency"},
		moves:    &Result{ID: "I8", Title: "no transition outside the state machine"},
		strange:  &Result{ID: "I9", Title: "forged, replayed or wrongly addressed input changes nothing"},
		parks:    &Result{ID: "I10", Title: "only what is in doubt is parked, and every time a person is called"},
		buried:   &Result{ID: "I11", Title: "every poison message is a dead letter, once, and blocks nobody"},
		reqIDs:   &Result{ID: "I12", Title: "same request id, same payment, for ever"},
		spills:   &Result{ID: "I13", Title: "no personal data, card number or secret where it must not be"},
		streams:  &Result{ID: "I14", Title: "streams without gap, checkpoints true"},
		drains:   &Result{ID: "I15", Title: "after healing 99 of 100 commands end within a minute"},
	}
}

func (i invariants) list() []*Result {
	return []*Result{i.accepted, i.ended, i.effects, i.intents, i.rows, i.chain, i.sums, i.moves, i.strange, i.parks, i.buried, i.reqIDs, i.spills, i.streams, i.drains}
}
