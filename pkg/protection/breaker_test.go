package protection_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/protection"
)

var rules = protection.Rules{
	MinCalls: 4, Ratio: 0.5, Window: 10 * time.Second, Open: time.Second, MostOpen: 8 * time.Second, Trial: 2 * time.Second,
}

func TestBreaker_Opens(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		good, bad int
		open      bool
	}{
		"all well":                  {100, 0, false},
		"too few to tell":           {0, 3, false},
		"half of enough":            {2, 2, true},
		"fewer than half":           {5, 4, false},
		"everything fails":          {0, 4, true},
		"one bad call opens no one": {0, 1, false},
	} {
		if b := (protection.Breaker{}).Count(rules, epoch, tc.good, tc.bad); b.Closed() == tc.open {
			t.Errorf("%s: %d good, %d bad: %s", name, tc.good, tc.bad, b.State)
		}
	}
}

func TestBreaker_ForgetsWhatIsLongAgo(t *testing.T) {
	t.Parallel()
	b := protection.Breaker{}.Count(rules, epoch, 0, 3)
	b = b.Count(rules, epoch.Add(rules.Window+time.Millisecond), 0, 3)
	if !b.Closed() || b.Bad != 3 {
		t.Errorf("%s with %d bad calls in the window, want closed with 3", b.State, b.Bad)
	}
}

func TestBreaker_RefusedOpensAtOnce(t *testing.T) {
	t.Parallel()
	b := protection.Breaker{}.Refuse(rules, epoch)
	if b.State != protection.Open || b.Cause != protection.ByConfiguration {
		t.Errorf("%s by %s", b.State, b.Cause)
	}
}

// TestBreaker_AsksBeforeItPays: a trial is an inquiry while there is something to
// ask about, each once, and then a real call.
func TestBreaker_AsksBeforeItPays(t *testing.T) {
	t.Parallel()
	doubt := protection.Doubt{Payment: "order-1", Command: "c1"}
	b := protection.Breaker{}.Count(rules, epoch, 0, 4, doubt, doubt)
	if _, _, ok := b.Try(rules, "a", epoch); ok {
		t.Fatal("a trial while it is to be left alone")
	}
	now := b.RetryAt
	b, trial, ok := b.Try(rules, "a", now)
	if !ok || trial.Doubt == nil || *trial.Doubt != doubt || !b.Asks("c1", now) {
		t.Fatalf("first trial: %+v, %v; want an inquiry", trial, ok)
	}
	if _, _, ok := b.Try(rules, "b", now.Add(time.Second)); ok {
		t.Error("two trials at once")
	}
	now = now.Add(rules.Trial) // nothing came of it
	b, trial, ok = b.Try(rules, "b", now)
	if !ok || trial.Doubt != nil {
		t.Fatalf("second trial: %+v, %v; want a real call", trial, ok)
	}
	if b = b.Succeed(now); !b.Closed() || b.Bad != 0 {
		t.Errorf("after a trial that went well: %+v", b)
	}
}

func TestBreaker_WaitsLongerEveryTime(t *testing.T) {
	t.Parallel()
	b, now := protection.Breaker{}.Count(rules, epoch, 0, 4), epoch
	for _, seconds := range []int{1, 2, 4, 8, 8} {
		want := time.Duration(seconds) * time.Second
		if got := b.RetryAt.Sub(now); got != want {
			t.Errorf("left alone for %s, want %s", got, want)
		}
		now = b.RetryAt
		b, _, _ = b.Try(rules, "a", now)
		b = b.Fail(rules, now)
	}
	b = b.Succeed(b.RetryAt)
	if again := b.Count(rules, b.Since, 0, 4); again.RetryAt.Sub(again.Since) != rules.MostOpen {
		t.Errorf("opened again at once, it is left alone for %s", again.RetryAt.Sub(again.Since))
	}
	if later := b.Count(rules, b.Since.Add(time.Hour), 0, 4); later.RetryAt.Sub(later.Since) != rules.Open {
		t.Errorf("opened after an hour, it is left alone for %s", later.RetryAt.Sub(later.Since))
	}
}

// TestBreaker_Machine: whatever happens in whatever order, at most one trial is
// under way, none begins early, and only a success when one is due closes it.
func TestBreaker_Machine(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var b protection.Breaker
		now, trialUntil := epoch, time.Time{}
		t.Repeat(map[string]func(*rapid.T){
			"time": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(1, 5000).Draw(t, "ms")) * time.Millisecond)
			},
			"count": func(t *rapid.T) {
				before := b
				b = b.Count(rules, now, rapid.IntRange(0, 5).Draw(t, "good"), rapid.IntRange(0, 5).Draw(t, "bad"),
					protection.Doubt{Command: payment.CommandID(rapid.StringMatching("[a-d]").Draw(t, "command"))})
				if !before.Closed() && b.State != before.State {
					t.Fatalf("late outcomes made it %s", b.State)
				}
			},
			"try": func(t *rapid.T) {
				before := b
				next, trial, ok := b.Try(rules, "a", now)
				if ok && (before.Closed() || now.Before(before.RetryAt) || now.Before(trialUntil)) {
					t.Fatalf("a trial at %s of %+v", now, before)
				}
				if b = next; ok {
					trialUntil = trial.Until
				}
			},
			"succeed": func(t *rapid.T) {
				early := now.Before(b.RetryAt)
				was := b.Closed()
				b = b.Succeed(now)
				if !was && b.Closed() && early {
					t.Fatal("closed while it was to be left alone")
				}
				if b.Closed() {
					trialUntil = time.Time{}
				}
			},
			"fail": func(*rapid.T) {
				before := b
				if b = b.Fail(rules, now); before.State != b.State || !before.RetryAt.Equal(b.RetryAt) {
					trialUntil = time.Time{}
				}
			},
			"abandon": func(*rapid.T) {
				if b = b.Abandon("a"); b.Trial == nil {
					trialUntil = time.Time{}
				}
			},
			"": func(t *rapid.T) {
				if len(b.Doubts) > 8 {
					t.Fatalf("%d doubts are remembered", len(b.Doubts))
				}
				if (b.State == protection.HalfOpen) != (b.Trial != nil) {
					t.Fatalf("%s with trial %v", b.State, b.Trial)
				}
			},
		})
	})
}

func TestSwitch_Lets(t *testing.T) {
	t.Parallel()
	for mode, want := range map[protection.Mode][3]bool{
		"":                  {true, true, true},
		protection.Running:  {true, true, true},
		protection.Paused:   {false, false, false},
		protection.Draining: {false, true, true},
	} {
		for purpose, lets := range want {
			if got := (protection.Switch{Mode: mode}).Lets(protection.Purpose(purpose)); got != lets {
				t.Errorf("%q lets purpose %d: %v", mode, purpose, got)
			}
		}
	}
}

func TestKey_RoundTrips(t *testing.T) {
	t.Parallel()
	for _, a := range []protection.Account{
		{Provider: payment.Computop},
		{Provider: payment.Computop, Merchant: "demo"},
		{Provider: payment.Axerve, Merchant: "demo", Name: "eu-1_x"},
	} {
		r, got, ok := protection.ParseKey(protection.Key(protection.BreakerRecord, a))
		if !ok || r != protection.BreakerRecord || got != a {
			t.Errorf("%s came back as %s of %s, %v", a, r, got, ok)
		}
	}
	if _, _, ok := protection.ParseKey("switch.computop.demo"); ok {
		t.Error("a key of three words was read")
	}
}
