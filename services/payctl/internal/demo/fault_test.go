package demo

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/payloom/payloom/pkg/provider/computop/computopsim"
	"github.com/payloom/payloom/services/payctl/internal/api"
)

// TestFault_IsPlantedForManyAtOnce: one fault serves many payments, and each gets a
// rule of its own.
func TestFault_IsPlantedForManyAtOnce(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var rule computopsim.Rule
		if err := json.NewDecoder(r.Body).Decode(&rule); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		got = append(got, rule.TransID)
		_ = json.NewEncoder(w).Encode(rule)
	}))
	defer server.Close()
	env := Env{Computop: api.NewComputop(server.URL, 4)}
	silent := atComputop(computopsim.Rule{Operation: computopsim.OpCapture, Fault: computopsim.FaultTimeoutAfter})
	var want []string
	var all sync.WaitGroup
	for i := range 20 {
		id := strconv.Itoa(i)
		want = append(want, id)
		all.Go(func() {
			if _, err := silent(t.Context(), env, id); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("rules for %v, want %v", got, want)
	}
}
