package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/payloom/payloom/pkg/projection"
	"github.com/payloom/payloom/pkg/testkit"
)

// rack holds rows of payments that were projected.
type rack struct {
	t       *testing.T
	db      *pgxpool.Pool
	environ map[string]string
}

func newRack(t *testing.T) *rack {
	t.Helper()
	dsn := testkit.Postgres(t)
	if _, err := projection.Migrate(t.Context(), dsn); err != nil {
		t.Fatal(err)
	}
	db, err := projection.Open(t.Context(), dsn, "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return &rack{t, db, map[string]string{"DATABASE_URL": dsn}}
}

func (r *rack) mustExec(sql string, params ...any) {
	r.t.Helper()
	if _, err := r.db.Exec(r.t.Context(), sql, params...); err != nil {
		r.t.Fatal(err)
	}
}

// payment adds an authorized payment.
func (r *rack) payment(merchant, id string) {
	r.t.Helper()
	r.mustExec(`INSERT INTO payments (merchant, payment_id, provider, account, state, settled, version, shard, last_seq, last_hash, currency, amount,
		authorized, captured, refunded, capturable, refundable, capture_mode, attention, frozen, opened_by, created_at, updated_at)
		VALUES ($1, $2, 'computop', 'eu', 'authorized', true, 2, 0, 2, '', 'EUR', 1000, 1000, 0, 0, 1000, 0, 'manual', false, '', 'c', now(), now())`,
		merchant, id)
}

// operation adds a command of a payment, and when it was accepted.
func (r *rack) operation(merchant, id, kind, status string, age time.Duration) {
	r.t.Helper()
	r.mustExec(`INSERT INTO operations (merchant, payment_id, command_id, provider, kind, status, version, currency, amount, effect, reason, code, ref,
		attempts, at, accepted_at)
		VALUES ($1, $2, $2 || $3 || $4, 'computop', $3, $4, 3, 'EUR', 600, 0, '', '', '', 1, now(), now() - $5 * interval '1 second')`,
		merchant, id, kind, status, age.Seconds())
}

// listed returns the payments of payment list, as merchant/id in its order.
func (r *rack) listed(args ...string) []string {
	r.t.Helper()
	got := payctl(r.t, r.environ, "", append([]string{"payment", "list", "--json"}, args...)...)
	var list struct {
		Payments []paymentRow `json:"payments"`
	}
	if err := json.Unmarshal([]byte(got.out), &list); err != nil || got.code != 0 {
		r.t.Fatalf("%v: exit code %d, %v\n%s%s", args, got.code, err, got.out, got.err)
	}
	all := []string{}
	for _, p := range list.Payments {
		all = append(all, p.Merchant+"/"+p.ID)
	}
	return all
}

// TestPaymentList_Open: what an alert about stuck payments speaks of is found, whoever's
// it is and whatever the payment's state.
func TestPaymentList_Open(t *testing.T) {
	t.Parallel()
	r := newRack(t)
	for _, id := range []string{"stuck", "fresh", "done", "parked"} {
		r.payment("other", id)
		r.operation("other", id, "authorize", "succeeded", 3*time.Hour)
	}
	r.operation("other", "stuck", "capture", "unknown", time.Hour)
	r.operation("other", "fresh", "capture", "open", time.Second)
	r.operation("other", "parked", "capture", "parked", 2*time.Hour)
	r.payment("demo", "oldest")
	r.operation("demo", "oldest", "authorize", "succeeded", 30*time.Hour)
	r.operation("demo", "oldest", "capture", "waiting", 26*time.Hour)
	r.operation("demo", "oldest", "refund", "accepted", time.Second)

	for args, want := range map[string][]string{
		"--open":                                 {"demo/oldest", "other/stuck", "other/fresh"},
		"--open --older 10m":                     {"demo/oldest", "other/stuck"},
		"--open --older 25h":                     {"demo/oldest"},
		"--open --older 1000h":                   {},
		"--open --merchant other --older 10m":    {"other/stuck"},
		"--open --state captured":                {},
		"--open --limit 1":                       {"demo/oldest"},
		"--open --prefix st --provider computop": {"other/stuck"},
		"--open --attention":                     {},
		"":                                       {"demo/oldest"},
	} {
		if got := r.listed(strings.Fields(args)...); !slices.Equal(got, want) {
			t.Errorf("payment list %s: %v, want %v", args, got, want)
		}
	}
	if got := r.listed("--merchant", ""); len(got) != 5 {
		t.Errorf("of every merchant: %v", got)
	}
	if got := payctl(t, r.environ, "", "payment", "list", "--open", "--older", "10m"); !strings.Contains(got.out, "stuck") || !strings.Contains(got.out, "other") {
		t.Errorf("for people: %s%s", got.out, got.err)
	}
}

func TestPaymentList_Asks(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"--older 10m", "--open --older -1s"} {
		got := payctl(t, nil, "", append([]string{"payment", "list"}, strings.Fields(args)...)...)
		if got.code != 2 || !strings.Contains(got.err, "--older") {
			t.Errorf("%s: %+v", args, got)
		}
	}
}
