package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/callback"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/services/internal/servicetest"
)

// reverified is what callbacks reverify prints for programs.
type reverified struct {
	Callbacks []callback.Line `json:"callbacks"`
	Counts    callback.Counts `json:"counts"`
	DryRun    bool            `json:"dry_run"`
}

func (r *gateRig) mustReverify(args ...string) reverified {
	r.t.Helper()
	got := payctl(r.t, r.environ(), "", append([]string{"callbacks", "reverify", "--json", "--since", "1h"}, args...)...)
	var out reverified
	if err := json.Unmarshal([]byte(got.out), &out); err != nil || got.code != 0 {
		r.t.Fatalf("exit code %d, %v\n%s%s", got.code, err, got.out, got.err)
	}
	return out
}

// TestReverify has callbacks that nobody has interpreted.
func TestReverify(t *testing.T) {
	t.Parallel()
	r := newGateRig(t)
	stop := r.work(r.worker())
	r.payOut("payout-0")
	servicetest.Eventually(t, "the provider has called back", func() bool {
		s, err := r.broker.StreamState(t.Context(), bus.CallbackStream)
		return err == nil && s.Messages > 0
	})
	stop()
	head, err := r.broker.Load(t.Context(), "demo", "payout-0")
	if err != nil || head.Payment.State == payment.StatePaid {
		t.Fatalf("paid before anybody interpreted the callback: %v", err)
	}

	dry := r.mustReverify("--which", "all", "--dry-run")
	if !dry.DryRun || dry.Counts[callback.Applied] == 0 || len(dry.Callbacks) == 0 {
		t.Errorf("%+v", dry)
	}
	if after, err := r.broker.Load(t.Context(), "demo", "payout-0"); err != nil || after.Seq != head.Seq || len(r.mustAudit()) != 0 {
		t.Fatalf("a dry run has stored something: %+v, %v", after, err)
	}
	if other := r.mustReverify("--which", "all", "--provider", "axerve", "--dry-run"); len(other.Callbacks) != 0 {
		t.Errorf("another provider's: %+v", other)
	}
	if later := r.mustReverify("--which", "all", "--until", "30m", "--dry-run"); len(later.Callbacks) != 0 {
		t.Errorf("of before half an hour: %+v", later)
	}

	done := r.mustReverify("--which", "all", "--merchant", "demo", "--actor", "alex", "--reason", "key put right")
	if done.Counts[callback.Applied] != dry.Counts[callback.Applied] {
		t.Errorf("%+v, the dry run said %+v", done, dry)
	}
	if p, _, err := r.broker.Find(t.Context(), "demo", "payout-0"); err != nil || p.State != payment.StatePaid {
		t.Errorf("%s, %v", p.State, err)
	}
	again := r.mustReverify("--which", "all", "--reason", "once more")
	if again.Counts[callback.Applied] != 0 || again.Counts[callback.Known] == 0 {
		t.Errorf("again: %+v", again)
	}
	audit := r.mustAudit("--action", reverifyAction)
	if len(audit) != 2 || audit[0].Actor != "alex" || audit[0].Result != "done" || !strings.Contains(audit[0].Detail, "applied") || !strings.Contains(audit[0].Object, "all callbacks since") {
		t.Errorf("%+v", audit)
	}
}

func TestReverify_Asks(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ args, hint string }{
		"no reason":  {"--since 1h", "--reason"},
		"no choice":  {"--since 1h --which some", "--which"},
		"no rate":    {"--since 1h --rate x", "--rate"},
		"in future":  {"--since 1h --until -1h", "--until"},
		"from never": {"--reason x", "--since"},
	} {
		if got := payctl(t, nil, "", append([]string{"callbacks", "reverify"}, strings.Fields(tt.args)...)...); got.code != 2 || !strings.Contains(got.err, tt.hint) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
