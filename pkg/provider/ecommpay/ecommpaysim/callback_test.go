package ecommpaysim

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/provider/ecommpay/gate"
	"github.com/payloom/payloom/pkg/provider/simkit"
)

// The tests with a clockwork run in a bubble of synctest, where a day passes in no
// time. Nothing in them may use a socket; that every goroutine ends is checked by
// the bubble.

// clockwork is a simulator without sockets whose callbacks a function answers.
type clockwork struct {
	t   *testing.T
	sim *Simulator
	ans func(try int) int

	mu sync.Mutex
	at []time.Time // when callbacks were tried
}

func newClockwork(t *testing.T, answer func(try int) int) *clockwork {
	t.Helper()
	c := &clockwork{t: t, ans: answer}
	cfg := testConfig()
	cfg.TimeScale, cfg.CallbackClient = 1, &http.Client{Transport: c}
	sim, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c.sim = sim
	t.Cleanup(sim.Close)
	return c
}

// RoundTrip implements http.RoundTripper.
func (c *clockwork) RoundTrip(req *http.Request) (*http.Response, error) {
	_, _ = io.Copy(io.Discard, req.Body)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = append(c.at, time.Now())
	return &http.Response{StatusCode: c.ans(len(c.at)), Body: http.NoBody, Request: req}, nil
}

// tried returns when callbacks were tried, after the first.
func (c *clockwork) tried() []time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := []time.Duration{}
	for _, at := range c.at {
		out = append(out, at.Sub(c.at[0]))
	}
	return out
}

func (c *clockwork) post(path string, o object, place gate.Place) *httptest.ResponseRecorder {
	c.t.Helper()
	r := &rig{t: c.t}
	req := httptest.NewRequestWithContext(c.t.Context(), http.MethodPost, path, bytes.NewReader(r.sealed(o, place)))
	req.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	c.sim.ServeHTTP(w, req)
	return w
}

func (c *clockwork) payout(id string) {
	c.t.Helper()
	if w := c.post(payoutPath, (&rig{}).request(id, 10000), gate.InGeneral); w.Code != http.StatusOK {
		c.t.Fatalf("payout: %s", w.Body)
	}
}

func TestCallback_Schedule(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newClockwork(t, func(int) int { return http.StatusInternalServerError })
		c.payout("P")
		time.Sleep(20 * 24 * time.Hour)
		got := c.tried()
		if len(got) != maxTries {
			t.Fatalf("%d tries", len(got))
		}
		for n, want := range map[int]time.Duration{2: 10 * time.Second, 6: 50 * time.Second} {
			if got[n-1] != want {
				t.Errorf("try %d after %s, want %s", n, got[n-1], want)
			}
		}
		// The documentation's own figures: the seventh after 84 s more, about
		// thirty in the first hour, four hours apart from the 69th on.
		if gap := (got[6] - got[5]).Round(time.Second); gap != 84*time.Second {
			t.Errorf("the seventh came after %s", gap)
		}
		hour := slices.IndexFunc(got, func(d time.Duration) bool { return d > time.Hour })
		if hour < 27 || hour > 33 {
			t.Errorf("%d tries in the first hour", hour)
		}
		if got[68]-got[67] != 4*time.Hour || got[67]-got[66] >= 4*time.Hour {
			t.Errorf("gaps of %s and %s", got[67]-got[66], got[68]-got[67])
		}
		if last := got[maxTries-1]; last < 10*24*time.Hour || last > 11*24*time.Hour {
			t.Errorf("the last after %s", last)
		}
		if s := c.sim.Stats(); s.CallbacksGivenUp != 1 || s.CallbacksSent != maxTries || s.UnderWay != 0 {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestCallback_StopsAt200(t *testing.T) {
	t.Parallel()
	for name, status := range map[string]int{"no content": 204, "redirect": 302, "not found": 404} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newClockwork(t, func(try int) int {
					if try < 3 {
						return status
					}
					return 200
				})
				c.payout("P")
				time.Sleep(48 * time.Hour)
				if diff := cmp.Diff([]time.Duration{0, 10 * time.Second, 20 * time.Second}, c.tried()); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestClose_LetsGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newClockwork(t, func(int) int { return 500 })
		c.payout("P")
		time.Sleep(time.Minute)
		if _, err := c.sim.AddRule(Rule{Operation: OpStatus, Fault: simkit.FaultTimeoutBefore}); err != nil {
			t.Fatal(err)
		}
		ended := make(chan any, 1)
		go func() {
			defer func() { ended <- recover() }()
			c.post(statusPath, object{"general": object{"project_id": project, "payment_id": "P"}}, gate.InGeneral)
		}()
		synctest.Wait()
		c.sim.Close()
		c.sim.Close()
		if got, ok := (<-ended).(error); !ok || !errors.Is(got, http.ErrAbortHandler) {
			t.Errorf("a held call ended with %v", got)
		}
		if n := c.sim.Stats().UnderWay; n != 0 {
			t.Errorf("%d under way after Close", n)
		}
	})
}

func TestCallbackFaults(t *testing.T) {
	t.Parallel()
	const good = "genuine success payout 0"
	cases := map[Fault]struct {
		rule Rule
		want []string
	}{
		simkit.FaultDuplicate: {Rule{Count: 2}, []string{good, good, good}},
		simkit.FaultLate:      {Rule{Delay: 20 * time.Millisecond}, []string{good}},
		simkit.FaultReordered: {Rule{Delay: 20 * time.Millisecond}, []string{good}},
		simkit.FaultLost:      {Rule{Count: 2}, []string{good}},
		simkit.FaultVanish:    {Rule{}, nil},
		simkit.FaultForged:    {Rule{}, []string{"forged success payout 0", good}},
		FaultUnsigned:         {Rule{}, []string{"forged success payout 0", good}},
		FaultAmbiguous:        {Rule{}, []string{"ambiguous success payout 0"}},
	}
	if len(cases) != len(callbackFaults) {
		t.Errorf("%d of %d faults are tried", len(cases), len(callbackFaults))
	}
	for fault, c := range cases {
		t.Run(string(fault), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			c.rule.Fault, c.rule.Operation = fault, OpCallbackSuccess
			if _, err := r.sim.AddRule(c.rule); err != nil {
				t.Fatal(err)
			}
			r.accepted("P", 10000)
			r.quiet()
			got := r.callbacks()
			slices.Sort(got)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A callback that is kept back comes after the one that follows it.
func TestCallback_Reordered(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if _, err := r.sim.AddRule(Rule{Fault: simkit.FaultReordered, Operation: OpCallbackSuccess, Delay: time.Hour}); err != nil {
		t.Fatal(err)
	}
	r.accepted("P", 10094)
	want := []string{"genuine reversed payout reversal 0", good}
	for deadline := time.Now().Add(10 * time.Second); len(r.shop.all()) < 2 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if diff := cmp.Diff(want, r.callbacks()); diff != "" {
		t.Error(diff)
	}
}

const good = "genuine success payout 0"

// Nobody is told where there is no address; the project's serves where the request
// names none.
func TestCallback_Address(t *testing.T) {
	t.Parallel()
	shop := newReceiver(t)
	for name, url := range map[string]string{"none": "", "the project's": shop.server.URL} {
		r := newRig(t, func(c *Config) { c.Projects[0].CallbackURL = url })
		r.payout(set(r.request("P", 10000), "general.merchant_callback_url", nil))
		r.quiet()
		if sent := r.sim.Stats().CallbacksSent; (sent == 1) != (url != "") {
			t.Errorf("%s: %d callbacks", name, sent)
		}
	}
	if len(shop.all()) != 1 {
		t.Errorf("%d came", len(shop.all()))
	}
}

// A repeat is the same, byte for byte.
func TestCallback_Repeat(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.shop.answer(http.StatusServiceUnavailable, http.StatusNoContent)
	r.accepted("P", 10000)
	r.quiet()
	got := r.shop.all()
	if len(got) != 3 || !bytes.Equal(got[0], got[1]) || !bytes.Equal(got[1], got[2]) {
		t.Errorf("%d callbacks: %q", len(got), got)
	}
	if s := r.sim.Stats(); s.CallbacksSent != 3 || s.CallbacksAnswered != 1 {
		t.Errorf("stats %+v", s)
	}
}
