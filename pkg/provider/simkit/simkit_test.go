package simkit

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type rule struct {
	ID, Hits int
	Trigger  Trigger
	Fault    Fault
}

func newRules(seed Seed) *Faults[rule] {
	return NewFaults(seed, func(r rule) Trigger { return r.Trigger }, func(r rule, id, hits int) rule {
		r.ID, r.Hits = id, hits
		return r
	})
}

func anyRule(rule) bool { return true }

func TestFaults_TheOldestThatAppliesWins(t *testing.T) {
	t.Parallel()
	f := newRules(1)
	f.Add(rule{Fault: FaultSlow, Trigger: Trigger{Operation: "pay", Nth: 2, Times: 1}})
	f.Add(rule{Fault: FaultLate, Trigger: Trigger{Reference: "p-1"}})
	f.Add(rule{Fault: FaultLost, Trigger: Trigger{Suffix: "-2", Account: "a"}})
	var got []Fault
	for _, o := range []Occasion{
		{"pay", "a", "p-1"}, {"pay", "a", "p-1"}, {"pay", "a", "p-1"}, {"read", "a", "p-2"}, {"read", "b", "p-2"},
	} {
		r, _ := f.Pick(o, anyRule)
		got = append(got, r.Fault)
	}
	if diff := cmp.Diff([]Fault{FaultLate, FaultSlow, FaultLate, FaultLost, ""}, got); diff != "" {
		t.Error(diff)
	}
	if all := f.List(); len(all) != 3 || all[0].Hits != 1 || all[1].Hits != 2 || all[1].ID != 2 {
		t.Errorf("%+v", all)
	}
	if _, hit := f.Pick(Occasion{Reference: "p-1"}, func(r rule) bool { return r.Fault == FaultReordered }); hit {
		t.Error("a rule that does not concern the occasion applied")
	}
	if !f.Remove(2) || f.Remove(2) {
		t.Error("removing")
	}
	f.Clear()
	if len(f.List()) != 0 {
		t.Error("clearing")
	}
}

func TestTimers_RunInOrderAndStop(t *testing.T) {
	t.Parallel()
	var busy Busy
	timers := NewTimers(&busy)
	ran := make(chan int, 3)
	timers.After(2*time.Millisecond, func() { ran <- 2 })
	timers.After(time.Millisecond, func() { ran <- 1 })
	if err := busy.Wait(t.Context()); err != nil || <-ran != 1 || <-ran != 2 {
		t.Errorf("out of order, %v", err)
	}
	timers.After(time.Hour, func() { ran <- 3 })
	timers.Close()
	timers.Close()
	timers.After(0, func() { ran <- 3 })
	if len(ran) != 0 || busy.Count() != 0 {
		t.Errorf("%d ran, %d under way", len(ran), busy.Count())
	}
}

func TestBusy_WaitEndsWithTheContext(t *testing.T) {
	t.Parallel()
	var busy Busy
	busy.Add(1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := busy.Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestCourier_DeliversAllAndDropsTheRest(t *testing.T) {
	t.Parallel()
	var busy Busy
	var mu sync.Mutex
	got := map[int]bool{}
	c := NewCourier(3, &busy, func(n int) {
		mu.Lock()
		defer mu.Unlock()
		got[n] = true
	})
	for n := range 100 {
		c.Send(n)
	}
	if err := busy.Wait(t.Context()); err != nil || len(got) != 100 {
		t.Errorf("%d delivered, %v", len(got), err)
	}
	c.Close()
	c.Send(100)
	if busy.Count() != 0 {
		t.Errorf("%d under way after the end", busy.Count())
	}
}

func TestAnswered(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, "/", http.StatusFound)
		case "/hold":
			<-r.Context().Done()
		}
	}))
	t.Cleanup(server.Close)
	client := CallbackClient(1)
	t.Cleanup(client.CloseIdleConnections)
	for path, want := range map[string]bool{"/": true, "/away": false, "/hold": false, "://": false} {
		got := Answered(t.Context(), client, 50*time.Millisecond, func(ctx context.Context) (*http.Request, error) {
			return http.NewRequestWithContext(ctx, http.MethodGet, server.URL+path, nil)
		})
		if got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
}

func TestTrouble_EndsWithTheSimulator(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	trouble := NewTrouble(ctx, time.Now, "noise")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		trouble.Before(w, r, Fault(strings.TrimPrefix(r.URL.Path, "/")), 0)
	}))
	t.Cleanup(server.Close)
	cancel()
	for _, fault := range []Fault{FaultTimeoutBefore, FaultTimeoutLate, FaultResetBefore} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/"+string(fault), nil)
		if err != nil {
			t.Fatal(err)
		}
		if res, err := server.Client().Do(req); err == nil {
			_ = res.Body.Close()
			t.Errorf("%s: answered %s", fault, res.Status)
		}
	}
}

func TestControl(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	c := NewControl(mux, "/control/x")
	trouble := NewTrouble(t.Context(), time.Now, "")
	c.RouteTrouble(trouble)
	c.Route("GET", "/gone", func(*http.Request) (any, error) { return nil, ErrNotFound })
	c.Route("GET", "/over", func(*http.Request) (any, error) { return nil, ErrConflict })
	c.Route("GET", "/count", func(r *http.Request) (any, error) { return Count(r, "n") })
	for call, want := range map[[3]string]int{
		{"GET", "/gone", ""}:                              404,
		{"GET", "/over", ""}:                              409,
		{"GET", "/count?n=5", ""}:                         200,
		{"GET", "/count?n=-5", ""}:                        400,
		{"POST", "/latency", `{"latency":"1ms"}`}:         200,
		{"POST", "/latency", `{"late":"1ms"}`}:            400,
		{"POST", "/outage", `{"duration":"1h"}`}:          200,
		{"POST", "/outage", `{"duration":"1h","x":"1h"}`}: 400,
	} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), call[0], "/control/x"+call[1], strings.NewReader(call[2])))
		if w.Code != want {
			t.Errorf("%v: %d, want %d", call, w.Code, want)
		}
	}
	w := httptest.NewRecorder()
	if trouble.Admit(w, httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)) || w.Code != 503 || w.Header().Get("Retry-After") != "3600" {
		t.Errorf("outage: %d, %v", w.Code, w.Header())
	}
}

func TestSeed(t *testing.T) {
	t.Parallel()
	if Seed(1).HexID("a", "bc") == Seed(1).HexID("ab", "c") || Seed(1).HexID("a") == Seed(2).HexID("a") {
		t.Error("different things share an id")
	}
	if Seed(1).Random("a").Uint64() != Seed(1).Random("a").Uint64() || Seed(1).Number("a") == Seed(1).Number("b") {
		t.Error("not repeatable")
	}
}

func TestCheckBaseURL(t *testing.T) {
	t.Parallel()
	for base, good := range map[string]bool{"": true, "http://h:1/p": true, "http://h/": false, "h": false, "http://h?x": false} {
		if err := CheckBaseURL(base); (err == nil) != good {
			t.Errorf("%q: %v", base, err)
		}
	}
}
