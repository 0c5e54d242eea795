package providertest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/providertest"
)

// The fake passes the exam that providers pass, in every class.
func TestFake_Conformance(t *testing.T) {
	t.Parallel()
	for _, class := range []provider.Class{provider.T1, provider.T2, provider.T3, provider.T4} {
		t.Run(class.String(), func(t *testing.T) {
			t.Parallel()
			providertest.Run(t, fakeHarness(class))
		})
	}
}

func fakeHarness(class provider.Class) providertest.Harness {
	sims := &fakes{all: map[string]*fakeSim{}}
	return providertest.Harness{
		Start: func(*testing.T) providertest.Simulator { return sims.start(class) },
		Open:  func(_ *testing.T, url string) provider.Provider { return sims.open(url) },

		Parser: providertest.FakeParser{},
		Zero:   func() error { return errors.New("capability: is empty") },
		Fields: []string{"capability"},
		Amount: payment.Money{Minor: 1000, Currency: "EUR"},

		Secrets: []string{providertest.FakeSecret},
	}
}

// fakes stands for the network: it finds a fake by its address.
type fakes struct {
	mu  sync.Mutex
	all map[string]*fakeSim
}

func (f *fakes) start(class provider.Class) *fakeSim {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := &fakeSim{Fake: providertest.NewFake(providertest.FakeCapability(class), providertest.Hooks{}), url: fmt.Sprintf("fake://%d", len(f.all))}
	f.all[s.url] = s
	return s
}

func (f *fakes) open(url string) provider.Provider {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s, ok := f.all[url]; ok {
		return s.Fake
	}
	nobody := providertest.NewFake(providertest.FakeCapability(provider.T3), providertest.Hooks{})
	for _, k := range payment.Kinds() {
		nobody.Always(k, providertest.Step{Act: providertest.DoNotSent})
	}
	return nobody
}

// fakeSim is a fake as its own other side.
type fakeSim struct {
	*providertest.Fake
	url string
}

func (s *fakeSim) URL() string { return s.url }

func (s *fakeSim) Play(c provider.Call, sc providertest.Scenario) bool {
	const never = time.Hour
	step, ok := map[providertest.Scenario]providertest.Step{
		providertest.Approve:    {Act: providertest.DoApprove},
		providertest.Decline:    {Act: providertest.DoDecline},
		providertest.Pend:       {Act: providertest.DoPend},
		providertest.CutBefore:  {Act: providertest.DoUnknownBefore},
		providertest.CutAfter:   {Act: providertest.DoUnknownAfter},
		providertest.HangBefore: {Act: providertest.DoUnknownBefore, Delay: never},
		providertest.HangAfter:  {Act: providertest.DoUnknownAfter, Delay: never},
		providertest.Throttle:   {Act: providertest.DoRefuse, After: time.Second},
		providertest.Forbid:     {Act: providertest.DoForbid},
	}[sc]
	if ok {
		s.Always(c.Operation.Kind, step)
	}
	return ok
}

func (s *fakeSim) Buyer(c provider.Call, b providertest.Buyer) error {
	switch b {
	case providertest.Agrees:
		return s.Fake.Buyer(c.Command.Payment, true)
	case providertest.Refuses:
		return s.Fake.Buyer(c.Command.Payment, false)
	case providertest.Reviews:
	}
	return nil
}

func (s *fakeSim) Quiet() error { return nil }

func (s *fakeSim) Effects(c provider.Call) int {
	if _, open := s.Sessions()[c.Command.Payment]; open && c.Operation.Kind == payment.Authorize {
		return 1
	}
	return s.EffectsOf(c.Operation.ID)
}

func (s *fakeSim) Recorded(c provider.Call) (payment.Money, bool) {
	if minor, open := s.Sessions()[c.Command.Payment]; open {
		return payment.Money{Minor: minor, Currency: c.Operation.Amount.Currency}, true
	}
	for _, e := range s.Fake.Effects() {
		if e.Command == c.Operation.ID {
			return e.Amount, true
		}
	}
	return payment.Money{}, false
}

func (s *fakeSim) Forge(provider.Call) (providertest.Delivery, error) {
	sent := s.Callbacks()
	d := sent[len(sent)-1]
	d.Header = d.Header.Clone()
	d.Header.Set("X-Signature", strings.Repeat("0", 64))
	return d, nil
}

func (s *fakeSim) Calls() int {
	submits, inquiries := s.Fake.Calls()
	return submits + inquiries
}

func TestFake_InquiryLagsAndFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := providertest.NewFake(providertest.FakeCapability(provider.T3), providertest.Hooks{})
		f.Lag(30 * time.Second)
		f.Script(providertest.Step{Act: providertest.DoUnknownAfter})
		call := provider.Call{
			Payment:   payment.Payment{ID: "p"},
			Operation: payment.Operation{ID: "c", Kind: payment.Capture, Amount: payment.Money{Minor: 1, Currency: "EUR"}, Attempt: payment.Attempt{Number: 1, Key: "p"}},
		}
		if _, err := f.Submit(t.Context(), call); provider.FailureOf(err) != provider.Unknown {
			t.Fatalf("error %v", err)
		}
		if _, err := f.Inquire(t.Context(), call); !errors.Is(err, provider.ErrNotFound) {
			t.Errorf("at once: %v", err)
		}
		time.Sleep(31 * time.Second)
		if r, err := f.Inquire(t.Context(), call); err != nil || r.Status != payment.Approved {
			t.Errorf("later: %v, %v", r, err)
		}
		f.Down(true)
		if _, err := f.Inquire(t.Context(), call); provider.FailureOf(err) != provider.Unknown {
			t.Errorf("down: %v", err)
		}
	})
}

func TestFake_Slow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := providertest.NewFake(providertest.FakeCapability(provider.T3), providertest.Hooks{})
		f.ScriptKind(payment.Capture, providertest.Step{Act: providertest.DoApprove, Delay: time.Minute})
		call := provider.Call{Operation: payment.Operation{ID: "c", Kind: payment.Capture, Amount: payment.Money{Minor: 1, Currency: "EUR"}}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := f.Submit(ctx, call); provider.FailureOf(err) != provider.Unknown || f.EffectsOf("c") != 0 {
			t.Errorf("%v with %d effects", err, f.EffectsOf("c"))
		}
	})
}

func TestFake_Finish(t *testing.T) {
	t.Parallel()
	var told []providertest.Delivery
	f := providertest.NewFake(providertest.FakeCapability(provider.T3), providertest.Hooks{Callback: func(d providertest.Delivery) { told = append(told, d) }})
	f.Script(providertest.Step{Act: providertest.DoPend})
	call := provider.Call{Payment: payment.Payment{ID: "p"}, Operation: payment.Operation{ID: "c", Kind: payment.Refund, Amount: payment.Money{Minor: 7, Currency: "EUR"}}}
	if r, err := f.Submit(t.Context(), call); err != nil || r.Status != payment.Pending {
		t.Fatalf("%+v, %v", r, err)
	}
	if err := f.Finish("c", true); err != nil {
		t.Fatal(err)
	}
	if f.Finish("c", true) == nil {
		t.Error("finished twice")
	}
	if len(told) != 2 {
		t.Fatalf("%d callbacks", len(told))
	}
	cb, err := providertest.FakeParser{}.ParseCallback(told[1].Header, told[1].Body)
	if err != nil || cb.Observation.Result.Status != payment.Approved || cb.Observation.Result.Amount != 7 {
		t.Errorf("%+v, %v", cb, err)
	}
}

// ByHand adds what is left of k, or takes a payout back.
func (s *fakeSim) ByHand(c provider.Call, k payment.Kind, amount int64) error {
	p := c.Payment
	if c.Operation.Kind == payment.Payout {
		k = payment.Cancel
	}
	if amount == 0 {
		amount = map[payment.Kind]int64{payment.Capture: p.Authorized - p.Captured, payment.Refund: p.Captured - p.Refunded}[k]
	}
	s.Fake.ByHand(providertest.Effect{Payment: p.ID, Kind: k, Amount: payment.Money{Minor: amount, Currency: p.Amount.Currency}})
	return nil
}

func (s *fakeSim) Forget(c provider.Call) error {
	for _, op := range c.Payment.Operations {
		if err := s.undo(c.Payment.ID, op.Kind); err != nil {
			return err
		}
	}
	return nil
}

func (s *fakeSim) undo(id payment.ID, k payment.Kind) error {
	if !s.Undo(id, k) {
		return errors.New("nothing to take back")
	}
	return nil
}
