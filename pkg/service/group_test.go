package service_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/service"
)

// journal notes the order in which things happen.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) note(line string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, line)
}

// untilEnd is a component that works until it is asked to stop, then takes a second.
func (j *journal) untilEnd(name string, err error) func(context.Context) error {
	return func(ctx context.Context) error {
		<-ctx.Done()
		j.note(name + " stops")
		time.Sleep(time.Second)
		j.note(name + " stopped")
		return err
	}
}

func TestGroup_StopsInReverseOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var j journal
		var g service.Group
		g.Add("db", j.untilEnd("db", nil))
		g.Add("api", j.untilEnd("api", context.Canceled))
		if err := g.Run(ctx); err != nil {
			t.Errorf("error %v", err)
		}
		want := []string{"api stops", "api stopped", "db stops", "db stopped"}
		if d := cmp.Diff(want, j.lines); d != "" {
			t.Error(d)
		}
	})
}

func TestGroup_OneThatEndsStopsAll(t *testing.T) {
	t.Parallel()
	errBroken, errLate := errors.New("broken"), errors.New("late")
	tests := map[string]struct {
		end  error
		want string
	}{
		"with an error":    {errBroken, "api: late\nconsumer: broken"},
		"without an error": {nil, "api: late\nconsumer: ended without being asked to"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var j journal
				var g service.Group
				g.Add("db", j.untilEnd("db", nil))
				g.Add("consumer", func(context.Context) error { time.Sleep(time.Second); return tt.end })
				g.Add("api", j.untilEnd("api", errLate))
				err := g.Run(t.Context())
				if err == nil || err.Error() != tt.want {
					t.Errorf("error %q, want %q", err, tt.want)
				}
				if tt.end != nil && !errors.Is(err, errBroken) || !errors.Is(err, errLate) {
					t.Errorf("a cause is lost in %v", err)
				}
				if tt.end == nil && !errors.Is(err, service.ErrEnded) {
					t.Errorf("not ErrEnded: %v", err)
				}
			})
		})
	}
}
