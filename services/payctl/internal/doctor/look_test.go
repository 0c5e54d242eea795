package doctor

import (
	"context"
	"strings"
	"testing"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/bustest"
)

// finding returns the finding with an id.
func finding(t *testing.T, v Vitals, id string) Finding {
	t.Helper()
	for _, f := range Judge(v) {
		if f.ID == id {
			return f
		}
	}
	t.Fatalf("there is no finding %s", id)
	return Finding{}
}

// TestLook_SaysWhatCannotBeRead: nothing is ok only because nobody could look.
func TestLook_SaysWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	cfg := bustest.Server(t)
	bustest.Provision(t, cfg, bus.Topology{})
	b := bustest.Connect(t, cfg, bus.Operator)
	survey, err := b.Survey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	v := Vitals{Broker: &survey, Laptop: true}
	v.readStreams(ctx, b)
	for id, want := range map[string]Level{"advisories.max_deliveries": OK, "dead.letters": OK, "audit.chain": OK} {
		if f := finding(t, v, id); f.Level != want {
			t.Errorf("all can be read: %+v", f)
		}
	}
	cancel()
	v.readStreams(ctx, b)
	for _, id := range []string{"advisories.max_deliveries", "dead.letters", "audit.chain"} {
		if f := finding(t, v, id); f.Level != Warn || !strings.Contains(f.Is, "cannot be read") {
			t.Errorf("the broker does not answer any more: %+v", f)
		}
	}
	for i := range survey.Streams {
		survey.Streams[i].Missing = true
	}
	v.readStreams(t.Context(), b)
	for id, stream := range map[string]string{"advisories.max_deliveries": bus.AdvisoryStream, "dead.letters": bus.DeadStream, "audit.chain": bus.AuditStream} {
		if f := finding(t, v, id); f.Level != Warn || !strings.Contains(f.Is, "stream "+stream+" is missing") {
			t.Errorf("the stream is missing: %+v", f)
		}
	}
}
