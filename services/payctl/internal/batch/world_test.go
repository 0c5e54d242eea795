package batch_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/services/internal/payouts"
	"github.com/payloom/payloom/services/payctl/internal/batch"
)

// ingress is an ingress that keeps payouts in memory and goes wrong as a test wants it
// to. A line is good unless it says bad; the checks are not its matter.
type ingress struct {
	t   *testing.T
	url string

	mu     sync.Mutex
	stored map[payment.ReqID]uint32 // by key, what tells the line from others
	calls  int
	faults []fault // of the calls, in order; later ones have none
}

// fault is what goes wrong with a call.
type fault struct {
	status int            // answered at once
	lines  int            // how many lines are answered before
	end    payouts.Reason // said then
	broken bool           // the connection breaks then, without a word
	silent bool           // nothing more comes then, until the client goes
	quiet  bool           // all lines are stored, the last lines answers get lost
}

func newIngress(t *testing.T, faults ...fault) *ingress {
	t.Helper()
	in := &ingress{t: t, stored: map[payment.ReqID]uint32{}, faults: faults}
	s := httptest.NewServer(http.HandlerFunc(in.serve))
	t.Cleanup(s.Close)
	in.url = s.URL
	return in
}

func (in *ingress) next() (fault, int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.calls++
	if in.calls > len(in.faults) {
		return fault{lines: -1}, in.calls
	}
	return in.faults[in.calls-1], in.calls
}

func (in *ingress) serve(w http.ResponseWriter, r *http.Request) {
	if got := r.Header.Get("Authorization"); got != "Bearer key" {
		in.t.Errorf("Authorization %q", got)
	}
	f, _ := in.next()
	if f.status != 0 {
		w.WriteHeader(f.status)
		_, _ = io.WriteString(w, `{"title":"No","detail":"as the test wants it"}`)
		return
	}
	w.Header().Set("Connection", "close") // as ingress does
	w.WriteHeader(http.StatusContinue)
	rc := http.NewResponseController(w)
	if err := rc.EnableFullDuplex(); err != nil {
		in.t.Error(err)
	}
	first, err := strconv.Atoi(r.URL.Query().Get("first_line"))
	if err != nil {
		in.t.Error(err)
	}
	lines := payouts.NewLines(r.Body, 1)
	if r.Header.Get("Content-Type") == "text/csv" {
		header, err := lines.Next()
		if err != nil || string(header.Text) != "header" {
			in.t.Errorf("the header is %q, %v", header.Text, err)
		}
	}
	lines.Renumber(first)
	w.WriteHeader(http.StatusOK)
	_ = rc.Flush()
	in.answer(w, r, lines, f)
}

func (in *ingress) answer(w http.ResponseWriter, r *http.Request, lines *payouts.Lines, f fault) {
	out, rc := json.NewEncoder(w), http.NewResponseController(w)
	var c payouts.Counts
	for {
		line, err := lines.Next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				return // the client has gone
			}
			if f.quiet {
				panic(http.ErrAbortHandler)
			}
			_ = out.Encode(payouts.End{Done: true, Counts: c})
			return
		}
		if line.Blank() {
			continue
		}
		if c.Lines == f.lines && !f.quiet {
			in.fail(w, r, line, f)
			return
		}
		result := in.take(r.Header.Get("Idempotency-Key"), line)
		c.Add(result.Status)
		if !f.quiet || c.Lines <= f.lines {
			_ = out.Encode(result)
			_ = rc.Flush()
		}
	}
}

func (in *ingress) fail(w http.ResponseWriter, r *http.Request, line payouts.Line, f fault) {
	switch {
	case f.broken:
		// The server would wait for the rest of the body first.
		_ = http.NewResponseController(w).SetReadDeadline(time.Unix(1, 0))
		panic(http.ErrAbortHandler)
	case f.silent:
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	default:
		out := json.NewEncoder(w)
		if f.end == payouts.ReasonUnavailable {
			_ = out.Encode(payouts.Result{Line: line.Number, Status: payouts.Unavailable})
		}
		_ = out.Encode(payouts.End{Reason: f.end, ResumeFrom: line.Number})
	}
}

// take keeps a line under its key, once.
func (in *ingress) take(key string, line payouts.Line) payouts.Result {
	in.mu.Lock()
	defer in.mu.Unlock()
	r := payouts.Result{Line: line.Number, ReqID: payouts.ReqID(key, "", line.Number), Status: payouts.Accepted}
	text := string(line.Text)
	before, there := in.stored[r.ReqID]
	sum := crc32.ChecksumIEEE(line.Text)
	switch {
	case strings.Contains(text, "bad"):
		r.Status = payouts.Rejected
	case there && before != sum:
		in.t.Errorf("line %d is another than before: %q", line.Number, text)
	case there:
		r.Status = payouts.Replayed
	}
	if r.Status == payouts.Accepted {
		in.stored[r.ReqID] = sum
	}
	return r
}

// sent is what came of sending a text.
type sent struct {
	results []payouts.Result
	notes   []string
	err     error
}

func (s sent) outline() []string {
	var all []string
	for _, r := range s.results {
		all = append(all, fmt.Sprint(r.Line, " ", r.Status))
	}
	return all
}

func (in *ingress) options(s *sent) batch.Options {
	return batch.Options{
		Ingress: in.url, APIKey: "key", Key: "july", Patience: time.Minute, Silence: time.Minute,
		Note:   func(text string) { s.notes = append(s.notes, text) },
		Result: func(r payouts.Result) error { s.results = append(s.results, r); return nil },
	}
}

func (in *ingress) send(text io.Reader, change func(*batch.Options)) sent {
	in.t.Helper()
	var s sent
	o := in.options(&s)
	if change != nil {
		change(&o)
	}
	src, err := batch.Open(text)
	if err != nil {
		in.t.Fatal(err)
	}
	s.err = batch.Send(in.t.Context(), src, o)
	return s
}

// table is a header and n payouts.
func table(n int) string {
	var b strings.Builder
	b.WriteString("header\n")
	for i := range n {
		fmt.Fprintf(&b, "payout %d\n", i)
	}
	return b.String()
}

// accepted are the results of n payouts that are all accepted.
func accepted(n int) []string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprint(i+2, " accepted"))
	}
	return all
}

// reader gives out lines as somebody lets it.
func typed() (*io.PipeReader, *bufio.Writer, func()) {
	r, w := io.Pipe()
	return r, bufio.NewWriter(w), func() { _ = w.Close() }
}
