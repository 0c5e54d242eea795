package worker

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/bustest"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
)

// TestHandle_LostIntentIsNotSentAgain: a worker dies after it has stored its intent, sent
// or not, and the disk of the broker garbles the intent, in each of the ways in which a
// broker then says that nothing ever happened. The next worker halts.
func TestHandle_LostIntentIsNotSentAgain(t *testing.T) {
	t.Parallel()
	for how, tc := range map[string]struct {
		killed bool
		damage func(testing.TB, bustest.Record)
	}{
		"a flipped bit, stopped in order": {false, func(t testing.TB, r bustest.Record) { r.Flip(t, r.Body()) }},
		"a flipped bit, killed":           {true, func(t testing.TB, r bustest.Record) { r.Flip(t, r.Body()) }},
		"a cut file":                      {false, func(t testing.TB, r bustest.Record) { r.Cut(t) }},
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "data")
			cfg, srv := bustest.Start(t, dir)
			port := bustest.Port(srv)
			bustest.Provision(t, cfg, bus.Topology{})
			r := rigOn(t, bustest.Connect(t, cfg, "test"), provider.T1)
			cmd := r.command(payment.Authorize, "open", 1000)
			if !r.killedAt(r.worker(), IntentStored, cmd) {
				t.Fatal("no intent was stored")
			}
			r.others(20)
			if tc.killed {
				dir = bustest.Kill(t, srv, dir)
			} else {
				bustest.Stop(srv)
			}
			tc.damage(t, bustest.Records(t, dir, "EVENTS_0")[0])
			bustest.StartAt(t, dir, port)
			r.checkHalted(cmd)
		})
	}
}

// others starts other payments.
func (r *rig) others(n int) {
	r.t.Helper()
	for range n {
		other := rigOn(r.t, r.bus, provider.T1)
		other.killedAt(other.worker(), IntentStored, other.command(payment.Authorize, "open", 500))
	}
}

// checkHalted checks that cmd is refused for the ledger's sake, and that its provider
// is not called again.
func (r *rig) checkHalted(cmd payment.Command) {
	r.t.Helper()
	before := r.calls()
	var err error
	for deadline := time.Now().Add(30 * time.Second); !errors.Is(err, bus.ErrDamaged) && time.Now().Before(deadline); {
		err = r.worker().Handle(r.t.Context(), cmd) // the first finds the broker away
	}
	if !errors.Is(err, bus.ErrDamaged) {
		r.t.Errorf("%v, want ErrDamaged", err)
	}
	if n := r.calls() - before; n != 0 {
		r.t.Errorf("%d more calls", n)
	}
}
