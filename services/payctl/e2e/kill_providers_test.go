package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/provider/axerve/axervesim"
	"github.com/payloom/payloom/pkg/provider/ecommpay/ecommpaysim"
	"github.com/payloom/payloom/pkg/provider/simkit"
	"github.com/payloom/payloom/pkg/testkit"
	"github.com/payloom/payloom/services/payctl/internal/api"
	"github.com/payloom/payloom/services/payctl/internal/stack"
)

// abroad is a till at the other providers.
type abroad struct {
	*till
	axerve   *api.Axerve
	ecommpay *api.ECommPay
}

func newAbroad(t *testing.T, s *stack.Stack) *abroad {
	t.Helper()
	at := s.URLs().Simulator
	return &abroad{till: newTill(t, s), axerve: api.NewAxerve(at, 16), ecommpay: api.NewECommPay(at, 16)}
}

// mustHold has the provider do what it is asked and not answer.
func (x *abroad) mustHold(capture, payout string) {
	x.Helper()
	_, err := x.axerve.AddRule(x.Context(), axervesim.Rule{ShopID: capture, Operation: axervesim.OpSettle, Fault: axervesim.FaultTimeoutAfter, Times: 1})
	if err != nil {
		x.Fatal(err)
	}
	for _, r := range []ecommpaysim.Rule{
		{Operation: ecommpaysim.OpPayout, Fault: simkit.FaultTimeoutAfter}, {Operation: ecommpaysim.OpCallbackSuccess, Fault: simkit.FaultVanish},
		{Operation: ecommpaysim.OpCallbackProcessing, Fault: simkit.FaultVanish},
	} {
		r.PaymentID, r.Times = payout, 1
		if _, err := x.ecommpay.AddRule(x.Context(), r); err != nil {
			x.Fatal(err)
		}
	}
}

func (x *abroad) captures(id string) []axervesim.Kind {
	x.Helper()
	entries, err := x.axerve.Ledger(x.Context(), id)
	if err != nil {
		x.Fatal(err)
	}
	var kinds []axervesim.Kind
	for _, e := range entries {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

func (x *abroad) payouts(id string) int {
	x.Helper()
	entries, err := x.ecommpay.Ledger(x.Context(), id)
	if err != nil {
		x.Fatal(err)
	}
	return len(entries)
}

// authorized brings a payment on Axerve's page to its authorisation.
func (x *abroad) authorized(id string) {
	x.Helper()
	x.mustSend("/v1/payments", api.Open{
		PaymentID: id, Provider: "axerve", Method: "redirect", Amount: *amount(5000), Return: &api.Return{Success: "https://shop.example/done"},
	})
	x.mustReach(id, "requires_action")
	if _, err := x.axerve.Decide(x.Context(), id, axervesim.Approve); err != nil {
		x.Fatal(err)
	}
	x.mustReach(id, "authorized")
}

// TestWorkersKilled_AtTheOtherProviders kills Axerve's worker during a capture and
// ECommPay's during a payout, when the money has moved and nobody was told: no
// answer, and no callback. Each ends with one effect.
func TestWorkersKilled_AtTheOtherProviders(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{})
	x := newAbroad(t, s)
	const order, payout = "ax-killed", "out-killed"
	x.authorized(order)
	x.mustHold(order, payout)
	captured := x.mustSend("/v1/payments/"+order+"/captures", api.FollowUp{Amount: amount(5000)})
	paid := x.mustSend("/v1/payouts", api.Payout{
		PaymentID: payout, Provider: "ecommpay", Amount: api.Money{Value: 150000, Currency: "INR"}, Description: "test",
		Beneficiary: api.Beneficiary{
			CustomerID: "c-1", IPAddress: "203.0.113.7", FirstName: "Test", LastName: "Person",
			Email: "person@example.com", Address: "1 Example Street, Example Town", AccountNumber: "9100000000",
		},
	})
	x.awaitOpen(order, captured)
	x.awaitOpen(payout, paid)
	testkit.Eventually(t, 20*time.Second, func() error {
		if c, p := x.captures(order), x.payouts(payout); !slices.Contains(c, axervesim.KindCapture) || p != 1 {
			return fmt.Errorf("the ledgers have %v and %d payout(s)", c, p)
		}
		return nil
	})
	for _, program := range []string{stack.Axerve, stack.ECommPay} {
		if err := s.KillWorkers(program); err != nil {
			t.Fatal(err)
		}
	}
	x.mustEnd(order, captured, "succeeded")
	x.mustReach(order, "captured")
	x.mustEnd(payout, paid, "succeeded")
	x.mustReach(payout, "paid")
	if got, want := x.captures(order), []axervesim.Kind{axervesim.KindAuthorize, axervesim.KindCapture}; !slices.Equal(got, want) {
		t.Errorf("the ledger of %s has %v, want %v", order, got, want)
	}
	if n := x.payouts(payout); n != 1 {
		t.Errorf("%s was paid %d times", payout, n)
	}
	checkVerified(t, s)
}
