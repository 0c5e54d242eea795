package providertest

import (
	"fmt"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
)

// Story is one payment as its ledger tells it. It is not safe for concurrent
// use.
type Story struct {
	Payment payment.Payment
	rules   payment.Rules
	now     time.Time
}

// NewStory returns a payment that nothing has happened to, at a provider with
// these rules.
func NewStory(rules payment.Rules) *Story {
	return &Story{rules: rules, now: time.Now()}
}

// Fork returns a second story with the same past.
func (s *Story) Fork() *Story {
	other := *s
	return &other
}

// Start stores the intent of cmd, as Decide has it, and returns the call that a
// worker would make. It fails the test when Decide has another verdict.
func (s *Story) Start(t testing.TB, cmd payment.Command) provider.Call {
	t.Helper()
	s.pass(time.Minute) // what has to wait after a callback has waited
	if cmd.At.IsZero() {
		cmd.At = s.now
	}
	d := payment.Decide(s.Payment, cmd, s.now, s.rules)
	if d.Verdict != payment.Start {
		t.Fatalf("%s of a payment that is %q: %v %+v", cmd.Kind, s.Payment.State, d.Verdict, d.Event.Data)
	}
	s.fold(d.Event)
	return s.call(cmd)
}

// Again returns the call of cmd's next attempt after the last one was voided.
func (s *Story) Again(t testing.TB, cmd payment.Command) provider.Call {
	t.Helper()
	op, _ := s.Payment.Operation(cmd.ID)
	s.fold(payment.Event{
		Payment: cmd.Payment, Merchant: cmd.Merchant, Provider: cmd.Provider, Command: cmd.ID, At: s.now,
		Source: payment.FromInquiry, Data: payment.AttemptVoided{Attempt: op.Attempt.Number},
	})
	d := payment.Decide(s.Payment, cmd, s.now, s.rules)
	op, _ = s.Payment.Operation(cmd.ID)
	if d.Verdict != payment.Start {
		t.Fatalf("another attempt at %s: %v", cmd.Kind, d.Verdict)
	}
	s.fold(d.Event)
	return s.call(cmd)
}

func (s *Story) call(cmd payment.Command) provider.Call {
	op, _ := s.Payment.Operation(cmd.ID)
	return provider.Call{Payment: s.Payment, Operation: op, Command: cmd, Now: s.now}
}

// Learn lets the payment learn what was observed, and returns the number of
// events that this took.
func (s *Story) Learn(o payment.Observation) (int, error) {
	events, err := payment.Observe(s.Payment, o, s.now)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", o.Kind, err)
	}
	for _, e := range events {
		s.fold(e)
	}
	return len(events), nil
}

// Answered lets the payment learn the result of a call.
func (s *Story) Answered(c provider.Call, from payment.Source, r payment.Result) error {
	_, err := s.Learn(payment.Observation{
		Source: from, Command: c.Operation.ID, Attempt: c.Operation.Attempt.Number, Ref: r.Ref, Result: r,
	})
	return err
}

func (s *Story) fold(e payment.Event) {
	s.pass(time.Second)
	e.At = s.now
	if e.ID == "" {
		e.ID = fmt.Sprintf("e%d", s.Payment.Version+1)
	}
	s.Payment = payment.Fold(s.Payment, s.Payment.Next(e))
}

func (s *Story) pass(d time.Duration) { s.now = s.now.Add(d) }
