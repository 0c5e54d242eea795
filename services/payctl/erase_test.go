package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/bustest"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/projection"
	"github.com/payloom/payloom/pkg/testkit"
)

// eraseRig is a broker with data keys, and tables.
type eraseRig struct {
	t       *testing.T
	bus     *bus.Bus
	clear   *bus.Bus // of a program without keys
	environ map[string]string
}

func newEraseRig(t *testing.T) *eraseRig {
	t.Helper()
	cfg := bustest.Server(t)
	bustest.Provision(t, cfg, bus.Topology{})
	dsn := testkit.Postgres(t)
	if _, err := projection.Migrate(t.Context(), dsn); err != nil {
		t.Fatal(err)
	}
	sealed := bustest.WithDataKeys(t, cfg)
	return &eraseRig{
		t: t, bus: bustest.Connect(t, sealed, "test"), clear: bustest.Connect(t, cfg, "clear"),
		environ: map[string]string{"NATS_URL": cfg.URL, "PAYLOOM_DATA_KEYS": strings.Join(sealed.DataKeys, ","), "DATABASE_URL": dsn},
	}
}

// open accepts a payout and stores its intent.
func (r *eraseRig) open(b *bus.Bus, id string) payment.Head {
	r.t.Helper()
	c := payment.Command{
		Merchant: "demo", ReqID: payment.ReqID("req-" + id), Payment: payment.ID(id), Provider: payment.ECommPay, Kind: payment.Payout,
		Amount:      payment.Money{Minor: 100, Currency: "INR"},
		Beneficiary: &payment.Beneficiary{CustomerID: "c", IPAddress: "203.0.113.7", FirstName: "Canary", LastName: "Example", Email: "canary@example.com", Address: "x", AccountNumber: "9100000000"},
	}
	c.ID = payment.DeriveCommandID(c.Merchant, c.ReqID)
	if _, _, err := b.Accept(r.t.Context(), c); err != nil {
		r.t.Fatal(err)
	}
	return r.tell(b, payment.Head{}, c.ID, id, payment.AttemptStarted{Kind: c.Kind, Amount: c.Amount, Attempt: 1, Key: id, Terms: &payment.Terms{}})
}

func (r *eraseRig) tell(b *bus.Bus, h payment.Head, c payment.CommandID, id string, all ...payment.EventData) payment.Head {
	r.t.Helper()
	for _, d := range all {
		var err error
		h, err = b.Append(r.t.Context(), h, payment.Event{
			Payment: payment.ID(id), Merchant: "demo", Provider: payment.ECommPay, Command: c, At: time.Now().UTC(), Source: payment.FromAnswer, Data: d,
		})
		if err != nil {
			r.t.Fatal(err)
		}
	}
	return h
}

// erase runs payctl erase and returns what it printed for programs.
func (r *eraseRig) erase(code int, args ...string) (erasure, string) {
	r.t.Helper()
	got := payctl(r.t, r.environ, "", append([]string{"erase", "--json"}, args...)...)
	if got.code != code {
		r.t.Fatalf("%v: exit code %d, want %d\n%s%s", args, got.code, code, got.out, got.err)
	}
	var e erasure
	if code == 0 {
		if err := json.Unmarshal([]byte(got.out), &e); err != nil {
			r.t.Fatalf("%v\n%s", err, got.out)
		}
	}
	return e, got.out + got.err
}

// confirm runs both calls of payctl erase, and returns what the second printed for
// programs.
func (r *eraseRig) confirm(args ...string) erasure {
	r.t.Helper()
	args = append(args, "--reason", "a test")
	first, _ := r.erase(0, args...)
	if first.Erased || first.Confirm == "" {
		r.t.Fatalf("%v: the first call: %+v", args, first)
	}
	e, _ := r.erase(0, append(args, "--confirm", first.Confirm)...)
	return e
}

func (r *eraseRig) isErased(id string) bool {
	r.t.Helper()
	erased, _, err := r.bus.IsErased(r.t.Context(), "demo", payment.ID(id))
	if err != nil {
		r.t.Fatal(err)
	}
	return erased
}

func TestErase_RefusesWhileSomethingIsUnderWay(t *testing.T) {
	t.Parallel()
	r := newEraseRig(t)
	h := r.open(r.bus, "p1")
	if _, said := r.erase(1, "p1", "--reason", "a test"); !strings.Contains(said, "payout open") || r.isErased("p1") {
		t.Errorf("said %s", said)
	}
	if e, _ := r.erase(0, "p1", "--dry-run"); e.Erased || len(e.Open) != 1 || e.Sealed != 1 || r.isErased("p1") {
		t.Errorf("a dry run: %+v", e)
	}
	r.tell(r.bus, h, h.Payment.Operations[0].ID, "p1", payment.OperationSucceeded{Amount: 100, Ref: "r"})
	if e := r.confirm("p1"); !e.Erased || e.Before || e.Sealed != 1 || e.Clear != 0 || !r.isErased("p1") {
		t.Errorf("after its end: %+v", e)
	}
	if e := r.confirm("p1"); !e.Erased || !e.Before {
		t.Errorf("once more: %+v", e)
	}
	got := payctl(t, r.environ, "", "audit", "list", "--json", "--action", "payment.erase")
	if n := strings.Count(got.out, `"payment_id": "p1"`); got.code != 0 || n != 2 {
		t.Errorf("%d erasures in the audit\n%s%s", n, got.out, got.err)
	}
}

func TestErase_ForcedWhileUnderWay(t *testing.T) {
	t.Parallel()
	r := newEraseRig(t)
	r.open(r.bus, "p1")
	if e := r.confirm("p1", "--force"); !e.Erased || len(e.Open) != 1 || !r.isErased("p1") {
		t.Errorf("%+v", e)
	}
}

func TestErase_TellsWhatStandsInClear(t *testing.T) {
	t.Parallel()
	r := newEraseRig(t)
	h := r.open(r.clear, "p1")
	r.tell(r.clear, h, h.Payment.Operations[0].ID, "p1",
		payment.OperationSucceeded{Amount: 100, Ref: "r"}, payment.BuyerDetailsReceived{Buyer: payment.Buyer{Name: "Canary"}})
	pool, err := projection.Open(t.Context(), r.environ["DATABASE_URL"], "test")
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	_, err = pool.Exec(t.Context(), `INSERT INTO payments (merchant, payment_id, provider, account, state, settled, version, shard, last_seq, last_hash,
		currency, amount, authorized, captured, refunded, capturable, refundable, capture_mode, attention, frozen, opened_by, created_at, updated_at, buyer)
		VALUES ('demo', 'p1', 'ecommpay', '', 'paid', true, 3, 0, 3, '', 'INR', 100, 0, 0, 0, 0, 0, '', false, '', '', now(), now(), '{"name": "Canary"}')`)
	if err != nil {
		t.Fatal(err)
	}
	_, err = pool.Exec(t.Context(), `INSERT INTO payloom_kept.webhook_deliveries (merchant, endpoint, message_id, type, payment_id, version, stream, seq, body, state,
		attempts, due_at, expires_at, event_at, created_at, last_status, last_error)
		VALUES ('demo', 'a', 'm', 'payout.succeeded', 'p1', 3, 'EVENTS_0', 3, $1, 'pending', 0, now(), now(), now(), now(), 0, '')`,
		[]byte(`{"type":"payout.succeeded","timestamp":"2026-11-21T10:00:00Z","data":{"event":{"id":"e","type":"OperationSucceeded","version":3},"payment":{"payment_id":"p1","buyer":{"name":"Canary"}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	e := r.confirm("p1")
	if !e.Erased || e.Sealed != 0 || e.Clear != 2 || e.Rows != 1 || e.Webhooks != 1 {
		t.Errorf("%+v", e)
	}
	var left int
	err = pool.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM payments t WHERE t::text LIKE '%Canary%')
		+ (SELECT count(*) FROM payloom_kept.webhook_deliveries WHERE encode(body, 'escape') LIKE '%Canary%')`).Scan(&left)
	if err != nil || left != 0 {
		t.Errorf("%d rows show personal data, %v", left, err)
	}
}

// TestErase_TakesTwoCalls: a token is for what the operator saw, and nothing else.
func TestErase_TakesTwoCalls(t *testing.T) {
	t.Parallel()
	r := newEraseRig(t)
	why := []string{"p1", "--reason", "a test"}
	h := r.open(r.bus, "p1")
	c := h.Payment.Operations[0].ID
	h = r.tell(r.bus, h, c, "p1", payment.OperationSucceeded{Amount: 100, Ref: "r"})
	first, _ := r.erase(0, why...)
	if first.Confirm == "" || first.Erased || r.isErased("p1") {
		t.Fatalf("the first call: %+v", first)
	}
	if said := payctl(t, r.environ, "", append([]string{"erase"}, why...)...); !strings.Contains(said.out, "would be erased") || !strings.Contains(said.out, "--confirm "+first.Confirm) {
		t.Errorf("people are told %s", said.out)
	}
	for name, args := range map[string][]string{"a wrong token": {"--confirm", "abc"}, "another choice": {"--force", "--confirm", first.Confirm}} {
		if _, said := r.erase(1, append(why, args...)...); !strings.Contains(said, "look again") || r.isErased("p1") {
			t.Errorf("%s: %s", name, said)
		}
	}
	r.tell(r.bus, h, c, "p1", payment.BuyerDetailsReceived{Buyer: payment.Buyer{Name: "Canary"}})
	if _, said := r.erase(1, append(why, "--confirm", first.Confirm)...); !strings.Contains(said, "look again") || r.isErased("p1") {
		t.Errorf("the payment went on: %s", said)
	}
	if e := r.confirm("p1"); !e.Erased || e.Confirm != "" || !r.isErased("p1") {
		t.Errorf("looked at again: %+v", e)
	}
}

// TestErase_WithoutADatabase: a command that is accepted and not begun is in the rows
// alone.
func TestErase_WithoutADatabase(t *testing.T) {
	t.Parallel()
	r := newEraseRig(t)
	h := r.open(r.bus, "p1")
	r.tell(r.bus, h, h.Payment.Operations[0].ID, "p1", payment.OperationSucceeded{Amount: 100, Ref: "r"})
	delete(r.environ, "DATABASE_URL")
	if _, said := r.erase(1, "p1", "--reason", "a test"); !strings.Contains(said, "DATABASE_URL") || !strings.Contains(said, "--force") || r.isErased("p1") {
		t.Errorf("said %s", said)
	}
	if e, _ := r.erase(0, "p1", "--dry-run"); !e.RowsLeftAlone || e.Confirm != "" || r.isErased("p1") {
		t.Errorf("a dry run: %+v", e)
	}
	if e := r.confirm("p1", "--force"); !e.Erased || !e.RowsLeftAlone || !r.isErased("p1") {
		t.Errorf("forced: %+v", e)
	}
}

func TestErase_RefusesWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	r := newEraseRig(t)
	if _, said := r.erase(1, "nobody", "--reason", "a test"); !strings.Contains(said, "no payment nobody") || r.isErased("nobody") {
		t.Errorf("said %s", said)
	}
	if _, said := r.erase(2, "nobody"); !strings.Contains(said, "--reason") {
		t.Errorf("said %s", said)
	}
}

func TestDataKeys_Rewrap(t *testing.T) {
	t.Parallel()
	r := newEraseRig(t)
	r.open(r.bus, "p1")
	first := strings.Split(r.environ["PAYLOOM_DATA_KEYS"], ",")
	both := bustest.WithDataKeys(t, bus.Config{DataKeys: first}).DataKeys
	r.environ["PAYLOOM_DATA_KEYS"] = strings.Join(both, ",")
	got := payctl(t, r.environ, "", "data-keys", "rewrap", "--json", "--reason", "a test")
	if got.code != 0 || !strings.Contains(got.out, `"rewrapped": 1`) {
		t.Errorf("exit code %d: %s%s", got.code, got.out, got.err)
	}
	if got := payctl(t, nil, "", "data-keys", "generate"); got.code != 0 || len(strings.TrimSpace(got.out)) != 44 {
		t.Errorf("exit code %d: %s", got.code, got.err)
	}
}
