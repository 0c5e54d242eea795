package chaos

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/bus"
)

// outline is a plan without what cannot be compared.
func outline(plan []episode) []Window {
	var all []Window
	for _, e := range plan {
		all = append(all, Window{Start: e.at.Seconds(), End: (e.at + e.lasts).Seconds(), What: e.fault.name})
	}
	return all
}

func TestPlanFor_EveryFaultWithinTheStorm(t *testing.T) {
	t.Parallel()
	for _, storm := range []time.Duration{30 * time.Second, 4 * time.Minute} {
		plan := planFor(faults(), storm, 1)
		seen := map[string]int{}
		for i, e := range plan {
			seen[e.fault.name]++
			if e.at <= 0 || e.at+e.lasts > storm || e.fault.longest > 0 && e.lasts <= 0 || e.lasts > e.fault.longest || i > 0 && e.at < plan[i-1].at {
				t.Errorf("%s at %s for %s", e.fault.name, e.at, e.lasts)
			}
		}
		for _, f := range faults() {
			if seen[f.name] == 0 {
				t.Errorf("a storm of %s leaves out %s", storm, f.name)
			}
		}
		if storm > time.Minute && seen["worker"] < 30 {
			t.Errorf("workers are killed %d times in %s", seen["worker"], storm)
		}
	}
}

func TestPlanFor_IsTheSeeds(t *testing.T) {
	t.Parallel()
	one := outline(planFor(faults(), time.Minute, 1))
	if diff := cmp.Diff(one, outline(planFor(faults(), time.Minute, 1))); diff != "" {
		t.Errorf("the same seed, another plan: %s", diff)
	}
	if cmp.Equal(one, outline(planFor(faults(), time.Minute, 2))) {
		t.Error("another seed, the same plan")
	}
}

func TestSelect(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		list string
		want []string
		err  error
	}{
		"two, in our order": {"broker, worker", []string{"worker", "broker"}, nil},
		"one misspelt":      {"worker,brokr", nil, ErrFault},
		"none":              {"", nil, ErrFault},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Select(tt.list)
			if !errors.Is(err, tt.err) || !slices.Equal(got, tt.want) {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
	if all, err := Select(All); err != nil || len(all) != len(List()) {
		t.Errorf("all: %v, %v", all, err)
	}
}

func TestNodes(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		faults     []string
		durability string
		want       int
	}{
		"none is killed":                 {[]string{"worker"}, bus.Laptop, 1},
		"one is killed":                  {[]string{"worker", "broker"}, bus.Laptop, 3},
		"all are killed":                 {[]string{"brokers"}, bus.Laptop, 3},
		"none is killed, money at stake": {[]string{"worker"}, bus.Money, 3},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := Nodes(tt.faults, tt.durability); got != tt.want {
				t.Errorf("%d, want %d", got, tt.want)
			}
		})
	}
}
