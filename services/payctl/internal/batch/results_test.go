package batch_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/service"
	"github.com/payloom/payloom/services/internal/payouts"
	"github.com/payloom/payloom/services/payctl/internal/batch"
)

func someResults() []payouts.Result {
	return []payouts.Result{
		{Line: 2, ReqID: "july/p-1", PaymentID: "p-1", CommandID: "c", Status: payouts.Accepted},
		{Line: 4, Status: payouts.Rejected, Errors: []service.FieldError{
			{Field: "customer.email", Code: "format", Detail: `must be "an address"`}, {Field: "payment.amount", Code: "type", Detail: "must be a number"},
		}},
	}
}

const (
	asCSV = "line,req_id,payment_id,command_id,status,errors\n2,july/p-1,p-1,c,accepted,\n" +
		`4,,,,rejected,"customer.email: must be ""an address""; payment.amount: must be a number"` + "\n"
	asJSON = `{"line":2,"req_id":"july/p-1","payment_id":"p-1","command_id":"c","status":"accepted"}` + "\n" +
		`{"line":4,"status":"rejected","errors":[{"field":"customer.email","code":"format","detail":"must be \"an address\""},` +
		`{"field":"payment.amount","code":"type","detail":"must be a number"}]}` + "\n"
)

func TestResults(t *testing.T) {
	t.Parallel()
	for format, want := range map[payouts.Format]string{payouts.CSV: asCSV, payouts.NDJSON: asJSON} {
		var out bytes.Buffer
		r, err := batch.NewResults(&out, format)
		if err != nil {
			t.Fatal(err)
		}
		for _, result := range someResults() {
			if err := r.Add(result); err != nil {
				t.Error(err)
			}
		}
		n, err := r.Flush()
		if d := cmp.Diff(want, out.String()); d != "" || err != nil || n != int64(len(want)) {
			t.Errorf("%s: %d bytes, error %v: %s", format, n, err, d)
		}
	}
}

// TestOpenResults_GoesOn writes some results, more that are not to be kept, and goes on
// after the first ones.
func TestOpenResults_GoesOn(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"r.csv": asCSV, "r.ndjson": asJSON, "r.txt": asJSON} {
		path := filepath.Join(t.TempDir(), name)
		first, err := batch.OpenResults(path, 0)
		if err != nil {
			t.Fatal(err)
		}
		all := someResults()
		_ = first.Add(all[0])
		keep, err := first.Flush()
		if err != nil {
			t.Fatal(err)
		}
		_ = first.Add(all[0])
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
		second, err := batch.OpenResults(path, keep)
		if err != nil {
			t.Fatal(err)
		}
		_ = second.Add(all[1])
		if err := second.Close(); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if d := cmp.Diff(want, string(text)); d != "" || err != nil {
			t.Errorf("%s: error %v: %s", name, err, d)
		}
	}
}

func TestProgress(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.progress")
	if _, there, err := batch.ReadProgress(path); there || err != nil {
		t.Errorf("there %v, error %v", there, err)
	}
	p := batch.Progress{Key: "k", Size: 10, Modified: time.Unix(1, 2).UTC(), Next: 7, Results: "r", Bytes: 99, Counts: payouts.Counts{Lines: 5, Accepted: 5}}
	if err := p.Write(path); err != nil {
		t.Fatal(err)
	}
	back, there, err := batch.ReadProgress(path)
	if d := cmp.Diff(p, back); d != "" || !there || err != nil {
		t.Errorf("there %v, error %v: %s", there, err, d)
	}
	for name, change := range map[string]func(*batch.Progress){
		"another key":   func(p *batch.Progress) { p.Key = "j" },
		"another file":  func(p *batch.Progress) { p.Size++ },
		"a later file":  func(p *batch.Progress) { p.Modified = p.Modified.Add(1) },
		"other results": func(p *batch.Progress) { p.Results = "s" },
	} {
		other := p
		change(&other)
		if p.Continues(other) {
			t.Errorf("%s: goes on", name)
		}
	}
	if now := (batch.Progress{Key: "k", Size: 10, Modified: time.Unix(1, 2), Results: "r"}); !p.Continues(now) {
		t.Error("does not go on with the same file")
	}
	if now := (batch.Progress{Key: "k", Target: batch.Target("https://live.example", "k"), Size: 10, Modified: time.Unix(1, 2), Results: "r"}); p.Continues(now) {
		t.Error("goes on at another system")
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := batch.ReadProgress(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v of a file that is broken", err)
	}
}
