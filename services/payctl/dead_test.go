package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/bustest"
	"github.com/payloom/payloom/pkg/callback"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider/ecommpay/ecommpaysim"
	"github.com/payloom/payloom/pkg/wire"
	"github.com/payloom/payloom/pkg/worker"
	"github.com/payloom/payloom/services/internal/providers"
	"github.com/payloom/payloom/services/internal/servicetest"
	"github.com/payloom/payloom/services/payctl/internal/letters"
)

// gateRig is a broker, ECommPay's simulator, a receiver and a worker: all that takes
// payouts to their end.
type gateRig struct {
	t        *testing.T
	cfg      bus.Config
	broker   *bus.Bus
	sim      *ecommpaysim.Simulator
	accounts *account.Live
	file     string // of the accounts
	public   string
}

const gateSecret = "secret-of-the-project"

func newGateRig(t *testing.T) *gateRig {
	t.Helper()
	r := &gateRig{t: t, cfg: bustest.Server(t)}
	bustest.Provision(t, r.cfg, bus.Topology{})
	r.broker = bustest.Connect(t, r.cfg, "test")
	var err error
	r.sim, err = ecommpaysim.New(ecommpaysim.Config{
		Projects: []ecommpaysim.Project{{ID: 818, Secret: gateSecret}}, RelaxURLs: true, TimeScale: 1000,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.sim.Close)
	gate := httptest.NewServer(r.sim)
	t.Cleanup(gate.Close)
	dir := t.TempDir()
	secret := mustWrite(t, filepath.Join(dir, "secret"), gateSecret)
	r.file = mustWrite(t, filepath.Join(dir, "accounts.yaml"), `
merchants:
  - id: demo
    accounts:
      - name: in
        provider: ecommpay
        endpoint: `+gate.URL+`/
        callback_key: Endpoint0fTheProject
        settings: {project_id: 818}
        secrets: {secret: [{id: "1", ref: "file:`+secret+`"}]}
`)
	if r.accounts, err = account.Watch(t.Context(), r.file, zap.NewNop()); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	callback.NewReceiver(callback.Options{
		Accounts: r.accounts, Parsers: providers.Parsers(r.accounts), Store: r.broker, Payments: r.broker,
	}).Register(mux)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	r.public = server.URL
	return r
}

func mustWrite(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (r *gateRig) environ() map[string]string {
	return map[string]string{"NATS_URL": r.cfg.URL, "PAYLOOM_ACCOUNTS": r.file}
}

func (r *gateRig) interpreter() *callback.Interpreter {
	return callback.NewInterpreter(callback.InterpreterOptions{
		Accounts: r.accounts, Parsers: providers.Parsers(r.accounts), Ledger: r.broker,
	})
}

// work runs a consumer until the returned function is called.
func (r *gateRig) work(consume func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(r.t.Context())
	done := make(chan error, 1)
	go func() { done <- consume(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Error(err)
		}
	}
}

// worker returns what executes commands.
func (r *gateRig) worker() func(context.Context) error {
	w := worker.New(worker.Options{
		Ledger: r.broker, Timers: r.broker, Provider: providers.Router(r.accounts, payment.ECommPay, r.public),
		Validate: wire.Validate, Account: providers.AccountName(r.accounts),
	})
	return func(ctx context.Context) error {
		return r.broker.ConsumeCommands(ctx, payment.ECommPay, bus.ConsumeOptions{Concurrency: 16}, w.Handle)
	}
}

// serve runs the worker and the interpreter until the test ends.
func (r *gateRig) serve() {
	r.t.Cleanup(r.work(r.worker()))
	r.t.Cleanup(r.work(func(ctx context.Context) error {
		return r.broker.ConsumeCallbacks(ctx, bus.ConsumeOptions{}, r.interpreter().Handle)
	}))
}

func (r *gateRig) payOut(id payment.ID) payment.Command {
	r.t.Helper()
	c := payment.Command{
		ReqID: payment.ReqID("pay-" + id), Payment: id, Merchant: "demo", Provider: payment.ECommPay, Kind: payment.Payout,
		Amount: payment.Money{Minor: 150000, Currency: "INR"},
		Beneficiary: &payment.Beneficiary{
			CustomerID: "c-1", IPAddress: "203.0.113.7", FirstName: "Test", LastName: "Person",
			Email: "person@example.com", Address: "1 Example Street", AccountNumber: "9100000000",
		},
	}
	c.ID = payment.DeriveCommandID(c.Merchant, c.ReqID)
	if _, _, err := r.broker.Accept(r.t.Context(), c); err != nil {
		r.t.Fatal(err)
	}
	return c
}

// broken is the error of a worker that cannot read a command.
type broken struct{}

func (broken) Error() string { return "schema version 2, known is 1" }
func (broken) Dead() bool    { return true }

// buryAll has a broken worker bury the n commands that there are.
func (r *gateRig) buryAll(n int) {
	r.t.Helper()
	stop := r.work(func(ctx context.Context) error {
		return r.broker.ConsumeCommands(ctx, payment.ECommPay, bus.ConsumeOptions{}, func(context.Context, payment.Command) error { return broken{} })
	})
	defer stop()
	servicetest.Eventually(r.t, "all are buried", func() bool {
		s, err := r.broker.StreamState(r.t.Context(), bus.DeadStream)
		return err == nil && s.Messages == uint64(n)
	})
}

// endings is what dead replay and dead discard print for programs.
type endings struct {
	Letters []ending       `json:"letters"`
	Counts  map[string]int `json:"counts"`
}

func (r *gateRig) mustEnd(code int, args ...string) endings {
	r.t.Helper()
	got := payctl(r.t, r.environ(), "", append([]string{"dead"}, append(args, "--json")...)...)
	var e endings
	if err := json.Unmarshal([]byte(got.out), &e); err != nil || got.code != code {
		r.t.Fatalf("%v: exit code %d, want %d: %v\n%s%s", args, got.code, code, err, got.out, got.err)
	}
	return e
}

func (r *gateRig) mustAudit(args ...string) []auditLine {
	r.t.Helper()
	got := payctl(r.t, r.environ(), "", append([]string{"audit", "list", "--json"}, args...)...)
	var list struct {
		Audit []auditLine `json:"audit"`
	}
	if err := json.Unmarshal([]byte(got.out), &list); err != nil || got.code != 0 {
		r.t.Fatalf("exit code %d, %v\n%s", got.code, err, got.err)
	}
	return list.Audit
}

func (r *gateRig) open(args ...string) int {
	r.t.Helper()
	got := payctl(r.t, r.environ(), "", append([]string{"dead", "list", "--json"}, args...)...)
	var list struct {
		Letters []deadView `json:"dead_letters"`
	}
	if err := json.Unmarshal([]byte(got.out), &list); err != nil {
		r.t.Fatal(err)
	}
	return len(list.Letters)
}

// TestDeadReplay_RepairsThreeHundredByOneCommand: a worker that could not read the
// commands buried them; a repaired one is there now.
func TestDeadReplay_RepairsThreeHundredByOneCommand(t *testing.T) {
	t.Parallel()
	const n = 300
	r := newGateRig(t)
	for i := range n {
		r.payOut(payment.ID(fmt.Sprintf("payout-%d", i)))
	}
	r.buryAll(n)
	r.serve()

	if dry := r.mustEnd(0, "replay", "--all", "--dry-run", "--rate", "10000/s"); dry.Counts[endWould] != n || len(r.mustAudit()) != 0 {
		t.Fatalf("a dry run: %v", dry.Counts)
	}
	if len(r.sim.Ledger(ecommpaysim.LedgerFilter{})) != 0 {
		t.Fatal("a dry run paid somebody out")
	}
	done := r.mustEnd(0, "replay", "--service", "test", "--because", "schema version", "--actor", "alex", "--reason", "1.4.2 reads version 2", "--rate", "10000/s")
	if done.Counts[endDone] != n {
		t.Fatalf("replayed: %v", done.Counts)
	}
	r.checkPaid(n)

	audit := r.mustAudit("--action", "dead")
	if len(audit) != n {
		t.Errorf("%d lines in the audit, want %d", len(audit), n)
	}
	for _, l := range audit {
		if l.Actor != "alex" || l.Action != bus.ReplayLetter || l.Result != "done" || l.Reason == "" || l.Payment == "" || l.Stream != bus.DeadStream {
			t.Fatalf("audit: %+v", l)
		}
	}
	if got := r.open(); got != 0 {
		t.Errorf("%d letters are open still", got)
	}
	if got := r.open("--state", "replayed"); got != n {
		t.Errorf("%d letters were replayed, want %d", got, n)
	}

	if again := r.mustEnd(0, "replay", "--all", "--reason", "once more", "--rate", "10000/s"); len(again.Letters) != 0 {
		t.Errorf("replayed twice without being told to: %v", again.Counts)
	}
	if again := r.mustEnd(0, "replay", "--all", "--again", "--reason", "once more", "--rate", "10000/s"); again.Counts[endDone] != n {
		t.Errorf("again: %v", again.Counts)
	}
	r.idle()
	r.checkPaid(n)
	if got := payctl(t, r.environ(), "", "audit", "verify"); got.code != 0 || !strings.Contains(got.out, "1200 records hold together") {
		t.Errorf("%+v", got)
	}
}

// checkPaid waits until n payouts are paid, and checks that each was paid once.
func (r *gateRig) checkPaid(n int) {
	r.t.Helper()
	for i := range n {
		id := payment.ID(fmt.Sprintf("payout-%d", i))
		servicetest.Eventually(r.t, string(id)+" is paid", func() bool {
			p, _, err := r.broker.Find(r.t.Context(), "demo", id)
			return err == nil && p.State == payment.StatePaid
		})
	}
	times := map[string]int{}
	for _, e := range r.sim.Ledger(ecommpaysim.LedgerFilter{}) {
		times[e.PaymentID]++
	}
	for id, k := range times {
		if k != 1 {
			r.t.Errorf("%s was paid %d times", id, k)
		}
	}
	if len(times) != n {
		r.t.Errorf("%d payouts in the simulator's ledger, want %d", len(times), n)
	}
}

// idle waits until the worker has nothing in hand and nothing to come.
func (r *gateRig) idle() {
	r.t.Helper()
	servicetest.Eventually(r.t, "the worker is idle", func() bool {
		all, err := r.broker.Survey(r.t.Context())
		if err != nil {
			return false
		}
		for _, c := range all.Consumers {
			if c.Pending+uint64(c.Unacknowledged) > 0 {
				return false
			}
		}
		return true
	})
}

// bury buries a message that did not come by a consumer.
func (r *gateRig) bury(stream string, seq uint64, subject string, body []byte) {
	r.t.Helper()
	err := r.broker.Bury(r.t.Context(), wire.DeadLetter{
		Service: "test", Reason: "planted", At: time.Now(), Stream: stream, Sequence: seq, Subject: subject, Deliveries: 1, Body: body,
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

func TestDeadReplay_RefusesWhatCannotBeHelped(t *testing.T) {
	t.Parallel()
	r := newGateRig(t)
	lost := payment.DeriveCommandID("demo", "gone")
	r.bury("EVENTS_0", 1, "pay.evt.0.ecommpay.demo.order-1", []byte("x"))
	r.bury("COMMANDS_0", 1, "pay.cmd.0.ecommpay.demo."+string(lost), []byte("x"))
	r.bury("COMMANDS_0", 2, "pay.cmd.0.ecommpay.demo.nonsense", []byte("x"))
	r.bury(bus.CallbackStream, 1, "pay.hook.ecommpay.demo.x", []byte("x"))
	r.bury("OTHERS", 1, "other.thing.or.two.x", []byte("x"))

	got := r.mustEnd(1, "replay", "--all", "--reason", "try", "--rate", "1000/s")
	for i, want := range []string{"payctl rebuild", "40 days", "names no command", "still cannot be read", "stream OTHERS"} {
		if e := got.Letters[i]; e.Outcome != endRefused || !strings.Contains(e.Detail, want) {
			t.Errorf("%s: %s %q, want refused for %q", e.From, e.Outcome, e.Detail, want)
		}
	}
	if n := len(r.mustAudit()); n != 0 {
		t.Errorf("%d lines in the audit, though nothing was done", n)
	}
	if n := r.open(); n != 5 {
		t.Errorf("%d letters are open, want 5", n)
	}
	if shown := payctl(t, r.environ(), "", "dead", "show", "1"); !strings.Contains(shown.out, "no: an event is history") {
		t.Errorf("%s", shown.out)
	}

	if done := r.mustEnd(0, "discard", "1", "3", "--actor", "kim", "--reason", "planted"); done.Counts[endDone] != 2 {
		t.Errorf("discarded: %v", done.Counts)
	}
	if again := r.mustEnd(0, "discard", "1", "--reason", "planted"); again.Counts[endSkipped] != 1 {
		t.Errorf("discarded again: %+v", again)
	}
	if n, k := r.open(), r.open("--state", "discarded"); n != 3 || k != 2 {
		t.Errorf("%d open, %d discarded", n, k)
	}
	if shown := payctl(t, r.environ(), "", "dead", "show", "3"); !strings.Contains(shown.out, "discarded by kim: planted") {
		t.Errorf("%s", shown.out)
	}
}

// TestDead_OneThatCannotBeReadHidesNoOther plants one message each that is no dead letter
// and no record of the audit, as somebody with a key to the broker could.
func TestDead_OneThatCannotBeReadHidesNoOther(t *testing.T) {
	t.Parallel()
	r := newGateRig(t)
	r.bury("EVENTS_0", 1, "pay.evt.0.ecommpay.demo.order-1", []byte("x"))
	bustest.Plant(t, r.cfg, "pay.dead.worker-axerve", []byte("\xff no letter"))
	r.bury("EVENTS_0", 2, "pay.evt.0.ecommpay.demo.order-2", []byte("x"))
	bustest.Plant(t, r.cfg, "pay.audit.payctl", []byte("\xff no record"))

	if n, k := r.open(), r.open("--because", "unreadable", "--service", "worker-axerve"); n != 3 || k != 1 {
		t.Errorf("%d letters are listed, %d of them unreadable; want 3 and 1", n, k)
	}
	if got := payctl(t, r.environ(), "", "dead", "list"); strings.Contains(got.out, "no letter") {
		t.Errorf("the list shows what is in it: %s", got.out)
	}
	if got := payctl(t, r.environ(), "", "dead", "show", "2"); !strings.Contains(got.out, "no: it cannot be read") || strings.Contains(got.out, "no letter") {
		t.Errorf("%+v", got)
	}
	var shown deadView
	if err := json.Unmarshal([]byte(payctl(t, r.environ(), "", "dead", "show", "2", "--body", "--json").out), &shown); err != nil || string(shown.Body) != "\xff no letter" {
		t.Errorf("its body is %q, %v", shown.Body, err)
	}
	if got := r.mustEnd(1, "replay", "2", "--reason", "try"); got.Counts[endRefused] != 1 {
		t.Errorf("replayed: %+v", got)
	}
	if got := r.mustEnd(0, "discard", "2", "3", "--reason", "planted"); got.Counts[endDone] != 2 {
		t.Errorf("discarded: %+v", got)
	}
	if n := r.open(); n != 1 {
		t.Errorf("%d letters are open, want 1", n)
	}
}

// TestDeadReplay_Callback buries a callback that came before its payment was known.
func TestDeadReplay_Callback(t *testing.T) {
	t.Parallel()
	r := newGateRig(t)
	r.serve()
	r.payOut("payout-0")
	r.checkPaid(1)
	m, err := r.broker.MessageAt(t.Context(), bus.CallbackStream, 1)
	if err != nil {
		t.Fatal(err)
	}
	r.bury(bus.CallbackStream, 1, m.Subject, m.Data)
	got := r.mustEnd(0, "replay", "1", "--reason", "its payment is there now")
	if e := got.Letters[0]; e.Outcome != endDone || !strings.Contains(e.Detail, "payout-0 knew it already") {
		t.Errorf("%+v", e)
	}
	r.file = ""
	r.bury(bus.CallbackStream, 2, m.Subject, m.Data)
	if e := r.mustEnd(1, "replay", "2", "--reason", "x").Letters[0]; !strings.Contains(e.Detail, "PAYLOOM_ACCOUNTS") {
		t.Errorf("%+v", e)
	}
}

func TestDead_Filters(t *testing.T) {
	t.Parallel()
	r := newGateRig(t)
	r.bury("COMMANDS_0", 1, "pay.cmd.0.ecommpay.demo.a", nil)
	r.bury("COMMANDS_1", 1, "pay.cmd.1.axerve.other.a", nil)
	r.bury(bus.TimerStream, 1, "pay.timer.due.axerve.demo.a", nil)
	for args, want := range map[string]int{
		"":                            3,
		"--provider axerve":           2,
		"--merchant demo":             2,
		"--stream COMMANDS_":          2,
		"--stream TIMERS":             1,
		"--limit 1":                   1,
		"--reason plant":              3,
		"--because unheard-of":        0,
		"--service other":             0,
		"--since 1h":                  3,
		"--until 1h":                  0,
		"--state replayed":            0,
		"--state any":                 3,
		"--provider axerve --limit 1": 1,
	} {
		if got := r.open(strings.Fields(args)...); got != want {
			t.Errorf("%q lists %d, want %d", args, got, want)
		}
	}
}

func TestDead_AsksWhatAndWhy(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ args, hint string }{
		"no letters chosen":  {"replay --reason x", "--all"},
		"no reason":          {"replay --all", "--reason"},
		"a reason of cards":  {"replay --all --reason 4111111111111111", "card number"},
		"nobody":             {"replay --all --reason x --actor !", "--actor"},
		"no rate":            {"replay --all --reason x --rate fast", "--rate"},
		"a rate of nothing":  {"replay --all --reason x --rate 0", "--rate"},
		"no sequence":        {"discard x --reason x", "payctl dead list"},
		"a state that is no": {"list --state lost", "--state"},
	} {
		if got := payctl(t, nil, "", append([]string{"dead"}, strings.Fields(tt.args)...)...); got.code != 2 || !strings.Contains(got.err, tt.hint) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if (letters.Filter{}).Narrow() || !(letters.Filter{Limit: 1}).Narrow() {
		t.Error("a filter that chooses nothing is taken for one that does, or the other way about")
	}
}
