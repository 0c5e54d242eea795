package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/bustest"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/projection"
)

const canary = "canary-7a31"

// sealing has w and its service seal personal data.
func (w *world) sealing(t *testing.T) {
	t.Helper()
	cfg := bustest.WithDataKeys(t, bus.Config{URL: w.env["NATS_URL"], Durability: bus.Laptop})
	w.env["PAYLOOM_DATA_KEYS"] = strings.Join(cfg.DataKeys, ",")
	w.bus = bustest.Connect(t, cfg, "writer")
}

// toldOfBuyer plays a payment of which the provider told the buyer.
func (w *world) toldOfBuyer(t *testing.T) payment.Command {
	t.Helper()
	c := w.open(t, "sealed")
	told := payment.BuyerDetailsReceived{Buyer: payment.Buyer{Name: canary + "-name", Email: canary + "@example.org"}}
	w.tell(t, time.Now(), c, started(c), told, payment.OperationSucceeded{Amount: 1000})
	return c
}

// erase destroys the key and waits until the service has forgotten it too: it is
// another one, for it would remember for a minute.
func (w *world) erase(t *testing.T, c payment.Command) {
	t.Helper()
	if done, err := w.bus.Erase(t.Context(), c.Merchant, c.Payment); err != nil || !done {
		t.Fatalf("erase: %v, %v", done, err)
	}
	if code := w.Stop(); code != 0 {
		t.Errorf("stopped with %d", code)
	}
	w.Service = start(t, w)
	w.Ready(t)
	w.url = w.URL(t, "http")
}

// checkRows fails when a row of any table shows the canary.
func (w *world) checkRows(t *testing.T) {
	t.Helper()
	for _, table := range []string{"payments", "operations", "events", "commands", "callbacks", "refs", "mandates", "dead_letters"} {
		var found int
		// What bytes hold shows in their escaped form.
		sql := "SELECT count(*) FROM " + table + " t WHERE t::text LIKE '%' || $1 || '%' OR t::text LIKE '%' || encode($1::text::bytea, 'hex') || '%'"
		if err := w.pool.QueryRow(t.Context(), sql, canary).Scan(&found); err != nil || found > 0 {
			t.Errorf("%s: %d rows show personal data, %v", table, found, err)
		}
	}
}

func TestSealed_RowsShowNothingAndTheAPIOpensThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.sealing(t)
	w.Service = start(t, w)
	w.Ready(t)
	w.url = w.URL(t, "http")
	c := w.toldOfBuyer(t)
	w.projected(t, 1, "SELECT count(*) FROM payments WHERE version = 3 AND personal IS NOT NULL AND buyer IS NULL")
	w.checkRows(t)

	for _, path := range []string{"/v1/payments/" + string(c.Payment), "/v1/payments/" + string(c.Payment) + "/events"} {
		if got := w.get(t, reader, path); got.status != 200 || !bytes.Contains(got.body, []byte(canary+"-name")) || bytes.Contains(got.body, []byte("personal_data")) {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	w.erase(t, c)
	for _, path := range []string{"/v1/payments/" + string(c.Payment), "/v1/payments/" + string(c.Payment) + "/events"} {
		if got := w.get(t, reader, path); got.status != 200 || bytes.Contains(got.body, []byte(canary)) || !bytes.Contains(got.body, []byte(`"personal_data":"erased"`)) {
			t.Errorf("%s after the erasure: %d %s", path, got.status, got.body)
		}
	}
}

// A service without the key shows everything else.
func TestSealed_WithoutTheKeyTheRestIsShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.sealing(t)
	delete(w.env, "PAYLOOM_DATA_KEYS")
	w.Service = start(t, w)
	w.Ready(t)
	w.url = w.URL(t, "http")
	c := w.toldOfBuyer(t)
	w.projected(t, 1, "SELECT count(*) FROM payments WHERE version = 3")
	got := w.get(t, reader, "/v1/payments/"+string(c.Payment))
	var p struct {
		Personal string `json:"personal_data"`
		State    string `json:"state"`
		Buyer    any    `json:"buyer"`
	}
	if err := json.Unmarshal(got.body, &p); err != nil || p.Personal != "unavailable" || p.State != "authorized" || p.Buyer != nil {
		t.Errorf("%s, %v", got.body, err)
	}
}

// Row 40 of the faults: what is erased while it is projected again stays erased, and
// the rebuilt rows are those that a projection without an erasure has.
func TestErase_DuringReplayAndRebuild(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.sealing(t)
	w.Service = start(t, w)
	w.Ready(t)
	w.url = w.URL(t, "http")
	c := w.toldOfBuyer(t)
	w.projected(t, 1, "SELECT count(*) FROM payments WHERE version = 3")
	before, err := projection.RowHashes(t.Context(), w.env["DATABASE_URL"], projection.Live)
	if err != nil {
		t.Fatal(err)
	}
	erased := false
	report, err := projection.Rebuild(t.Context(), w.bus, w.env["DATABASE_URL"], projection.RebuildOptions{
		Swap: true,
		Progress: func(uint64, uint64) {
			if !erased { // between two batches of the rebuild
				erased = true
				w.erase(t, c)
			}
		},
	})
	if err != nil || !erased || len(report.Differences) > 0 {
		t.Fatalf("rebuild: erased %v, %v, %v", erased, report.Differences, err)
	}
	after, err := projection.RowHashes(t.Context(), w.env["DATABASE_URL"], projection.Live)
	if err != nil || before["payments"] != after["payments"] || before["events"] != after["events"] {
		t.Errorf("the rebuilt rows are others, %v", err)
	}
	w.checkRows(t)
	got := w.get(t, reader, "/v1/payments/"+string(c.Payment))
	if got.status != 200 || bytes.Contains(got.body, []byte(canary)) || !bytes.Contains(got.body, []byte(`"erased"`)) {
		t.Errorf("after the rebuild: %d %s", got.status, got.body)
	}
}
