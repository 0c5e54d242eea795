package payment

import "slices"

// State is where a payment is in its life, as Fold computes it.
type State string

// The states.
const (
	StateNew               State = ""
	StateRejected          State = "rejected"   // the opening command was refused; another may follow
	StateProcessing        State = "processing" // being opened at the provider
	StateRequiresAction    State = "requires_action"
	StatePending           State = "pending"
	StateAuthorized        State = "authorized"
	StatePartiallyCaptured State = "partially_captured"
	StateCaptured          State = "captured"
	StatePartiallyRefunded State = "partially_refunded"
	StateRefunded          State = "refunded"
	StateCancelled         State = "cancelled"
	StateDeclined          State = "declined"
	StateFailed            State = "failed"
	StateExpired           State = "expired"
	StateAgreed            State = "agreed" // a mandate without a payment
	StatePaid              State = "paid"   // a payout that arrived
	StateReversed          State = "reversed"
)

// States lists all states in the order of a payment's life.
func States() []State {
	return []State{
		StateNew, StateRejected, StateProcessing, StateRequiresAction, StatePending, StateAuthorized,
		StatePartiallyCaptured, StateCaptured, StatePartiallyRefunded, StateRefunded, StateCancelled,
		StateDeclined, StateFailed, StateExpired, StateAgreed, StatePaid, StateReversed,
	}
}

// Terminal tells whether nothing can follow s.
func (s State) Terminal() bool { return len(transitions[s]) == 0 }

// Settled tells whether nothing follows s unless somebody asks for it: what a
// payment reaches when its commands are done.
func (s State) Settled() bool {
	return !slices.Contains([]State{StateNew, StateProcessing, StateRequiresAction, StatePending}, s)
}

// Trigger is what moves a payment from state to state.
type Trigger string

// The triggers.
const (
	TriggerStarted      Trigger = "started"
	TriggerRejected     Trigger = "rejected"
	TriggerBuyerNeeded  Trigger = "buyer needed"
	TriggerAccepted     Trigger = "accepted, pending"
	TriggerAuthorized   Trigger = "authorised"
	TriggerPartCaptured Trigger = "part captured"
	TriggerAllCaptured  Trigger = "all captured"
	TriggerPartRefunded Trigger = "part refunded"
	TriggerAllRefunded  Trigger = "all refunded"
	TriggerCancelled    Trigger = "cancelled"
	TriggerDeclined     Trigger = "declined"
	TriggerFailed       Trigger = "failed"
	TriggerExpired      Trigger = "expired"
	TriggerAgreed       Trigger = "mandate agreed"
	TriggerPaid         Trigger = "paid out"
	TriggerReversed     Trigger = "taken back"
)

// opened is what may become of a payment that is being opened.
func opened(more map[Trigger]State) map[Trigger]State {
	next := map[Trigger]State{
		TriggerBuyerNeeded: StateRequiresAction,
		TriggerAccepted:    StatePending,
		TriggerAuthorized:  StateAuthorized,
		TriggerAllCaptured: StateCaptured,
		TriggerDeclined:    StateDeclined,
		TriggerFailed:      StateFailed,
		TriggerExpired:     StateExpired,
		TriggerAgreed:      StateAgreed,
		TriggerPaid:        StatePaid,
	}
	for t, s := range more {
		next[t] = s
	}
	return next
}

// transitions is the whole life of a payment: what may follow what. A trigger
// that is not listed changes nothing. docs/state_machine.md is drawn from it.
var transitions = map[State]map[Trigger]State{
	StateNew:            {TriggerStarted: StateProcessing, TriggerRejected: StateRejected},
	StateRejected:       {TriggerStarted: StateProcessing},
	StateProcessing:     opened(map[Trigger]State{TriggerRejected: StateRejected}),
	StateRequiresAction: opened(nil),
	StatePending:        opened(nil),
	StateAuthorized: {
		TriggerPartCaptured: StatePartiallyCaptured,
		TriggerAllCaptured:  StateCaptured,
		TriggerCancelled:    StateCancelled,
	},
	StatePartiallyCaptured: {
		TriggerPartCaptured: StatePartiallyCaptured,
		TriggerAllCaptured:  StateCaptured,
		TriggerPartRefunded: StatePartiallyRefunded,
		TriggerAllRefunded:  StateRefunded,
	},
	StateCaptured: {
		TriggerPartRefunded: StatePartiallyRefunded,
		TriggerAllRefunded:  StateRefunded,
	},
	StatePartiallyRefunded: {
		TriggerPartRefunded: StatePartiallyRefunded,
		TriggerAllRefunded:  StateRefunded,
	},
	StatePaid: {TriggerReversed: StateReversed},
}

// Next returns the state that follows s on t, and whether t means anything in s.
func (s State) Next(t Trigger) (State, bool) {
	next, ok := transitions[s][t]
	return next, ok
}

// Triggers lists what may follow s, in a stable order.
func (s State) Triggers() []Trigger {
	out := make([]Trigger, 0, len(transitions[s]))
	for t := range transitions[s] {
		out = append(out, t)
	}
	slices.Sort(out)
	return out
}
