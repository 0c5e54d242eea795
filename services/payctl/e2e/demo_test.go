package e2e

import (
	"testing"

	"github.com/payloom/payloom/services/payctl/internal/api"
	"github.com/payloom/payloom/services/payctl/internal/demo"
	"github.com/payloom/payloom/services/payctl/internal/stack"
)

// TestDemo_EveryPaymentSettles runs the demo, with the workers killed in its middle
// and no more rights at the broker than the table of permissions gives.
func TestDemo_EveryPaymentSettles(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{Workers: 2, Secure: true})
	client, computop := clients(s)
	at := s.URLs().Simulator
	env := demo.Env{
		API: client, Computop: computop, Axerve: api.NewAxerve(at, 16), ECommPay: api.NewECommPay(at, 16), KillWorker: func() error {
			return s.KillWorkers(stack.Computop)
		},
	}
	result, err := demo.Run(t.Context(), env, demo.Options{Payments: 50})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range result.Failed() {
		t.Errorf("%s: %v", o.Scenario, o.Err)
	}
	if result.Payments() < 50 || result.Settled() != result.Payments() {
		t.Errorf("%d of %d payments settled, want all of at least 50", result.Settled(), result.Payments())
	}
	report := checkVerified(t, s)
	if report.Payments != result.Payments() {
		t.Errorf("the streams hold %d payments, the demo drove %d", report.Payments, result.Payments())
	}
}
