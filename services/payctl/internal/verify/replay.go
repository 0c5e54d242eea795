package verify

import (
	"time"

	"github.com/payloom/payloom/pkg/payment"
)

// operation is what the events say of one command.
type operation struct {
	id       payment.CommandID
	kind     payment.Kind
	amount   int64
	status   payment.OpStatus
	attempt  int
	started  []attempt
	effect   int64
	ends     int  // final outcomes
	reversed bool // a success that the provider took back
	ref      string
	at       time.Time
}

// attempt is one stored intent.
type attempt struct {
	key, idem string
	at        time.Time // broker time of the message
}

// history is one payment as its events add up.
type history struct {
	merchant payment.Merchant
	id       payment.ID
	provider payment.Provider
	version  uint64
	events   int    // read
	hash     []byte // of the last event

	state                          payment.State
	currency                       payment.Currency
	amount                         int64
	authorized, captured, refunded int64
	ops                            []*operation
	rejected                       []*operation // commands refused without an attempt
	synced                         map[payment.CommandID]int
	frozen                         bool
	broken                         bool // an event is missing or unreadable: what follows cannot be judged
	unreadable                     bool // the latter

	account string                          // of the provider, as the first intent names it; empty: the default
	byBuyer bool                            // no money moves before the buyer has agreed
	refs    map[string]bool                 // whatever the provider calls things
	ended   map[payment.CommandID]time.Time // broker time
	waited  map[payment.CommandID]bool      // for the buyer or the provider
}

func newHistory(e payment.Event) *history {
	return &history{
		merchant: e.Merchant, id: e.Payment, provider: e.Provider,
		synced: map[payment.CommandID]int{}, refs: map[string]bool{},
		ended: map[payment.CommandID]time.Time{}, waited: map[payment.CommandID]bool{},
	}
}

func (h *history) key() paymentKey { return paymentKey{h.merchant, h.id} }

func (h *history) subject() string { return string(h.merchant) + "/" + string(h.id) }

func (h *history) op(c payment.CommandID) *operation {
	for _, o := range h.ops {
		if o.id == c {
			return o
		}
	}
	return nil
}

// replay applies one event, and tells whether it is of a kind that is known here.
// at is the broker time of its message.
func (h *history) replay(e payment.Event, at time.Time) (known bool) {
	h.ending(e, at)
	switch d := e.Data.(type) {
	case payment.AttemptStarted:
		h.intent(e, d, at)
	case payment.OperationRejected:
		if h.op(e.Command) == nil {
			h.refuse(e, d)
			return true
		}
		h.final(e, payment.OpRejected, payment.StateRejected)
	case payment.Synced:
		h.synced[e.Command]++
	case payment.LateOutcome:
		h.frozen = true
	case payment.Unfrozen:
		// what froze it stands in the provider's books still
	case payment.ReconcileBreak:
		// what a provider's books say moves neither money nor state
	case payment.OperationReversed:
		h.takeBack(e)
	case payment.OperationSucceeded:
		h.success(e, d)
	case payment.OperationDeclined:
		h.final(e, payment.OpDeclined, payment.StateDeclined)
	case payment.OperationFailed:
		to := payment.StateFailed
		if d.Reason == payment.ReasonExpired {
			to = payment.StateExpired
		}
		h.final(e, payment.OpFailed, to)
	case payment.AttemptNotSent, payment.AttemptVoided, payment.OutcomeUnknown, payment.ActionRequired, payment.OperationPending, payment.Parked:
		h.interim(e)
	case payment.BuyerDetailsReceived, payment.MandateIssued, payment.CallbackConfirmed: // no money moves
	default:
		return false
	}
	return true
}

func (h *history) intent(e payment.Event, d payment.AttemptStarted, at time.Time) {
	o := h.op(e.Command)
	if o == nil {
		o = &operation{id: e.Command, kind: d.Kind, amount: d.Amount.Minor}
		h.ops = append(h.ops, o)
	}
	if isEnd(o.status) || d.Attempt <= o.attempt {
		return
	}
	o.attempt, o.status, o.at = d.Attempt, payment.OpOpen, at
	o.started = append(o.started, attempt{d.Key, d.Idem, at})
	if opens(d.Kind) {
		h.currency, h.amount, h.account = d.Amount.Currency, d.Amount.Minor, d.Account
		h.byBuyer = d.Kind == payment.Authorize && d.Terms != nil && d.Terms.Method != payment.MandateCharge && d.Terms.Method != payment.OrderReference
		if h.state == payment.StateNew || h.state == payment.StateRejected {
			h.state = payment.StateProcessing
		}
	}
}

// refuse records a command that was never started.
func (h *history) refuse(e payment.Event, d payment.OperationRejected) {
	for _, o := range h.rejected {
		if o.id == e.Command {
			o.ends++
			return
		}
	}
	h.rejected = append(h.rejected, &operation{id: e.Command, kind: d.Kind, status: payment.OpRejected, ends: 1})
	if opens(d.Kind) && h.state == payment.StateNew {
		h.state = payment.StateRejected
	}
}

// final ends an operation without effect. A payment that it was to open moves to
// the given state.
func (h *history) final(e payment.Event, status payment.OpStatus, to payment.State) {
	o := h.op(e.Command)
	if o == nil {
		return
	}
	o.ends++
	if o.ends > 1 {
		return
	}
	o.status, o.at = status, e.At
	if opens(o.kind) && mayFollow(h.state, to) {
		h.state = to
	}
}

func (h *history) takeBack(e payment.Event) {
	o := h.op(e.Command)
	if o == nil || o.kind != payment.Payout || o.status != payment.OpSucceeded {
		return
	}
	o.status, o.reversed, o.effect = payment.OpFailed, true, 0
	h.authorized, h.captured, h.state = 0, 0, payment.StateReversed
}

// interim applies what does not end an operation.
func (h *history) interim(e payment.Event) {
	o := h.op(e.Command)
	if o == nil || isEnd(o.status) {
		return
	}
	old := func(n int) bool { return n < o.attempt }
	status, to := payment.OpStatus(""), h.state
	switch d := e.Data.(type) {
	case payment.AttemptNotSent:
		if !old(d.Attempt) {
			status = payment.OpWaiting
		}
	case payment.AttemptVoided:
		if !old(d.Attempt) {
			status = payment.OpWaiting
		}
	case payment.OutcomeUnknown:
		if !old(d.Attempt) {
			status = payment.OpUnknown
		}
	case payment.ActionRequired:
		if !old(d.Attempt) {
			status, to = payment.OpAction, payment.StateRequiresAction
		}
	case payment.OperationPending:
		if !old(d.Attempt) {
			status, to = payment.OpPending, payment.StatePending
		}
	case payment.Parked:
		status = payment.OpParked
	}
	if status == "" {
		return
	}
	o.status, o.at = status, e.At
	if opens(o.kind) && mayFollow(h.state, to) {
		h.state = to
	}
}

func (h *history) success(e payment.Event, d payment.OperationSucceeded) {
	o := h.op(e.Command)
	if o == nil {
		return
	}
	o.ends++
	if o.ends > 1 {
		return
	}
	o.status, o.effect, o.ref, o.at = payment.OpSucceeded, d.Amount, d.Ref, e.At
	to := h.state
	switch o.kind {
	case payment.Authorize:
		h.authorized = d.Amount
		switch {
		case d.Amount == 0:
			to = payment.StateAgreed
		case d.Captured:
			h.captured, to = d.Amount, payment.StateCaptured
		default:
			to = payment.StateAuthorized
		}
	case payment.Capture:
		h.captured += d.Amount
		to = either(h.captured < h.authorized, payment.StatePartiallyCaptured, payment.StateCaptured)
	case payment.Refund:
		h.refunded += d.Amount
		to = either(h.refunded < h.captured, payment.StatePartiallyRefunded, payment.StateRefunded)
	case payment.Cancel:
		to = payment.StateCancelled
	case payment.Payout:
		h.authorized, h.captured, to = d.Amount, d.Amount, payment.StatePaid
	case payment.UpdateAmount:
		h.amount = d.Amount
	case payment.Sync:
	}
	if mayFollow(h.state, to) {
		h.state = to
	}
}

// reserved returns what operations of a kind may still take.
func (h *history) reserved(k payment.Kind) int64 {
	var n int64
	for _, o := range h.ops {
		if o.kind != k {
			continue
		}
		switch o.status {
		case payment.OpOpen, payment.OpUnknown, payment.OpWaiting, payment.OpPending, payment.OpParked:
			n += o.amount
		case payment.OpAction, payment.OpSucceeded, payment.OpDeclined, payment.OpFailed, payment.OpRejected:
		}
	}
	return n
}

func opens(k payment.Kind) bool { return k == payment.Authorize || k == payment.Payout }

// isEnd tells whether nothing more happens to an operation by itself.
func isEnd(s payment.OpStatus) bool {
	switch s {
	case payment.OpSucceeded, payment.OpDeclined, payment.OpFailed, payment.OpRejected, payment.OpParked:
		return true
	case payment.OpOpen, payment.OpUnknown, payment.OpWaiting, payment.OpAction, payment.OpPending:
	}
	return false
}

func either[T any](cond bool, yes, no T) T {
	if cond {
		return yes
	}
	return no
}
