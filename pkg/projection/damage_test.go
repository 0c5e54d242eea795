package projection

import (
	"errors"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/bustest"
)

// TestProjector_HaltsAtADamagedDisk: what the broker lost before it was projected is a
// gap, and what it lost after that is found by a rebuild, which reads all of it again.
func TestProjector_HaltsAtADamagedDisk(t *testing.T) {
	t.Parallel()
	for how, tc := range map[string]struct {
		projected, killed bool // when it is damaged
		want              HaltCause
	}{
		"not projected, stopped in order": {false, false, Gap},
		"projected, stopped in order":     {true, false, ""},
		"projected, killed":               {true, true, Truncated},
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 1)
			dir := filepath.Join(t.TempDir(), "data")
			cfg, srv := bustest.Start(t, dir)
			port := bustest.Port(srv)
			bustest.Provision(t, cfg, bus.Topology{})
			w.cfg, w.bus = cfg, bustest.Connect(t, cfg, "test")
			for i := range 5 {
				w.settle(t, "p"+strconv.Itoa(i))
			}
			if tc.projected {
				p, stop := w.project(t, w.bus, Options{})
				w.caughtUp(t, p)
				stop()
			}
			if tc.killed {
				dir = bustest.Kill(t, srv, dir)
			} else {
				bustest.Stop(srv)
			}
			bad := bustest.Records(t, dir, events0)[29]
			bad.Flip(t, bad.Body())
			w.cfg, _ = bustest.StartAt(t, dir, port)
			w.bus = bustest.Connect(t, w.cfg, "test")
			rows := w.count(t, "SELECT count(*) FROM events")
			if tc.want != "" {
				p, _ := w.project(t, w.bus, Options{})
				checkHalts(t, p, tc.want)
			} else {
				w.checkRebuildHalts(t, bad.Seq)
			}
			if got := w.count(t, "SELECT count(*) FROM events"); got != rows && (tc.projected || got >= int(bad.Seq)) {
				t.Errorf("%d rows of events, had %d", got, rows)
			}
		})
	}
}

// checkRebuildHalts checks that rows are not made anew from a stream that has lost an
// event, and that the live ones stay.
func (w *world) checkRebuildHalts(t *testing.T, seq uint64) {
	t.Helper()
	_, err := Rebuild(t.Context(), w.bus, w.dsn, RebuildOptions{Swap: true, Force: true})
	halt, ok := errors.AsType[*Halt](err)
	if !ok || halt.Cause != Gap || halt.Seq != seq+1 {
		t.Errorf("rebuild: %v, want a gap before %d", err, seq+1)
	}
}
