package wire

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// addGolden seeds f with the golden messages of which the file names begin so.
func addGolden(f *testing.F, prefix string) {
	f.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", prefix+"*.hex"))
	if err != nil || len(files) == 0 {
		f.Fatalf("%s: no golden files, %v", prefix, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(mustHex(f, text))
	}
}

// checkStable checks that data is refused as poison, or else means the same
// after it was written again.
func checkStable[V any](t *testing.T, data []byte, marshal func(V) ([]byte, error), unmarshal func([]byte) (V, error)) {
	t.Helper()
	v, err := unmarshal(data)
	if err != nil {
		if !errors.Is(err, ErrUndecodable) {
			t.Fatalf("error %v, want ErrUndecodable", err)
		}
		return
	}
	written, err := marshal(v)
	if err != nil {
		t.Fatalf("what was read cannot be written: %v", err)
	}
	again, err := unmarshal(written)
	if err != nil {
		t.Fatalf("what was written cannot be read: %v", err)
	}
	if diff := cmp.Diff(v, again, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("changed when written again (-read +read again):\n%s", diff)
	}
}

func FuzzUnmarshalCommand(f *testing.F) {
	addGolden(f, "command")
	f.Fuzz(func(t *testing.T, data []byte) { checkStable(t, data, MarshalCommand, UnmarshalCommand) })
}

func FuzzUnmarshalRecord(f *testing.F) {
	addGolden(f, "event")
	f.Fuzz(func(t *testing.T, data []byte) { checkStable(t, data, MarshalRecord, UnmarshalRecord) })
}

func FuzzUnmarshalCallback(f *testing.F) {
	addGolden(f, "callback")
	f.Fuzz(func(t *testing.T, data []byte) { checkStable(t, data, MarshalCallback, UnmarshalCallback) })
}

func FuzzUnmarshalDeadLetter(f *testing.F) {
	addGolden(f, "dead_letter")
	f.Fuzz(func(t *testing.T, data []byte) { checkStable(t, data, MarshalDeadLetter, UnmarshalDeadLetter) })
}

func FuzzUnmarshalAudit(f *testing.F) {
	for i := range 20 {
		data, err := MarshalAudit(auditRecord().Example(i))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkStable(t, data, MarshalAudit, UnmarshalAudit) })
}
