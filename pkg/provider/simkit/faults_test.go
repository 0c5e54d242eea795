package simkit

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestTrouble_WhatTheClientSees plays every fault of calls to a real client.
func TestTrouble_WhatTheClientSees(t *testing.T) {
	t.Parallel()
	cases := map[Fault]struct {
		status int // 0: no answer
		body   string
	}{
		FaultSlow:          {200, "fine"},
		FaultTimeoutBefore: {}, FaultTimeoutAfter: {},
		FaultResetBefore: {}, FaultResetAfter: {},
		FaultHTTP500Before: {500, "internal server error\n"}, FaultHTTP500After: {500, "internal server error\n"},
		FaultGarbageBefore: {200, "noise"}, FaultGarbageAfter: {200, "noise"},
		FaultEmptyBefore: {200, ""}, FaultEmptyAfter: {200, ""},
		FaultThrottled: {429, ""}, FaultUnavailable: {503, ""},
		"none": {200, "fine"},
	}
	trouble := NewTrouble(t.Context(), time.Now, "noise")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fault := Fault(strings.TrimPrefix(r.URL.Path, "/"))
		if trouble.Before(w, r, fault, time.Millisecond) || trouble.After(w, r, fault, time.Millisecond) {
			return
		}
		_, _ = io.WriteString(w, "fine")
	}))
	t.Cleanup(server.Close)
	for fault, want := range cases {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/"+string(fault), nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := server.Client().Do(req)
		if err != nil {
			if want.status != 0 {
				t.Errorf("%s: %v", fault, err)
			}
			continue
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || res.StatusCode != want.status || (want.status < 429 && string(body) != want.body) {
			t.Errorf("%s: status %d, body %q, %v; want %d, %q", fault, res.StatusCode, body, err, want.status, want.body)
		}
		if (want.status == 429 || want.status == 503) && res.Header.Get("Retry-After") == "" {
			t.Errorf("%s does not say when to come again", fault)
		}
	}
}

func TestFaults_AreKnownByName(t *testing.T) {
	t.Parallel()
	calls, callbacks := CallFaults("own"), CallbackFaults()
	if !calls["own"] || !calls[FaultThrottled] || calls[FaultForged] || !callbacks[FaultForged] || callbacks[FaultSlow] {
		t.Errorf("calls %v, callbacks %v", calls, callbacks)
	}
	for _, bad := range []Trigger{{Nth: -1}, {Every: -1}, {Times: -1}, {Probability: -0.1}, {Probability: 1.1}} {
		if bad.Valid() {
			t.Errorf("%+v is taken for a trigger", bad)
		}
	}
	if ok := (Trigger{Nth: 1, Every: 2, Times: 3, Probability: 1}); !ok.Valid() {
		t.Error("a good trigger is refused")
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://sim.example:8083/x?y=1", nil)
	if got := BaseOf(r); got != "http://sim.example:8083" {
		t.Errorf("base %q", got)
	}
	if got := WithQuery("https://shop.example/a", "b=1") + " " + WithQuery("https://shop.example/a?c=2", "b=1"); got != "https://shop.example/a?b=1 https://shop.example/a?c=2&b=1" {
		t.Errorf("with a query: %q", got)
	}
}

func TestSelect(t *testing.T) {
	t.Parallel()
	odd := func(n int) bool { return n%2 == 1 }
	for limit, want := range map[int][]int{0: {1, 3, 5}, 2: {1, 3}} {
		if d := cmp.Diff(want, Select([]int{1, 2, 3, 4, 5}, limit, odd)); d != "" {
			t.Errorf("at most %d: %s", limit, d)
		}
	}
	if none := Select([]int{2}, 0, odd); none == nil || len(none) != 0 {
		t.Errorf("nothing is %v, want an empty list", none)
	}
}
