package conf_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/conf"
)

func TestUsage(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := conf.Usage(&config{Kept: "as before", Holder: plainName}, &out); err != nil {
		t.Fatal(err)
	}
	// Columns are separated by at least two spaces; their width is of no interest here.
	var got [][]string
	for line := range strings.Lines(out.String()) {
		var cells []string
		for cell := range strings.SplitSeq(strings.TrimSpace(line), "  ") {
			if cell = strings.TrimSpace(cell); cell != "" {
				cells = append(cells, cell)
			}
		}
		got = append(got, cells)
	}
	want := [][]string{
		{"VARIABLE", "TYPE", "DEFAULT", "DESCRIPTION"},
		{"HOSTS", "list of text", "-", "allowed hosts"},
		{"KEYS", "list of secret", "-"},
		{"HOLDER", "personal", "[redacted]"},
		{"DEBUG", "bool", "-"},
		{"RATIO", "number", "0.5"},
		{"KEPT", "text", "as before"},
		{"LOG_LEVEL", "text", "info", "debug, info, warn or error"},
		{"INSTANCE", "text", "-", "this process"},
		{"READ_URL", "secret", "(required)", "where the database is"},
		{"READ_POOL", "integer", "8", "connections"},
		{"READ_WAIT", "duration", "3s", "for a connection"},
		{"WRITE_URL", "secret", "(required)", "where the database is"},
		{"WRITE_POOL", "integer", "8", "connections"},
		{"WRITE_WAIT", "duration", "3s", "for a connection"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestUsage_NeedsAStruct(t *testing.T) {
	t.Parallel()
	if err := conf.Usage(nil, &bytes.Buffer{}); !errors.Is(err, conf.ErrNotAStruct) {
		t.Errorf("error %v", err)
	}
}
