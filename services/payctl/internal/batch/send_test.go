package batch_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/services/internal/payouts"
	"github.com/payloom/payloom/services/payctl/internal/batch"
)

func TestSend(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		text   string
		faults []fault
		want   []string
		calls  int
	}{
		"a header alone":         {"header\n", nil, nil, 1},
		"nothing that is JSON":   {"{\"a\":1}\n\n{\"b\":2}", nil, []string{"1 accepted", "3 accepted"}, 1},
		"all goes well":          {table(3), nil, accepted(3), 1},
		"a bad line":             {"header\na\nbad\nc\n", nil, []string{"2 accepted", "3 rejected", "4 accepted"}, 1},
		"blank lines everywhere": {"header\n\na\n  \n\nb\n\n", nil, []string{"3 accepted", "6 accepted"}, 1},
		"lines that are too long": {
			"header\n" + strings.Repeat("x", 20<<10) + "\na\n" + strings.Repeat("x", 20<<10), nil, []string{"2 rejected", "3 accepted", "4 rejected"}, 1,
		},
		"the broker is away for a while":     {table(5), []fault{{lines: 2, end: payouts.ReasonUnavailable}, {status: 503}}, accepted(5), 3},
		"the server is stopped":              {table(5), []fault{{lines: 2, end: payouts.ReasonStopping}}, accepted(5), 2},
		"the connection breaks":              {table(5), []fault{{lines: 2, broken: true}, {lines: 0, broken: true}}, accepted(5), 3},
		"it breaks between blank lines":      {"header\na\n\n\nb\n", []fault{{lines: 1, broken: true}}, []string{"2 accepted", "5 accepted"}, 2},
		"a proxy is not ready":               {table(2), []fault{{status: http.StatusBadGateway}, {status: http.StatusTooManyRequests}}, accepted(2), 3},
		"answers get lost":                   {table(3), []fault{{lines: 1, quiet: true}}, []string{"2 accepted", "3 replayed", "4 replayed"}, 2},
		"only the end gets lost":             {table(2), []fault{{lines: 2, quiet: true}}, accepted(2), 1},
		"the server is done but has not all": {table(3), []fault{{lines: 2, end: ""}}, accepted(3), 2},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := newIngress(t, tt.faults...)
			got := in.send(strings.NewReader(tt.text), nil)
			if d := cmp.Diff(tt.want, got.outline()); d != "" || got.err != nil {
				t.Errorf("error %v: %s", got.err, d)
			}
			if in.calls != tt.calls || len(got.notes) != tt.calls-1 {
				t.Errorf("%d calls, want %d; %v", in.calls, tt.calls, got.notes)
			}
		})
	}
}

func TestSend_EndsForGood(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		fault fault
		hint  string
	}{
		"the columns are wrong":       {fault{status: http.StatusBadRequest}, "from line 2 on: refused: 400 No: as the test wants it"},
		"the key is not known":        {fault{status: http.StatusUnauthorized}, "401"},
		"it goes somewhere else":      {fault{status: http.StatusTemporaryRedirect}, "307"},
		"the key was taken away":      {fault{lines: 1, end: payouts.ReasonForbidden}, "from line 3 on: refused: the API key may not pay out any more"},
		"there are no batches there":  {fault{status: http.StatusNotFound}, "404"},
		"the method is not the right": {fault{status: http.StatusMethodNotAllowed}, "405"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := newIngress(t, tt.fault)
			got := in.send(strings.NewReader(table(3)), nil)
			if got.err == nil || !strings.Contains(got.err.Error(), tt.hint) || in.calls != 1 {
				t.Errorf("error %v after %d calls, want %s", got.err, in.calls, tt.hint)
			}
		})
	}
}

func TestSend_GivesUp(t *testing.T) {
	t.Parallel()
	in := newIngress(t)
	url := in.url
	got := in.send(strings.NewReader(table(3)), func(o *batch.Options) {
		o.Ingress, o.Patience = "http://127.0.0.1:1", time.Nanosecond
	})
	if !errors.Is(got.err, batch.ErrGaveUp) || !strings.Contains(got.err.Error(), "from line 2 on") || len(got.results) != 0 || url == "" {
		t.Errorf("error %v, %d results", got.err, len(got.results))
	}
}

// TestSend_Silence has the server hold a connection without a word.
func TestSend_Silence(t *testing.T) {
	t.Parallel()
	in := newIngress(t, fault{lines: 1, silent: true})
	got := in.send(strings.NewReader(table(3)), func(o *batch.Options) { o.Silence = 100 * time.Millisecond })
	if d := cmp.Diff(accepted(3), got.outline()); d != "" || got.err != nil || !strings.Contains(strings.Join(got.notes, " "), "no answer for too long") {
		t.Errorf("error %v, %v: %s", got.err, got.notes, d)
	}
}

// TestSend_Typed has somebody write one line when the one before is answered, and the
// connection break while nothing is on the way.
func TestSend_Typed(t *testing.T) {
	t.Parallel()
	in := newIngress(t, fault{lines: 2, end: payouts.ReasonStalled})
	r, out, done := typed()
	var s sent
	o, answers := in.options(&s), make(chan payouts.Result)
	o.Result = func(r payouts.Result) error { answers <- r; return nil }
	over := make(chan error, 1)
	go func() {
		src, err := batch.Open(r)
		if err != nil {
			over <- err
			return
		}
		over <- batch.Send(t.Context(), src, o)
	}()
	write := func(text string) {
		_, _ = out.WriteString(text)
		if err := out.Flush(); err != nil {
			t.Error(err)
		}
	}
	write("header\n")
	for i := range 5 {
		write(fmt.Sprintf("payout %d\n", i))
		if got := <-answers; got.Line != i+2 || got.Status != payouts.Accepted {
			t.Fatalf("line %d is %s", got.Line, got.Status)
		}
	}
	done()
	if err := <-over; err != nil || in.calls != 2 {
		t.Errorf("error %v after %d calls", err, in.calls)
	}
}

func TestSend_InputBreaks(t *testing.T) {
	t.Parallel()
	broken := errors.New("no such tape")
	in := newIngress(t)
	r, w := io.Pipe()
	go func() {
		_, _ = io.WriteString(w, table(2)+"half a li")
		_ = w.CloseWithError(broken)
	}()
	got := in.send(r, nil)
	if d := cmp.Diff(accepted(2), got.outline()); d != "" || !errors.Is(got.err, broken) {
		t.Errorf("error %v: %s", got.err, d)
	}
}

func TestSend_ResultCannotBeKept(t *testing.T) {
	t.Parallel()
	full := errors.New("disk full")
	in := newIngress(t)
	got := in.send(strings.NewReader(table(2)), func(o *batch.Options) { o.Result = func(payouts.Result) error { return full } })
	if !errors.Is(got.err, full) || in.calls != 1 {
		t.Errorf("error %v after %d calls", got.err, in.calls)
	}
}

func TestSend_Interrupted(t *testing.T) {
	t.Parallel()
	in := newIngress(t, fault{lines: 1, silent: true})
	ctx, stop := context.WithCancel(t.Context())
	src, err := batch.Open(strings.NewReader(table(3)))
	if err != nil {
		t.Fatal(err)
	}
	var s sent
	o := in.options(&s)
	o.Result = func(payouts.Result) error { stop(); return nil }
	if err := batch.Send(ctx, src, o); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "from line 3 on") {
		t.Errorf("error %v", err)
	}
}

// TestSend_Many sends a hundred thousand lines over connections that break, in memory
// that does not grow with them: every line is stored once and answered once, in order.
func TestSend_Many(t *testing.T) {
	const n = 100_000
	in := newIngress(t, fault{lines: 20_000, broken: true}, fault{lines: 1, broken: true}, fault{lines: 30_000, end: payouts.ReasonUnavailable})
	pad := strings.Repeat("x", 1000)
	r, out, done := typed()
	go func() {
		_, _ = out.WriteString("header\n")
		for i := range n {
			fmt.Fprintf(out, "payout %d %s\n", i, pad)
		}
		_ = out.Flush()
		done()
	}()
	last, most := 1, uint64(0)
	got := in.send(r, func(o *batch.Options) {
		o.Result = func(r payouts.Result) error {
			if r.Line != last+1 {
				t.Errorf("line %d follows line %d", r.Line, last)
			}
			if last = r.Line; last%10_000 == 0 {
				var m runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapAlloc)
			}
			return nil
		}
	})
	if got.err != nil || last != n+1 || len(in.stored) != n || in.calls != 4 {
		t.Errorf("error %v, the last line is %d, %d are stored after %d calls", got.err, last, len(in.stored), in.calls)
	}
	// The input has 100 MB, and the test itself keeps some 15.
	if most > 40<<20 {
		t.Errorf("%d MiB were in use", most>>20)
	}
}
