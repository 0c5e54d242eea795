package testkit

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// watched is a test whose end is seen by another.
type watched struct {
	testing.TB
	end string
}

// ended stops the watched test, as Goexit stops a real one.
type ended struct{}

func (w *watched) Helper() {}

func (w *watched) Skip(args ...any) {
	w.end = "skipped: " + fmt.Sprint(args...)
	panic(ended{})
}

func (w *watched) Fatalf(format string, args ...any) {
	w.end = "failed: " + fmt.Sprintf(format, args...)
	panic(ended{})
}

// watch returns how the test in f ended, "" for well.
func watch(t *testing.T, f func(tb testing.TB)) (end string) {
	t.Helper()
	w := &watched{TB: t}
	defer func() {
		if v := recover(); v != nil && v != (ended{}) {
			panic(v)
		}
		end = w.end
	}()
	f(w)
	return ""
}

func TestEventually_WaitsForTheCondition(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		end := watch(t, func(tb testing.TB) {
			Eventually(tb, time.Minute, func() error {
				if time.Since(begin) < 3*time.Second {
					return errors.New("too early")
				}
				return nil
			})
		})
		if took := time.Since(begin); end != "" || took < 3*time.Second || took > 3*time.Second+maxPause {
			t.Errorf("ended %q after %v", end, took)
		}
	})
}

func TestEventually_TellsTheLastError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin, n := time.Now(), 0
		end := watch(t, func(tb testing.TB) {
			Eventually(tb, time.Second, func() error { n++; return fmt.Errorf("try %d", n) })
		})
		if want := fmt.Sprintf("failed: not within 1s: try %d", n); end != want || n < 10 {
			t.Errorf("ended %q, want %q", end, want)
		}
		if took := time.Since(begin); took > time.Second {
			t.Errorf("took %v", took)
		}
	})
}
