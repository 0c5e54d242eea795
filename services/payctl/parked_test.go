package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/bustest"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/projection"
	"github.com/payloom/payloom/pkg/testkit"
)

// office is where an operator sits: a broker with payments that wait for a person.
type office struct {
	t       *testing.T
	broker  *bus.Bus
	environ map[string]string
}

func newOffice(t *testing.T) *office {
	t.Helper()
	cfg := bustest.Server(t)
	bustest.Provision(t, cfg, bus.Topology{})
	return &office{t: t, broker: bustest.Connect(t, cfg, "test"), environ: map[string]string{"NATS_URL": cfg.URL}}
}

func (d *office) run(code int, args ...string) string {
	d.t.Helper()
	got := payctl(d.t, d.environ, "", args...)
	if got.code != code {
		d.t.Fatalf("%v: exit code %d, want %d\n%s%s", args, got.code, code, got.out, got.err)
	}
	return got.out + got.err
}

// tell appends events to a payment.
func (d *office) tell(id payment.ID, c payment.CommandID, all ...payment.EventData) payment.Head {
	d.t.Helper()
	head, err := d.broker.Load(d.t.Context(), "demo", id)
	if err != nil {
		d.t.Fatal(err)
	}
	for _, data := range all {
		head, err = d.broker.Append(d.t.Context(), head, payment.Event{
			Payment: id, Merchant: "demo", Provider: payment.Computop, Command: c, At: time.Now().UTC(), Source: payment.FromWorker, Data: data,
		})
		if err != nil {
			d.t.Fatal(err)
		}
	}
	return head
}

func command26(name string) payment.CommandID {
	return payment.DeriveCommandID("demo", payment.ReqID(name))
}

// authorized opens a payment over 10 euros.
func (d *office) authorized(id payment.ID) {
	d.t.Helper()
	d.tell(id, command26("open "+string(id)), payment.AttemptStarted{
		Kind: payment.Authorize, Amount: payment.Money{Minor: 1000, Currency: "EUR"}, Attempt: 1, Key: string(id), Terms: &payment.Terms{},
	}, payment.OperationSucceeded{Ref: "a1", Amount: 1000})
}

// parked parks a capture of 6 euros.
func (d *office) parked(id payment.ID) payment.CommandID {
	d.t.Helper()
	d.authorized(id)
	c := command26("take " + string(id))
	d.tell(id, c, payment.AttemptStarted{
		Kind: payment.Capture, Amount: payment.Money{Minor: 600, Currency: "EUR"}, Attempt: 1, Key: string(id),
	}, payment.Parked{Attempt: 1, Reason: payment.ReasonNothingToInquire})
	return c
}

// frozen has a capture fail that the provider then says succeeded.
func (d *office) frozen(id payment.ID) {
	d.t.Helper()
	d.authorized(id)
	c := command26("take " + string(id))
	d.tell(id, c, payment.AttemptStarted{
		Kind: payment.Capture, Amount: payment.Money{Minor: 600, Currency: "EUR"}, Attempt: 1, Key: string(id),
	}, payment.OperationFailed{Reason: payment.ReasonExpired}, payment.LateOutcome{Kind: payment.Capture, Status: payment.Approved, Ref: "late-7", Amount: 600})
}

// decision is what parked resolve and unfreeze print for programs.
type decision struct {
	Done    bool   `json:"done"`
	Confirm string `json:"confirm"`
	After   struct {
		State    string `json:"state"`
		Captured int64  `json:"captured"`
		Frozen   string `json:"frozen"`
		Version  uint64 `json:"version"`
	} `json:"after"`
}

func (d *office) decide(args ...string) decision {
	d.t.Helper()
	var out decision
	if err := json.Unmarshal([]byte(d.run(0, append([]string{"parked", "--json"}, args...)...)), &out); err != nil {
		d.t.Fatal(err)
	}
	return out
}

func TestParkedResolve_TakesTwoSteps(t *testing.T) {
	t.Parallel()
	d := newOffice(t)
	c := d.parked("order-1")
	args := []string{
		"resolve", "order-1", string(c), "--outcome", "succeeded", "--ref", "b1", "--amount", "600",
		"--actor", "alex", "--reason", "timed out", "--evidence", "back office, settled",
	}
	first := d.decide(args...)
	if first.Done || first.Confirm == "" || first.After.Captured != 600 {
		t.Fatalf("%+v", first)
	}
	if p, _, _ := d.broker.Find(t.Context(), "demo", "order-1"); p.Captured != 0 || p.Version != 4 {
		t.Fatalf("the first call has changed the payment: %+v", p)
	}
	if out := d.run(0, "audit", "list"); !strings.Contains(out, "nothing was done") {
		t.Errorf("audit: %s", out)
	}
	if again := d.decide(args...); again.Confirm != first.Confirm {
		t.Error("the token is another one, though nothing has changed")
	}
	second := d.decide(append(args, "--confirm", first.Confirm)...)
	p, _, err := d.broker.Find(t.Context(), "demo", "order-1")
	if err != nil || !second.Done || p.Captured != 600 || p.State != payment.StatePartiallyCaptured || p.NeedsAttention() {
		t.Errorf("%+v, %+v, %v", second, p, err)
	}
	var list struct {
		Audit []auditLine `json:"audit"`
	}
	if err := json.Unmarshal([]byte(d.run(0, "audit", "list", "--payment", "order-1", "--json")), &list); err != nil || len(list.Audit) != 1 {
		t.Fatalf("%v, %+v", err, list)
	}
	l := list.Audit[0]
	if l.Actor != "alex" || l.Action != resolveAction || l.Result != "done" || l.Command != c || l.Evidence != "back office, settled" ||
		!strings.Contains(l.Old, "version 4") || !strings.Contains(l.New, "succeeded") || !strings.Contains(l.Detail, "event ") {
		t.Errorf("%+v", l)
	}
	if out := d.run(1, append([]string{"parked"}, append(args, "--confirm", first.Confirm)...)...); !strings.Contains(out, "not parked") {
		t.Errorf("a second time: %s", out)
	}
}

func TestParkedResolve_IsRefusedWhenSomethingHappenedMeanwhile(t *testing.T) {
	t.Parallel()
	d := newOffice(t)
	c := d.parked("order-1")
	args := []string{"resolve", "order-1", string(c), "--outcome", "not-executed", "--reason", "x", "--evidence", "y"}
	token := d.decide(args...).Confirm
	if out := d.run(1, "parked", "resolve", "order-1", string(c), "--outcome", "declined", "--reason", "x", "--evidence", "y", "--confirm", token); !strings.Contains(out, "another choice") {
		t.Errorf("another choice: %s", out)
	}
	d.tell("order-1", command26("sync"), payment.Synced{Found: true})
	if out := d.run(1, append([]string{"parked"}, append(args, "--confirm", token)...)...); !strings.Contains(out, "look again") {
		t.Errorf("%s", out)
	}
	if p, _, _ := d.broker.Find(t.Context(), "demo", "order-1"); !p.NeedsAttention() {
		t.Error("it was resolved all the same")
	}
	d.decide(append(args, "--confirm", d.decide(args...).Confirm)...)
	if p, _, _ := d.broker.Find(t.Context(), "demo", "order-1"); p.NeedsAttention() || p.Capturable() != 1000 {
		t.Errorf("%+v", p)
	}
}

func TestParkedResolve_AsksAndRefuses(t *testing.T) {
	t.Parallel()
	d := newOffice(t)
	c := string(d.parked("order-1"))
	resolve := []string{"parked", "resolve", "order-1", c}
	why := []string{"--reason", "x", "--evidence", "y"}
	for name, tt := range map[string]struct {
		args []string
		code int
		hint string
	}{
		"no outcome":         {why, 2, "outcome"},
		"no evidence":        {[]string{"--outcome", "failed", "--reason", "x"}, 2, "--evidence"},
		"no reason":          {[]string{"--outcome", "failed", "--evidence", "y"}, 2, "--reason"},
		"evidence not there": {[]string{"--outcome", "failed", "--reason", "x", "--evidence", "@/nonexistent"}, 1, "no such file"},
		"an outcome of none": {append([]string{"--outcome", "lost"}, why...), 1, "no finding"},
		"too much":           {append([]string{"--outcome", "succeeded", "--ref", "b", "--amount", "601"}, why...), 1, "admits 1 to 600"},
		"no reference":       {append([]string{"--outcome", "succeeded", "--amount", "600"}, why...), 1, "name it"},
		"a wrong token":      {append([]string{"--outcome", "failed", "--confirm", "abc"}, why...), 1, "look again"},
	} {
		if out := d.run(tt.code, append(append([]string{}, resolve...), tt.args...)...); !strings.Contains(out, tt.hint) {
			t.Errorf("%s: %s", name, out)
		}
	}
}

func TestParkedUnfreeze(t *testing.T) {
	t.Parallel()
	d := newOffice(t)
	d.frozen("order-1")
	if out := d.run(0, "parked", "show", "order-1"); !strings.Contains(out, "late-7") || !strings.Contains(out, "unfreeze order-1") {
		t.Errorf("%s", out)
	}
	evidence := mustWrite(t, t.TempDir()+"/refund.txt", "refund 77")
	args := []string{"unfreeze", "order-1", "--reason", "captured after all", "--evidence", "@" + evidence}
	d.decide(append(args, "--confirm", d.decide(args...).Confirm)...)
	p, _, err := d.broker.Find(t.Context(), "demo", "order-1")
	if err != nil || p.Frozen != "" || len(p.Acknowledged) != 1 || p.Acknowledged[0] != "late-7" {
		t.Errorf("%+v, %v", p, err)
	}
	if out := d.run(0, "audit", "list", "--json"); !strings.Contains(out, "refund.txt, SHA-256 ") || strings.Contains(out, "refund 77") {
		t.Errorf("%s", out)
	}
	if out := d.run(1, append([]string{"parked"}, args...)...); !strings.Contains(out, "not frozen") {
		t.Errorf("%s", out)
	}
	d.run(0, "verify")
}

// TestParkedList finds the same by rows and by events.
func TestParkedList(t *testing.T) {
	t.Parallel()
	d := newOffice(t)
	c := d.parked("order-1")
	d.frozen("order-2")
	d.authorized("order-3")
	check := func(how string) {
		t.Helper()
		out := d.run(0, "parked", "list")
		for _, want := range []string{"order-1", "order-2", string(c), "cannot_be_inquired", "late outcome"} {
			if !strings.Contains(out, want) {
				t.Errorf("%s: no %q in\n%s", how, want, out)
			}
		}
		if strings.Contains(out, "order-3") {
			t.Errorf("%s: order-3 waits for nobody:\n%s", how, out)
		}
	}
	check("by events")
	if out := d.run(0, "parked", "list", "--merchant", "other"); !strings.Contains(out, "nothing waits") {
		t.Errorf("%s", out)
	}

	db := d.rows()
	d.project(db)
	check("by rows")
	args := []string{"resolve", "order-1", string(c), "--outcome", "failed", "--reason", "x", "--evidence", "y"}
	d.decide(append(args, "--confirm", d.decide(args...).Confirm)...)
	if out := d.run(0, "parked", "list"); strings.Contains(out, "order-1") {
		t.Errorf("rows that are behind are believed:\n%s", out)
	}
	d.project(db)
	var status, reason string
	err := db.QueryRow(t.Context(), "SELECT status, reason FROM operations WHERE command_id = $1", string(c)).Scan(&status, &reason)
	if err != nil || status != "failed" {
		t.Errorf("the row says %q %q, %v", status, reason, err)
	}
	if out := d.run(0, "verify"); !strings.Contains(out, "I5") {
		t.Errorf("%s", out)
	}
}

// rows gives the office a database.
func (d *office) rows() *pgxpool.Pool {
	d.t.Helper()
	dsn := testkit.Postgres(d.t)
	d.environ["DATABASE_URL"] = dsn
	db, err := projection.Open(d.t.Context(), dsn, "test")
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(db.Close)
	return db
}

// project brings the rows up to date.
func (d *office) project(db *pgxpool.Pool) {
	d.t.Helper()
	if err := projection.New(d.broker, db, projection.Options{Until: ends(d.t, d.broker)}).Run(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
}

// ends returns how far every stream that is projected goes.
func ends(t *testing.T, b *bus.Bus) map[string]uint64 {
	t.Helper()
	all := map[string]uint64{}
	for _, s := range append(append(b.CommandStreams(), b.EventStreams()...), bus.CallbackStream, bus.DeadStream) {
		state, err := b.StreamState(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		all[s] = state.LastSeq
	}
	return all
}
