package pgbox

import (
	"slices"
	"testing"
)

// TestCommand_CarriesTheMarkOfARun: a server that is left behind is known by it, and
// nothing else of ours reaches it.
func TestCommand_CarriesTheMarkOfARun(t *testing.T) {
	t.Setenv(RunMark, "1.2")
	t.Setenv("PGPORT", "1")
	env := (&owner{}).command(t.Context(), "true").Env
	if !slices.Contains(env, RunMark+"=1.2") {
		t.Errorf("%v has no mark", env)
	}
	if slices.Contains(env, "PGPORT=1") {
		t.Errorf("%v has what is not for it", env)
	}
}
