package verify

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/wire"
)

func TestRun_NothingWrong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.captured(order, 1000)
	w.captured("order-2", 600)
	declined := w.command("order-3", "open-3", payment.Authorize, 1000)
	w.intent("order-3", declined, payment.Authorize, 1000)
	w.event("order-3", declined, payment.OperationDeclined{Code: "1", Reason: payment.ReasonDeclined})
	w.authorized("order-4")
	cancel := w.command("order-4", "cancel-4", payment.Cancel, 0)
	w.intent("order-4", cancel, payment.Cancel, 0)
	w.effect("order-4", cancel, "reverse", 1000)
	w.ledger[len(w.ledger)-2].Void = true
	w.event("order-4", cancel, payment.OperationSucceeded{Ref: "z"})
	refused := w.command(order, "capture-again", payment.Capture, 1000)
	w.event(order, refused, payment.OperationRejected{Kind: payment.Capture, Reason: payment.ReasonState})
	sync := w.command(order, "sync", payment.Sync, 0)
	w.event(order, sync, payment.Synced{Found: true})
	w.callback(order, "a notify", nil)
	w.from(payment.FromCallback, func() { w.event(order, "", payment.CallbackConfirmed{Ref: "y"}) })
	w.parked("order-2")

	healed := noon
	r := w.mustRun(Inputs{HealedAt: healed, Metrics: w.metrics(`payloom_parked_operations{provider="computop"} 1` + "\n")})
	for _, v := range r.Violations() {
		t.Errorf("%+v", v)
	}
	if r.Commands != 10 || r.Payments != 4 || r.Effects != 6 {
		t.Errorf("saw %d commands, %d payments, %d effects", r.Commands, r.Payments, r.Effects)
	}
	for _, i := range r.Results {
		if i.Checked == 0 && i.Skipped == "" && i.ID != "I11" {
			t.Errorf("%s was not looked at", i.ID)
		}
	}
}

// TestRun_FindsWhatWasPlanted breaks one thing at a time.
func TestRun_FindsWhatWasPlanted(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		plant func(w *world)
		in    Inputs
		want  []string
	}{
		"a command that nobody worked on": {
			plant: func(w *world) { w.command("order-9", "nine", payment.Authorize, 1000) },
			want:  []string{"I2 stuck"},
		},
		"a command that is still young": {
			plant: func(w *world) { w.command("order-9", "nine", payment.Authorize, 1000) },
			in:    Inputs{Grace: 2 * time.Hour},
		},
		"an attempt without outcome": {
			plant: func(w *world) {
				c := w.command(order, "refund", payment.Refund, 100)
				w.intent(order, c, payment.Refund, 100)
			},
			want: []string{"I2 stuck"},
		},
		"a parked operation waits for a person": {
			plant: func(w *world) {
				w.parked(order)
			},
		},
		"a person found out what became of a parked operation": {
			plant: func(w *world) {
				c := w.parked(order)
				w.effect(order, c, "refund", 100)
				w.event(order, c, payment.OperationSucceeded{Ref: "z", Amount: 100})
			},
		},
		"a person found out twice": {
			plant: func(w *world) {
				c := w.parked(order)
				w.event(order, c, payment.OperationFailed{Code: "1"})
				w.event(order, c, payment.OperationFailed{Code: "1"})
			},
			want: []string{"I2 wrong"},
		},
		"a checkout waits for its buyer": {
			plant: func(w *world) {
				c := w.command("order-9", "nine", payment.Authorize, 1000)
				w.intent("order-9", c, payment.Authorize, 1000)
				w.event("order-9", c, payment.ActionRequired{Attempt: 1, Action: payment.Action{Type: payment.ActionButton}})
			},
		},
		"two outcomes of one command": {
			plant: func(w *world) {
				c := payment.DeriveCommandID(merchant, "capture-order-1")
				w.event(order, c, payment.OperationSucceeded{Ref: "y", Amount: 1000})
			},
			want: []string{"I2 wrong"},
		},
		"a command stored twice": {
			plant: func(w *world) {
				m := w.streams["COMMANDS_0"][0]
				w.put("COMMANDS_0", m.Subject, m.Data)
			},
			want: []string{"I1 doubled"},
		},
		"a capture that the provider did twice": {
			plant: func(w *world) { w.effect(order, payment.DeriveCommandID(merchant, "capture-order-1"), "capture", 1000) },
			want:  []string{"I3 doubled"},
		},
		"a capture that the provider never did": {
			plant: func(w *world) { w.ledger = w.ledger[:1] },
			want:  []string{"I3 lost"},
		},
		"a capture from before the ledger begins": {
			plant: func(w *world) { w.ledger = nil },
			in:    Inputs{LedgerSince: noon.Add(time.Hour)},
		},
		"a capture of another amount": {
			plant: func(w *world) { w.ledger[1].Amount = 999 },
			want:  []string{"I3 wrong"},
		},
		"a decline that took the money all the same": {
			plant: func(w *world) {
				c := w.command("order-9", "nine", payment.Authorize, 1000)
				w.intent("order-9", c, payment.Authorize, 1000)
				w.effect("order-9", "", "charge", 1000)
				w.event("order-9", c, payment.OperationDeclined{Code: "1"})
			},
			want: []string{"I3 doubled"},
		},
		"a refund that failed after it was accepted": {
			plant: func(w *world) {
				c := w.command(order, "refund", payment.Refund, 100)
				w.intent(order, c, payment.Refund, 100)
				w.effect(order, c, "refund", 100)
				w.ledger[len(w.ledger)-1].Void = true
				w.event(order, c, payment.OperationFailed{Code: "1"})
			},
		},
		"an effect that nobody intended": {
			plant: func(w *world) { w.effect(order, "somebodyelse", "refund", 100) },
			want:  []string{"I4 doubled"},
		},
		"an effect before its intent was stored": {
			plant: func(w *world) { w.ledger[1].Time = noon },
			want:  []string{"I4 wrong"},
		},
		"an event that is missing": {
			plant: func(w *world) {
				all := w.streams["EVENTS_0"]
				w.streams["EVENTS_0"] = slices.Delete(all, 2, 3)
			},
			want: []string{"I14 lost", "I6 lost"},
		},
		"an event that was changed": {
			plant: func(w *world) {
				all := w.streams["EVENTS_0"]
				rec := must[wire.Record](w.t)(wire.UnmarshalRecord(all[1].Data))
				rec.Event.At = rec.Event.At.Add(time.Minute)
				all[1].Data = must[[]byte](w.t)(wire.MarshalRecord(rec))
			},
			want: []string{"I6 wrong"},
		},
		"a snapshot that lies about the money": {
			plant: func(w *world) {
				r := w.record(order, "", payment.CallbackConfirmed{Ref: "y"})
				r.After.Refunded = 5
				w.store(r)
			},
			want: []string{"I6 wrong"},
		},
		"a state out of turn": {
			plant: func(w *world) {
				r := w.record(order, "", payment.CallbackConfirmed{Ref: "y"})
				r.After.State = payment.StateAuthorized
				w.store(r)
			},
			want: []string{"I6 wrong", "I8 wrong"},
		},
		"a refund of more than was captured": {
			plant: func(w *world) {
				c := w.command(order, "refund", payment.Refund, 1500)
				w.intent(order, c, payment.Refund, 1500)
				w.event(order, c, payment.OperationRejected{Kind: payment.Refund})
			},
			want: []string{"I7 wrong"},
		},
		"a poison message that nobody buried": {
			plant: func(w *world) { w.put("COMMANDS_0", "pay.cmd.0.computop.shop.x", []byte("poison")) },
			want:  []string{"I11 lost"},
		},
		"a poison message that was buried": {
			plant: func(w *world) {
				w.put("COMMANDS_0", "pay.cmd.0.computop.shop.x", []byte("poison"))
				w.bury("COMMANDS_0", 3)
			},
		},
		"a poison message that holds up what is behind it": {
			plant: func(w *world) {
				w.put("COMMANDS_0", "pay.cmd.0.computop.shop.x", []byte("poison"))
				w.bury("COMMANDS_0", 3)
				w.command("order-9", "nine", payment.Authorize, 1000)
			},
			want: []string{"I11 stuck", "I2 stuck"},
		},
		"a poison message before one that is stuck by itself": {
			plant: func(w *world) {
				w.put("COMMANDS_0", "pay.cmd.0.computop.shop.x", []byte("poison"))
				w.bury("COMMANDS_0", 3)
				w.command("order-9", "nine", payment.Authorize, 1000)
				w.captured("order-10", 1000)
			},
			want: []string{"I2 stuck"},
		},
		"a poison event": {
			plant: func(w *world) { w.put("EVENTS_0", "pay.evt.0.computop.shop."+string(order), []byte("poison")) },
			want:  []string{"I11 lost"},
		},
		"a poison event that was buried, and its payment goes on": {
			plant: func(w *world) {
				w.put("EVENTS_0", "pay.evt.0.computop.shop."+string(order), []byte("poison"))
				w.bury("EVENTS_0", 5)
				r := w.record(order, "", payment.CallbackConfirmed{Ref: "y"})
				r.Event.Version, r.After.Version, r.Prev = 6, 6, wire.Hash([]byte("poison"))
				w.store(r)
			},
		},
		"a request that is stored under another's id": {
			in: Inputs{Journal: []Accepted{{
				Merchant: merchant, ReqID: "another", CommandID: payment.DeriveCommandID(merchant, "capture-order-1"), Payment: order,
			}}},
			want: []string{"I1 wrong"},
		},
		"a request that was accepted with two bodies": {
			in: Inputs{Journal: []Accepted{
				{Merchant: merchant, ReqID: "capture-order-1", CommandID: payment.DeriveCommandID(merchant, "capture-order-1"), Payment: order, Body: "a"},
				{Merchant: merchant, ReqID: "capture-order-1", CommandID: payment.DeriveCommandID(merchant, "capture-order-1"), Payment: order, Body: "b"},
			}},
			want: []string{"I12 wrong"},
		},
		"a payment that its provider was changed of": {
			plant: func(w *world) {
				r := w.record(order, "", payment.CallbackConfirmed{Ref: "y"})
				r.Event.Provider = payment.Axerve
				w.store(r)
			},
			want: []string{"I6 wrong"},
		},
		"a poison message that was buried twice": {
			plant: func(w *world) {
				w.put("COMMANDS_0", "pay.cmd.0.computop.shop.x", []byte("poison"))
				w.bury("COMMANDS_0", 3)
				w.bury("COMMANDS_0", 3)
			},
			want: []string{"I11 doubled"},
		},
		"an answer of 202 that was forgotten": {
			in:   Inputs{Journal: []Accepted{told("gone", order)}},
			want: []string{"I1 lost"},
		},
		"a request that was answered with two payments": {
			in: Inputs{Journal: []Accepted{
				told("capture-order-1", order), told("capture-order-1", "order-2"),
			}},
			want: []string{"I12 wrong"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.captured(order, 1000)
			if tt.plant != nil {
				tt.plant(w)
			}
			w.mustFind(tt.in, tt.want...)
		})
	}
}

// told is an answer of 202.
func told(req payment.ReqID, id payment.ID) Accepted {
	return Accepted{Merchant: merchant, ReqID: req, CommandID: payment.DeriveCommandID(merchant, req), Payment: id}
}

func (w *world) bury(stream string, seq uint64) {
	w.put("DEAD_LETTERS", "pay.dead.worker", must[[]byte](w.t)(wire.MarshalDeadLetter(wire.DeadLetter{
		Service: "worker", Reason: "undecodable", At: w.now, Stream: stream, Sequence: seq, Subject: "pay.cmd.0.computop.shop.x", Deliveries: 1,
	})))
}

func TestRun_LeavesOutWhatItIsNotToldOf(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.captured(order, 1000)
	r, err := Run(t.Context(), Inputs{Streams: w})
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range r.Results {
		if left := i.ID == "I3" || i.ID == "I4" || i.ID == "I5" || i.ID == "I15"; left != (i.Skipped != "") {
			t.Errorf("%s: left out because %q", i.ID, i.Skipped)
		}
	}
}

type unheardOf struct{}

func (unheardOf) Type() payment.EventType { return "UnheardOf" }

// Each kind of event must have a meaning here: one that has none would be passed
// over, and be a violation wherever it stands.
func TestReplay_KnowsEveryKindOfEvent(t *testing.T) {
	t.Parallel()
	known := []payment.EventData{
		payment.AttemptStarted{}, payment.AttemptNotSent{}, payment.AttemptVoided{}, payment.ActionRequired{}, payment.OperationPending{},
		payment.OperationSucceeded{}, payment.OperationDeclined{}, payment.OperationFailed{}, payment.OperationRejected{}, payment.OperationReversed{},
		payment.OutcomeUnknown{}, payment.Parked{}, payment.BuyerDetailsReceived{}, payment.MandateIssued{}, payment.CallbackConfirmed{},
		payment.LateOutcome{}, payment.Synced{}, payment.Unfrozen{}, payment.ReconcileBreak{},
	}
	left := payment.EventTypes()
	for _, data := range known {
		if !newHistory(payment.Event{}).replay(payment.Event{Data: data}, noon) {
			t.Errorf("%s is taken for unknown", data.Type())
		}
		left = slices.DeleteFunc(left, func(typ payment.EventType) bool { return typ == data.Type() })
	}
	if len(left) > 0 {
		t.Errorf("nobody has said what these mean to package verify: %v", left)
	}
	if newHistory(payment.Event{}).replay(payment.Event{Data: unheardOf{}}, noon) {
		t.Error("a kind that nobody has heard of is passed over")
	}
}

// The two descriptions of the state machine must agree: one of them is wrong
// otherwise.
func TestFollows_IsTheStateMachine(t *testing.T) {
	t.Parallel()
	for _, from := range payment.States() {
		var want []payment.State
		for _, trigger := range from.Triggers() {
			if to, _ := from.Next(trigger); to != from && !slices.Contains(want, to) {
				want = append(want, to)
			}
		}
		got := slices.DeleteFunc(slices.Clone(follows[from]), func(to payment.State) bool { return to == from })
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", from, got, want)
		}
	}
}

// TestRun_TenThousandPayments has sixty thousand messages looked through. That takes a
// second, and the minutes that are allowed are for the race detector on a machine that
// does much else: what grows with the square of payments takes longer still.
func TestRun_TenThousandPayments(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("makes ten thousand payments")
	}
	w := newWorld(t)
	const payments = 10000
	for i := range payments {
		w.captured(payment.ID(fmt.Sprintf("order-%d", i)), 1000)
	}
	secrets := []Canary{}
	for i := range 40 {
		secrets = append(secrets, Canary{fmt.Sprint("secret ", i), fmt.Sprintf("a secret that is nowhere, %d", i)})
	}
	began := time.Now()
	r := w.mustFind(Inputs{HealedAt: noon, Canaries: secrets})
	took := time.Since(began)
	if r.Payments != payments || took > 4*time.Minute {
		t.Errorf("%d payments in %s", r.Payments, took)
	}
	t.Logf("%d commands, %d events and %d effects in %s", r.Commands, r.Events, r.Effects, took)
}
