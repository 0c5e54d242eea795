package bus_test

import (
	"errors"
	"testing"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/bustest"
)

// TestFill_RefusesAndLosesNothing: full means refused as unavailable, and what was
// stored before is there afterwards.
func TestFill_RefusesAndLosesNothing(t *testing.T) {
	t.Parallel()
	b := bustest.New(t, bus.Topology{})
	before := command("fill-1")
	if _, _, err := b.Accept(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	stream := b.CommandStreams()[0]
	empty, err := b.Fill(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.Accept(t.Context(), command("fill-2")); !errors.Is(err, bus.ErrUnavailable) {
		t.Errorf("a full stream says %v", err)
	}
	if err := empty(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.Accept(t.Context(), command("fill-2")); err != nil {
		t.Errorf("after it was emptied: %v", err)
	}
	if _, err := b.Command(t.Context(), before.Merchant, before.ID); err != nil {
		t.Errorf("what was stored before: %v", err)
	}
	state, err := b.StreamState(t.Context(), stream)
	if err != nil || state.LastSeq != 2 || state.FirstSeq != 1 {
		t.Errorf("%+v, %v", state, err)
	}
}
