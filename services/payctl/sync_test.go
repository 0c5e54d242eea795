package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/service"
)

// reception is an ingress that stores in the office's broker what it is asked to, for the
// merchant whose key it is shown.
type reception struct {
	*office
	merchants map[string]payment.Merchant // by key
}

func newReception(t *testing.T) *reception {
	t.Helper()
	c := &reception{newOffice(t), map[string]payment.Merchant{"key-1": "demo", "key-2": "other"}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/payments/{id}/sync", c.sync)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	c.environ["PAYLOOM_INGRESS"], c.environ["PAYLOOM_API_KEY"] = s.URL+"/", "key-1"
	return c
}

func (c *reception) sync(w http.ResponseWriter, r *http.Request) {
	m, ok := c.merchants[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	if !ok {
		service.WriteProblem(w, service.Problem{Status: http.StatusUnauthorized, Title: "no such key"})
		return
	}
	p, found, err := c.broker.Find(r.Context(), m, payment.ID(r.PathValue("id")))
	if err != nil || !found {
		service.WriteProblem(w, service.Problem{Status: http.StatusNotFound, Title: "no such payment"})
		return
	}
	cmd := payment.Command{Merchant: m, ReqID: payment.ReqID(r.Header.Get("Idempotency-Key")), Payment: p.ID, Provider: p.Provider, Kind: payment.Sync}
	cmd.ID = payment.DeriveCommandID(m, cmd.ReqID)
	if _, _, err := c.broker.Accept(r.Context(), cmd); err != nil {
		c.t.Error(err)
	}
	w.WriteHeader(http.StatusAccepted)
	_ = json.NewEncoder(w).Encode(map[string]any{"command_id": cmd.ID, "payment_id": p.ID})
}

// others opens a payment of the other merchant's.
func (c *reception) others(id payment.ID) {
	c.t.Helper()
	_, err := c.broker.Append(c.t.Context(), payment.Head{}, payment.Event{
		Payment: id, Merchant: "other", Provider: payment.Computop, Command: payment.DeriveCommandID("other", "open"), At: time.Now().UTC(),
		Source: payment.FromWorker, Data: payment.AttemptStarted{
			Kind: payment.Authorize, Amount: payment.Money{Minor: 1000, Currency: "EUR"}, Attempt: 1, Key: string(id), Terms: &payment.Terms{},
		},
	})
	if err != nil {
		c.t.Fatal(err)
	}
}

// synced is what payment sync prints for programs.
type synced struct {
	Command payment.CommandID `json:"command_id"`
	Status  string            `json:"status"`
}

// audited returns the records of having providers asked, the last first.
func (c *reception) audited() []auditLine {
	c.t.Helper()
	var list struct {
		Audit []auditLine `json:"audit"`
	}
	if err := json.Unmarshal([]byte(c.run(0, "audit", "list", "--json", "--action", syncAction)), &list); err != nil {
		c.t.Fatal(err)
	}
	return list.Audit
}

// TestPaymentSync: the command is stored, and the audit has who wanted it.
func TestPaymentSync(t *testing.T) {
	t.Parallel()
	c := newReception(t)
	c.authorized("order-1")
	var out synced
	if err := json.Unmarshal([]byte(c.run(0, "payment", "sync", "order-1", "--json", "--actor", "alex")), &out); err != nil {
		t.Fatal(err)
	}
	cmd, err := c.broker.Command(t.Context(), "demo", out.Command)
	if err != nil || cmd.Kind != payment.Sync || cmd.Payment != "order-1" || cmd.Provider != payment.Computop || out.Status != "accepted" {
		t.Errorf("%+v, %v, and it printed %+v", cmd, err, out)
	}
	audit := c.audited()
	if len(audit) != 1 || audit[0].Actor != "alex" || audit[0].Result != "done" || !strings.Contains(audit[0].Detail, string(out.Command)) || audit[0].Reason == "" {
		t.Errorf("%+v", audit)
	}
	if said := c.run(1, "payment", "sync", "order-1", "--wait", "300ms"); !strings.Contains(said, "nobody has asked the provider") || !strings.Contains(said, "payctl command get") {
		t.Errorf("without a worker: %s", said)
	}
	if len(c.audited()) != 2 {
		t.Errorf("a second time: %+v", c.audited())
	}
}

// TestPaymentSync_Refused: another merchant's key asks about nothing of this one's, and
// that it was tried is known.
func TestPaymentSync_Refused(t *testing.T) {
	t.Parallel()
	c := newReception(t)
	c.authorized("order-1")
	for key, why := range map[string]string{"key-2": "no such payment", "key-3": "no such key"} {
		c.environ["PAYLOOM_API_KEY"] = key
		if said := c.run(1, "payment", "sync", "order-1"); !strings.Contains(said, why) {
			t.Errorf("%s: %s", key, said)
		}
	}
	audit := c.audited()
	if len(audit) != 2 || audit[0].Result != "failed" || audit[1].Result != "failed" {
		t.Errorf("%+v", audit)
	}
	// Now the key's merchant has a payment of the same id.
	c.environ["PAYLOOM_API_KEY"] = "key-2"
	c.others("order-1")
	if said := c.run(1, "payment", "sync", "order-1"); !strings.Contains(said, "a key of another merchant") {
		t.Errorf("a payment of the same id: %s", said)
	}
	c.run(1, "payment", "sync", "order-2")
	delete(c.environ, "PAYLOOM_API_KEY")
	if said := c.run(1, "payment", "sync", "order-1"); !strings.Contains(said, "the scope read") {
		t.Errorf("without a key: %s", said)
	}
	if state, err := c.broker.Load(t.Context(), "demo", "order-1"); err != nil || state.Payment.Version != 2 {
		t.Errorf("the payment was touched: %+v, %v", state, err)
	}
	if len(c.audited()) != 3 {
		t.Errorf("%+v", c.audited())
	}
}

func TestPaymentSync_Asks(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		args []string
		hint string
	}{
		"no payment":   {nil, "accepts 1 arg"},
		"no such wait": {[]string{"order-1", "--wait", "-1s"}, "--wait"},
		"nobody":       {[]string{"order-1", "--actor", ""}, "--actor"},
		"no reason":    {[]string{"order-1", "--reason", " "}, "--reason"},
	} {
		if got := payctl(t, nil, "", append([]string{"payment", "sync"}, tt.args...)...); got.code != 2 || !strings.Contains(got.err, tt.hint) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
