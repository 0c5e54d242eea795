package verify

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/seal"
	"github.com/payloom/payloom/pkg/wire"
)

// noon is when everything begins.
var noon = time.Date(2031, 5, 6, 12, 0, 0, 0, time.UTC)

// world is what there is to verify: streams in memory, and a simulator's ledger.
type world struct {
	key     *seal.Key // of callbacks
	t       *testing.T
	streams map[string][]bus.Message
	heads   map[payment.ID]payment.Head
	ledger  []effect
	others  map[payment.Provider][]effect // ledgers of other providers than Computop
	at      payment.Provider              // of what is accepted next; empty: Computop
	now     time.Time
	source  payment.Source // of the events that come next; empty: an answer
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, now: noon, heads: map[payment.ID]payment.Head{}, others: map[payment.Provider][]effect{}, streams: map[string][]bus.Message{}}
	return w
}

func (w *world) CommandStreams() []string { return []string{"COMMANDS_0"} }
func (w *world) EventStreams() []string   { return []string{"EVENTS_0"} }

func (w *world) StreamState(_ context.Context, stream string) (bus.State, error) {
	s := bus.State{Messages: uint64(len(w.streams[stream])), Now: w.now.Add(time.Hour)}
	if all := w.streams[stream]; len(all) > 0 {
		s.FirstSeq, s.LastSeq = all[0].Seq, all[len(all)-1].Seq
	}
	return s, nil
}

func (w *world) MessageAt(_ context.Context, stream string, seq uint64) (bus.Message, error) {
	for _, m := range w.streams[stream] {
		if m.Seq == seq {
			return m, nil
		}
	}
	return bus.Message{}, bus.ErrNotFound
}

func (w *world) OpenCallback(_ context.Context, data []byte) (wire.StoredCallback, error) {
	return wire.OpenCallback(data, func(string) (*seal.Key, error) { return w.key, nil })
}

func (w *world) Follow(ctx context.Context, stream string, o bus.FollowOptions, handle func(context.Context, []bus.Message) error) error {
	var batch []bus.Message
	for _, m := range w.streams[stream] {
		if m.Seq >= o.From {
			batch = append(batch, m)
		}
	}
	if len(batch) > 0 {
		if err := handle(ctx, batch); err != nil {
			return err
		}
	}
	if !o.ToEnd {
		<-ctx.Done()
	}
	return nil
}

// put stores a message as the next of its stream.
func (w *world) put(stream, subject string, data []byte) {
	w.now = w.now.Add(time.Second)
	seq := uint64(1)
	if all := w.streams[stream]; len(all) > 0 {
		seq = all[len(all)-1].Seq + 1
	}
	w.streams[stream] = append(w.streams[stream], bus.Message{Stream: stream, Seq: seq, Time: w.now, Subject: subject, Data: data})
}

func must[T any](t *testing.T) func(T, error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

const (
	merchant = payment.Merchant("shop")
	order    = payment.ID("order-1")
)

func eur(minor int64) payment.Money { return payment.Money{Minor: minor, Currency: "EUR"} }

// command accepts a command of a payment and returns its id.
func (w *world) command(id payment.ID, req payment.ReqID, kind payment.Kind, amount int64) payment.CommandID {
	w.t.Helper()
	c := payment.Command{
		ID: payment.DeriveCommandID(merchant, req), Merchant: merchant, ReqID: req, Payment: id, Provider: w.provider(), Kind: kind,
	}
	if amount > 0 {
		c.Amount = eur(amount)
	}
	if kind == payment.Authorize {
		c.Authorization = &payment.Authorization{Method: payment.Button, Capture: payment.CaptureManual, Country: "EU"}
	}
	if kind == payment.Payout {
		c.Beneficiary = &payment.Beneficiary{CustomerID: "c", IPAddress: "203.0.113.7", FirstName: "A", LastName: "B", Email: "a@example.com", Address: "1 Road", AccountNumber: "9100000000"}
	}
	w.put("COMMANDS_0", "pay.cmd.0.computop.shop."+string(c.ID), must[[]byte](w.t)(wire.MarshalCommand(c)))
	return c.ID
}

// record returns the next event of a payment with the snapshot that follows.
func (w *world) record(id payment.ID, c payment.CommandID, data payment.EventData) wire.Record {
	h := w.heads[id]
	e := h.Payment.Next(payment.Event{
		ID: bus.NewEventID(), Payment: id, Merchant: merchant, Provider: w.provider(), Command: c,
		At: w.now, Source: cmp.Or(w.source, payment.FromAnswer), Data: data,
	})
	return wire.Record{Event: e, After: payment.Fold(h.Payment, e), Prev: h.Hash}
}

func (w *world) store(r wire.Record) {
	w.t.Helper()
	data := must[[]byte](w.t)(wire.MarshalRecord(r))
	w.put("EVENTS_0", "pay.evt.0.computop.shop."+string(r.Event.Payment), data)
	w.heads[r.Event.Payment] = payment.Head{Payment: r.After, Seq: 1, Hash: wire.Hash(data)}
}

func (w *world) event(id payment.ID, c payment.CommandID, data payment.EventData) {
	w.t.Helper()
	w.store(w.record(id, c, data))
}

func (w *world) intent(id payment.ID, c payment.CommandID, kind payment.Kind, amount int64) {
	w.t.Helper()
	d := payment.AttemptStarted{Kind: kind, Attempt: 1, Key: string(id), Idem: string(c)}
	if amount > 0 {
		d.Amount = eur(amount)
	}
	if kind.Opens() {
		d.Terms = &payment.Terms{Capture: payment.CaptureManual, Method: payment.Button, Country: "EU"}
	}
	w.event(id, c, d)
}

// from has what is done next come from a source.
func (w *world) from(s payment.Source, do func()) {
	w.source = s
	do()
	w.source = ""
}

// callback stores a callback of Computop's server, changed before as is told.
func (w *world) callback(id payment.ID, body string, change func(*wire.StoredCallback)) {
	w.t.Helper()
	c := wire.StoredCallback{
		ID: payment.Digest(body), Provider: w.provider(), Merchant: merchant, Account: "eu", Endpoint: "Endpoint", Kind: wire.FromServer,
		Method: http.MethodPost, Body: []byte(body), ReceivedAt: w.now, Verdict: wire.Accepted, Payment: id,
	}
	if change != nil {
		change(&c)
	}
	marshal := wire.MarshalCallback
	if w.key != nil {
		marshal = func(c wire.StoredCallback) ([]byte, error) { return wire.SealCallback(c, w.key) }
	}
	w.put("CALLBACKS", "pay.hook.computop.shop."+c.ID, must[[]byte](w.t)(marshal(c)))
}

// newDataKey returns a key to seal callbacks with.
func newDataKey(t *testing.T) *seal.Key {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kek")
	if err := os.WriteFile(path, []byte(seal.GenerateKEK().Reveal()), 0o600); err != nil {
		t.Fatal(err)
	}
	k, _, err := seal.New(t.Context(), must[*seal.Ring](t)(seal.ParseRing([]string{"a=file:" + path})), "test")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// metrics serves a text of metrics.
func (w *world) metrics(text string) []string {
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write([]byte(text)) }))
	w.t.Cleanup(s.Close)
	return []string{s.URL}
}

// effect writes an effect into the simulator's ledger.
func (w *world) effect(id payment.ID, c payment.CommandID, kind string, amount int64) {
	w.now = w.now.Add(time.Second)
	w.ledger = append(w.ledger, effect{
		Seq: len(w.ledger) + 1, Time: w.now, TransID: string(id), Kind: kind, Amount: amount, ReqID: string(c),
	})
}

// authorized is a payment of 1000 that was authorised.
func (w *world) authorized(id payment.ID) {
	w.t.Helper()
	c := w.command(id, payment.ReqID("open-"+string(id)), payment.Authorize, 1000)
	w.intent(id, c, payment.Authorize, 1000)
	w.effect(id, "", "authorize", 1000)
	w.event(id, c, payment.OperationSucceeded{Ref: "x", Amount: 1000})
}

// captured is a payment of 1000 of which an amount was captured.
func (w *world) captured(id payment.ID, amount int64) payment.CommandID {
	w.t.Helper()
	w.authorized(id)
	c := w.command(id, payment.ReqID("capture-"+string(id)), payment.Capture, amount)
	w.intent(id, c, payment.Capture, amount)
	w.effect(id, c, "capture", amount)
	w.event(id, c, payment.OperationSucceeded{Ref: "y", Amount: amount})
	return c
}

func (w *world) provider() payment.Provider { return cmp.Or(w.at, payment.Computop) }

// otherEffect writes an effect into the ledger of the provider at hand.
func (w *world) otherEffect(id payment.ID, kind string, amount int64) {
	w.now = w.now.Add(time.Second)
	e := effect{Seq: len(w.others[w.at]) + 1, Time: w.now, Kind: kind, Amount: amount}
	if e.ShopID = string(id); w.at == payment.ECommPay {
		e.ShopID, e.PaymentID = "", string(id)
	}
	w.others[w.at] = append(w.others[w.at], e)
}

// simulator serves the ledgers.
func (w *world) simulator() string {
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		p, _ := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/control/"), "/ledger")
		ledger, ok := w.others[payment.Provider(p)]
		switch {
		case p == "computop":
			ledger = w.ledger
		case !ok:
			http.NotFound(rw, r)
			return
		}
		_ = json.NewEncoder(rw).Encode(ledger)
	}))
	w.t.Cleanup(s.Close)
	return s.URL
}

func (w *world) mustRun(in Inputs) Report {
	w.t.Helper()
	in.Streams, in.Simulators = w, []string{w.simulator()}
	r, err := Run(w.t.Context(), in)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// broken lists the invariants that do not hold, with the kind of their first
// violation.
func broken(r Report) []string {
	var all []string
	for _, i := range r.Results {
		if i.Broken > 0 {
			all = append(all, i.ID+" "+string(i.Examples[0].Kind))
		}
	}
	slices.Sort(all)
	return all
}
