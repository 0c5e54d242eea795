package main

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/services/state-tracker/internal/store"
)

// TestSweepStats_FinalWord: how long a provider owes its final word is counted from
// when it took the operation, and is not held against the worker.
func TestSweepStats_FinalWord(t *testing.T) {
	t.Parallel()
	now, s := time.Now(), newSweepStats()
	s.operations([]store.Open{{
		Provider: payment.Axerve, Status: string(payment.OpPending), Count: 2, Oldest: now.Add(-25 * time.Hour), Accepted: now.Add(-30 * time.Hour),
	}}, now, none{})
	if age := testutil.ToFloat64(s.pendingAt.WithLabelValues("axerve")); age != 25*3600 {
		t.Errorf("the oldest is %g seconds old, want %d", age, 25*3600)
	}
	if n := testutil.CollectAndCount(s.oldest); n != 0 {
		t.Errorf("%d commands wait for a worker, want none", n)
	}
	s.operations(nil, now, none{})
	if n := testutil.CollectAndCount(s.pendingAt); n != 0 {
		t.Errorf("%d providers owe a final word, want none", n)
	}
}
