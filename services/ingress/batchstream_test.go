package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/bustest"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/service"
	"github.com/payloom/payloom/services/internal/payouts"
)

// The tests of what only a network has: bodies that come bit by bit, answers that are
// read while more is sent, connections that break.

// served is the API behind a server with the limits of a real one.
type served struct {
	url    string
	http   *http.Client
	api    *api
	server *httptest.Server
	log    *lines // of the server itself
}

func serve(t testing.TB, b broker, change func(*api)) served {
	t.Helper()
	rt := service.NewRuntime("ingress", service.Config{}, zap.NewNop())
	a, err := newAPI(rt, Config{AcceptTimeout: 5 * time.Second, Burst: 1}, mustBook(t), b, abilities())
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(a)
	}
	s := httptest.NewUnstartedServer(a.handler())
	// Short, to show that they are lifted.
	s.Config.ReadTimeout, s.Config.WriteTimeout = 300*time.Millisecond, 300*time.Millisecond
	log := &lines{}
	s.Config.ErrorLog = zap.NewStdLog(zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zapcore.EncoderConfig{MessageKey: "msg"}), zapcore.AddSync(log), zap.DebugLevel)))
	s.Start()
	t.Cleanup(func() {
		s.Close()
		if strings.Contains(log.String(), "panic") {
			t.Errorf("the server says\n%s", log)
		}
	})
	return served{s.URL, s.Client(), a, s, log}
}

// upload is a batch of which one line after the other is sent.
type upload struct {
	t    testing.TB
	body *io.PipeWriter
	res  *http.Response
	in   *bufio.Reader
	stop context.CancelFunc
}

// open begins a batch with its first lines.
func (s served) open(t testing.TB, first string) *upload {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	r, w := io.Pipe()
	a := batchOfCSV(ask{}, "")
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+a.path, r)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = a.request(t).Header
	req.Header.Set("Content-Type", "text/csv")
	go func() { _, _ = io.WriteString(w, first) }()
	res, err := s.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(); _ = res.Body.Close() })
	if res.StatusCode != http.StatusOK {
		t.Fatalf("status %d", res.StatusCode)
	}
	return &upload{t, w, res, bufio.NewReader(res.Body), stop}
}

func (u *upload) send(text string) {
	u.t.Helper()
	if _, err := io.WriteString(u.body, text); err != nil {
		u.t.Fatal(err)
	}
}

func (u *upload) result() payouts.Result {
	u.t.Helper()
	line, err := u.in.ReadString('\n')
	if err != nil {
		u.t.Fatal(err)
	}
	var r payouts.Result
	mustDecode(u.t, line, &r)
	return r
}

// rest reads the answer to its end.
func (u *upload) rest() answered {
	u.t.Helper()
	text, err := io.ReadAll(u.in)
	if err != nil {
		u.t.Fatal(err)
	}
	return mustRead(u.t, string(text))
}

// TestBatch_LineByLine sends each line only when the one before is answered, for longer
// than the server gives to a whole call.
func TestBatch_LineByLine(t *testing.T) {
	t.Parallel()
	u := serve(t, newFakeBroker(), nil).open(t, header)
	began := time.Now()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	n := 0
	for ; time.Since(began) < 700*time.Millisecond; <-tick.C {
		n++
		u.send(row(fmt.Sprint("p-", n)))
		if r := u.result(); r.Line != n+1 || r.Status != payouts.Accepted {
			t.Fatalf("line %d is %s, want line %d", r.Line, r.Status, n+1)
		}
	}
	_ = u.body.Close()
	if got := u.rest(); got.end == nil || !got.end.Done || got.end.Accepted != n {
		t.Errorf("the end is %+v after %d lines", got.end, n)
	}
}

// TestBatch_RestIsNoCall ends a batch before its body does. What is left of the body
// must not be taken for another call, and the answer must come whole.
func TestBatch_RestIsNoCall(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	b := failing{newFakeBroker(), "p-1", bus.ErrUnavailable}
	s := serve(t, b, nil)
	counting := s.server.Config.Handler
	s.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		counting.ServeHTTP(w, r)
	})
	smuggled := "GET /openapi.yaml HTTP/1.1\r\nHost: x\r\n\r\n"
	for i := range 20 {
		u := s.open(t, header)
		u.send(row("p-1") + strings.Repeat(smuggled, 1+1000*(i%2)))
		_ = u.body.Close()
		if got := u.rest(); got.end == nil || got.end.Reason != payouts.ReasonUnavailable || !u.res.Close {
			t.Fatalf("the end is %+v", got.end)
		}
	}
	if n := calls.Load(); n != 20 {
		t.Errorf("%d calls", n)
	}
	if strings.Contains(s.log.String(), "panic") {
		t.Errorf("the server says\n%s", s.log)
	}
}

// TestBatch_BadHeaderOfMuch refuses a body of which much is still to come: the refusal
// reaches the client.
func TestBatch_BadHeaderOfMuch(t *testing.T) {
	t.Parallel()
	s := serve(t, newFakeBroker(), nil)
	for range 10 {
		a := batchOfCSV(ask{}, "a,b\n"+strings.Repeat(row("p-1"), 10_000))
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+a.path, strings.NewReader(a.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header = a.request(t).Header
		res, err := s.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode != http.StatusBadRequest || err != nil || !strings.Contains(string(text), "is no column of payouts") {
			t.Errorf("status %d, error %v: %s", res.StatusCode, err, text)
		}
	}
}

// TestBatch_ClientLeaves breaks the connection within a line. What was whole before
// stays accepted, the half line is nothing, and the batch sent again is as if nothing
// had been.
func TestBatch_ClientLeaves(t *testing.T) {
	t.Parallel()
	b := newFakeBroker()
	s := serve(t, b, nil)
	u := s.open(t, header)
	u.send(rows(1, 3))
	for range 3 {
		u.result()
	}
	half := row("p-4")
	u.send(half[:len(half)-5]) // the account's number would still be one, but for its length
	u.stop()
	eventually(t, "the batch ends", func() bool { return s.api.slots.free() })
	if n := len(b.stored()); n != 3 {
		t.Errorf("%d are stored", n)
	}
	again := s.open(t, header)
	again.send(rows(1, 5))
	_ = again.body.Close()
	got := again.rest()
	if d := cmp.Diff([]string{"2 replayed", "3 replayed", "4 replayed", "5 accepted", "6 accepted"}, outline(got.results)); d != "" {
		t.Error(d)
	}
	checkEnd(t, got)
}

func (s *slots) free() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.taken) == 0
}

func TestBatch_Stalls(t *testing.T) {
	t.Parallel()
	u := serve(t, newFakeBroker(), func(a *api) { a.stall = 200 * time.Millisecond }).open(t, header)
	u.send(rows(1, 2) + "p-3,15")
	got := u.rest()
	want := payouts.End{ResumeFrom: 4, Reason: payouts.ReasonStalled, Counts: payouts.Counts{Lines: 2, Accepted: 2}}
	if got.end == nil || *got.end != want {
		t.Errorf("the end is %+v, want %+v", got.end, want)
	}
}

func TestBatch_ServiceStops(t *testing.T) {
	t.Parallel()
	stopping := make(chan struct{})
	u := serve(t, newFakeBroker(), func(a *api) { a.stopping = stopping }).open(t, header)
	u.send(rows(1, 2))
	first, second := u.result(), u.result()
	close(stopping)
	got := u.rest()
	want := payouts.End{ResumeFrom: 4, Reason: payouts.ReasonStopping, Counts: payouts.Counts{Lines: 2, Accepted: 2}}
	if got.end == nil || *got.end != want {
		t.Errorf("the end is %+v, want %+v, after %v %v", got.end, want, first, second)
	}
}

// TestBatch_KeyIsTakenAway removes the merchant's API key while a batch is under way.
func TestBatch_KeyIsTakenAway(t *testing.T) {
	t.Parallel()
	books := &changing{book: mustBook(t).b}
	u := serve(t, newFakeBroker(), func(a *api) { a.accounts = books }).open(t, header)
	u.send(row("p-1"))
	u.result()
	books.set(mustBookOf(t, strings.ReplaceAll(accountsFile(), "payout, read", "read")))
	u.send(row("p-2") + row("p-3"))
	_ = u.body.Close()
	got := u.rest()
	// One line had its turn before the file changed.
	if got.end == nil || got.end.Reason != payouts.ReasonForbidden || len(got.results) > 1 {
		t.Errorf("the end is %+v after %v", got.end, outline(got.results))
	}
}

// TestBatch_ExpectsContinue sees that a batch which is refused by its header is refused
// before its body is sent.
func TestBatch_ExpectsContinue(t *testing.T) {
	t.Parallel()
	s := serve(t, newFakeBroker(), nil)
	body := &noticing{Reader: strings.NewReader(header + rows(1, 1))}
	a := batchOfCSV(ask{key: "reader-key"}, "")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+a.path, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = a.request(t).Header
	req.Header.Set("Expect", "100-continue")
	client := &http.Client{Transport: &http.Transport{ExpectContinueTimeout: time.Minute}}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusForbidden || body.read {
		t.Errorf("status %d, body was read: %v", res.StatusCode, body.read)
	}
}

// TestBatch_ContinuesBeforeItAnswers sees that a client which waits with its body is
// told to go on, though the answer begins before the body.
func TestBatch_ContinuesBeforeItAnswers(t *testing.T) {
	t.Parallel()
	s := serve(t, newFakeBroker(), nil)
	client := &http.Client{Transport: &http.Transport{ExpectContinueTimeout: time.Minute}}
	for range 20 {
		a := ndjson(ask{}, object("")+object(""))
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+a.path, strings.NewReader(a.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header = a.request(t).Header
		req.Header.Set("Expect", "100-continue")
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if got := mustRead(t, string(text)); err != nil || len(got.results) != 2 || got.end == nil || !got.end.Done {
			t.Fatalf("%d results, the end is %+v, error %v", len(got.results), got.end, err)
		}
	}
}

// noticing tells whether it was read.
type noticing struct {
	io.Reader
	read bool
}

func (n *noticing) Read(b []byte) (int, error) {
	n.read = true
	return n.Reader.Read(b)
}

// TestBatch_BrokerComesBack stops the broker in the middle of a batch and resumes it on
// a new one with the same data.
func TestBatch_BrokerComesBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg, server := bustest.Start(t, dir)
	bustest.Provision(t, cfg, bus.Topology{})
	quick := func(a *api) { a.timeout = 2 * time.Second }
	u := serve(t, bustest.Connect(t, cfg, "ingress"), quick).open(t, header)
	u.send(rows(1, 10))
	for range 10 {
		u.result()
	}
	server.Shutdown()
	server.WaitForShutdown()
	u.send(rows(11, 20))
	got := u.rest()
	if got.end == nil || got.end.Reason != payouts.ReasonUnavailable || got.end.ResumeFrom != 12 {
		t.Fatalf("the end is %+v", got.end)
	}
	cfg, _ = bustest.Start(t, dir)
	b := bustest.Connect(t, cfg, "ingress")
	again := serve(t, b, nil).open(t, header)
	again.send(rows(1, 20))
	_ = again.body.Close()
	got = again.rest()
	checkEnd(t, got)
	for i, r := range got.results {
		if want := i < 10; (r.Status == payouts.Replayed) != want {
			t.Errorf("line %d is %s", r.Line, r.Status)
		}
	}
	state, err := b.StreamState(t.Context(), "COMMANDS_0")
	if err != nil || state.LastSeq != 20 {
		t.Errorf("%d commands are stored, error %v", state.LastSeq, err)
	}
}

// forgetful is a broker that keeps nothing but a count.
type forgetful struct{ *fakeBroker }

func (forgetful) Accept(_ context.Context, c payment.Command) (payment.Command, bool, error) {
	return c, false, nil
}

// TestBatch_HundredThousand sends a hundred thousand lines in memory that does not grow
// with them.
func TestBatch_HundredThousand(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	const n = 100_000
	u := serve(t, forgetful{}, nil).open(t, header)
	go func() {
		out := bufio.NewWriter(u.body)
		for i := range n {
			line := row(fmt.Sprint("p-", i))
			if i%goodEach != 0 {
				line = line[1+strings.Index(line, ","):] // a field too few
			}
			if _, err := out.WriteString(line); err != nil {
				return
			}
		}
		_ = out.Flush()
		_ = u.body.Close()
	}()
	before, most := heap(), uint64(0)
	for i := range n {
		status := `"rejected"`
		if i%goodEach == 0 {
			status = `"accepted"`
		}
		line, err := u.in.ReadString('\n')
		if err != nil || !strings.HasPrefix(line, fmt.Sprintf(`{"line":%d,`, i+2)) || !strings.Contains(line, status) {
			t.Fatalf("result %d is %s, %v", i, line, err)
		}
		if i%10_000 == 0 {
			most = max(most, heap())
		}
	}
	if got := u.rest(); got.end == nil || !got.end.Done || got.end.Lines != n || got.end.Accepted != n/goodEach {
		t.Errorf("the end is %+v", got.end)
	}
	// The body alone has 13 MB, and the answer as much.
	if most > before+8<<20 {
		t.Errorf("%d MiB were in use, and %d before", most>>20, before>>20)
	}
}

// heap returns how many bytes are in use.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
