package stack

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/testkit"
)

func TestPlan_GivesEveryReplicaANameAndAPort(t *testing.T) {
	t.Parallel()
	s := &Stack{opts: Options{Workers: 3, Replicas: 2}}
	if err := s.plan(); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for program, want := range map[string]int{Ingress: 2, Receiver: 2, Tracker: 2, Sender: 2, Simulator: 1, Computop: 3} {
		names := s.Names(program)
		if len(names) != want || (want == 1) != slices.Contains(names, program) {
			t.Errorf("%s runs as %v, want %d", program, names, want)
		}
	}
	for program, first := range map[string]string{
		Ingress: s.URLs().Ingress, Receiver: s.URLs().Notify, Tracker: s.URLs().Tracker, Simulator: s.URLs().Simulator,
	} {
		at := s.At(program)
		if len(at) != len(s.Names(program)) || at[0] != first {
			t.Errorf("%s is at %v, URLs says %s", program, at, first)
		}
		for _, url := range at {
			if seen[url] {
				t.Errorf("%s is given twice", url)
			}
			seen[url] = true
		}
	}
}

// TestRestart_WantsAProperEnd: a service that is asked to stop ends with exit
// status 0, or something was left undone.
func TestRestart_WantsAProperEnd(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ script, want string }{
		"it does":  {"trap 'exit 0' TERM\n>\"$0.set\"\nwhile :; do sleep 0.01; done", ""},
		"it fails": {"trap 'exit 3' TERM\n>\"$0.set\"\nwhile :; do sleep 0.01; done", "exit status 3"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ready := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			defer ready.Close()
			var n notes
			c := script(t, &n, tt.script)
			c.ready = ready.URL
			s := &Stack{children: []*child{c}, http: ready.Client()}
			testkit.Eventually(t, 10*time.Second, func() error { // until the shell has set its trap
				_, err := os.Stat(c.path + ".set")
				return err
			})
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			before := c.current()
			err := s.Restart(ctx, c.name)
			switch {
			case tt.want == "" && (err != nil || c.current() == before):
				t.Errorf("%v; it is the same process: %v", err, c.current() == before)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("%v, want %s", err, tt.want)
			}
		})
	}
}
