package simulation_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/simulation"
	"github.com/payloom/payloom/pkg/worker"
)

// runAll plays seeds 0 to n-1, or fewer if each says that it has enough. It hands
// the reports over one at a time, in no order.
func runAll(n uint64, o simulation.Options, each func(simulation.Report) (enough bool)) {
	var next atomic.Uint64
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for seed := next.Add(1) - 1; seed < n; seed = next.Add(1) - 1 {
				r := simulation.Run(seed, o)
				mu.Lock()
				if each(r) {
					next.Store(n)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

// number returns the number in an environment variable, if it is set.
func number(t *testing.T, name string) (uint64, bool) {
	t.Helper()
	v, ok := os.LookupEnv(name)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(v, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n, true
}

// seeds is how many worlds a test plays: SIM_SEEDS, or what a push has time for.
func seeds(t *testing.T) uint64 {
	t.Helper()
	if n, ok := number(t, "SIM_SEEDS"); ok {
		return n
	}
	if testing.Short() || raced {
		return 300
	}
	return 2000
}

func TestRun_Clean(t *testing.T) {
	t.Parallel()
	counts, bad, steps := map[string]int{}, 0, 0
	n := seeds(t)
	runAll(n, simulation.Options{}, func(r simulation.Report) bool {
		for what, times := range r.Counts {
			counts[what] += times
		}
		steps += r.Steps
		if len(r.Violations) == 0 {
			return false
		}
		for _, v := range r.Violations {
			t.Errorf("seed %d, class %s: %s: %s", r.Seed, r.Class, v.Kind, v.What)
		}
		t.Errorf("to see how it came: SIM_SEED=%d go test -run TestRun_OneSeed -v ./pkg/simulation", r.Seed)
		bad++
		return bad >= 5
	})
	t.Logf("%d worlds of %d steps in all", n, steps)
	if n >= 1000 {
		checkWentEverywhere(t, counts)
	}
}

// checkWentEverywhere checks that the worlds had what they are for. A simulator that
// is always lucky finds nothing either.
func checkWentEverywhere(t *testing.T, counts map[string]int) {
	t.Helper()
	want := []string{
		"lost call", "lost answer", "outage", "suppressed repeat", "refused for now", "inquiry", "callback",
		"late publish", "lost PubAck", "stale read", "conflict", "redelivery", "silent handler", "ended",
		"end succeeded", "end declined", "end failed", "end rejected", "end parked",
	}
	for _, p := range worker.Points() {
		want = append(want, "killed "+string(p), "stopped "+string(p))
	}
	for _, typ := range []payment.EventType{
		payment.TypeAttemptStarted, payment.TypeAttemptNotSent, payment.TypeAttemptVoided, payment.TypeActionRequired, payment.TypeOperationPending,
		payment.TypeOperationSucceeded, payment.TypeOperationDeclined, payment.TypeOperationFailed, payment.TypeOperationRejected,
		payment.TypeOutcomeUnknown, payment.TypeParked, payment.TypeCallbackConfirmed, payment.TypeSynced,
	} {
		want = append(want, string(typ))
	}
	for _, what := range want {
		if counts[what] == 0 {
			t.Errorf("%q happened in no world", what)
		}
	}
}

// TestRun_OneSeed shows what happened in the world of SIM_SEED.
func TestRun_OneSeed(t *testing.T) {
	t.Parallel()
	seed, ok := number(t, "SIM_SEED")
	if !ok {
		t.Skip("it shows a world: SIM_SEED=4711 go test -run TestRun_OneSeed -v ./pkg/simulation")
	}
	r := simulation.Run(seed, simulation.Options{Trace: func(line string) { fmt.Println(line) }})
	for _, v := range r.Violations {
		t.Errorf("%s: %s", v.Kind, v.What)
	}
}

// traced returns the digest of all that happens in some worlds.
func traced(from, to uint64) [sha256.Size]byte {
	h := sha256.New()
	for seed := from; seed < to; seed++ {
		simulation.Run(seed, simulation.Options{Trace: func(line string) { fmt.Fprintln(h, line) }})
	}
	return [sha256.Size]byte(h.Sum(nil))
}

func TestRun_SameSeedSameTrace(t *testing.T) { //nolint:paralleltest // it sets GOMAXPROCS
	const worlds = 50
	procs := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(procs)
	alone := traced(0, worlds)
	runtime.GOMAXPROCS(max(2, procs))
	var wg sync.WaitGroup
	for range 2 { // beside each other
		wg.Go(func() {
			if traced(0, worlds) != alone {
				t.Error("a world differs from itself")
			}
		})
	}
	wg.Wait()
	if traced(1, worlds+1) == alone {
		t.Error("other seeds make the same worlds")
	}
}

func TestRun_TraceIsReadable(t *testing.T) {
	t.Parallel()
	var lines []string
	simulation.Run(2, simulation.Options{Trace: func(line string) { lines = append(lines, line) }})
	text := strings.Join(lines, "\n")
	for _, want := range []string{"the shop asks: ", "stored 1: p", "AttemptStarted", "THE PROVIDER enters", "all faults end"} {
		if !strings.Contains(text, want) {
			t.Errorf("the trace does not say %q", want)
		}
	}
	if strings.Contains(text, "0xc") {
		t.Error("the trace shows addresses, which differ from run to run")
	}
}
