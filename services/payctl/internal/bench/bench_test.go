package bench

import (
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/bus"
)

func TestQuantile(t *testing.T) {
	t.Parallel()
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(100 - i)
	}
	tests := map[string]struct {
		all  []time.Duration
		q    float64
		want time.Duration
	}{
		"of nothing":            {nil, 0.5, 0},
		"of one":                {[]time.Duration{7}, 0.99, 7},
		"the median":            {hundred, 0.50, 50},
		"the 99th of a hundred": {hundred, 0.99, 99},
		"the greatest":          {hundred, 1, 100},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := quantile(append([]time.Duration{}, tt.all...), tt.q); got != tt.want {
				t.Errorf("%d, want %d", got, tt.want)
			}
		})
	}
}

func TestParseStat(t *testing.T) {
	t.Parallel()
	const line = "4711 (a (strange) name) S 42 4711 4711 0 -1 4194560 100 200 0 0 10 20 30 40 20 0 1 0 99 0 0"
	p, ok := parseStat(line)
	if !ok || p.parent != 42 || p.used != time.Second {
		t.Errorf("%+v, %v: want parent 42 and 100 ticks of 10 ms", p, ok)
	}
	for _, bad := range []string{"", "1 name S 2", "1 (x) S", "1 (x) S y 1 1 0 -1 0 0 0 0 0 1 2 3 4"} {
		if _, ok := parseStat(bad); ok {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestBelow(t *testing.T) {
	t.Parallel()
	all := map[int]process{10: {parent: 1}, 11: {parent: 10}, 12: {parent: 11}, 20: {parent: 1}, 30: {parent: 31}, 31: {parent: 30}}
	for pid, want := range map[int]bool{11: true, 12: true, 20: false, 30: false, 99: false} {
		if got := below(all, pid, 10); got != want {
			t.Errorf("%d below 10: %v", pid, got)
		}
	}
}

func TestCPUTime_Grows(t *testing.T) {
	t.Parallel()
	before := cpuTime()
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("there is no /proc here")
	}
	sum := 0
	for deadline := time.Now().Add(50 * time.Millisecond); time.Now().Before(deadline); {
		sum++
	}
	if after := cpuTime(); after <= before {
		t.Errorf("%s, then %s after %d rounds", before, after, sum)
	}
}

func TestFinal(t *testing.T) {
	t.Parallel()
	for typ, want := range map[string]bool{
		"payloom.OperationSucceeded": true, "payloom.OperationDeclined": true, "payloom.Parked": true,
		"payloom.AttemptStarted": false, "payloom.CallbackConfirmed": false, "": false,
	} {
		if got := final(bus.Message{Header: http.Header{"ce-type": {typ}}}); got != want {
			t.Errorf("%s: %v", typ, got)
		}
	}
}
