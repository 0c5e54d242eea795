package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/testkit"
	"github.com/payloom/payloom/services/state-tracker/internal/store"
)

func TestPayment_FromAcceptanceToCapture(t *testing.T) {
	t.Parallel()
	w := running(t)
	c := w.open(t, "order-1")
	p := w.shows(t, "order-1", 0)
	if p["state"] != "accepted" || p["settled"] != false {
		t.Errorf("before any worker ran it is %v", p)
	}
	now := time.Now()
	w.tell(t, now, c, started(c), action("order-1"))
	p = w.shows(t, "order-1", 2)
	want := map[string]any{"type": "button", "payload": "p", "signature": "s", "public_key_id": "k"}
	if diff := cmp.Diff(want, p["action"]); p["state"] != "requires_action" || diff != "" {
		t.Errorf("state %v, action (-want +got):\n%s", p["state"], diff)
	}
	w.tell(t, now, c, payment.BuyerDetailsReceived{Buyer: payment.Buyer{Name: "A. Buyer", Shipping: &payment.Address{City: "Bonn", Country: "DE"}}},
		payment.OperationSucceeded{Ref: "pay-order-1", Code: "00000000", Amount: 1000})
	take := w.accept(t, newCommand("demo", "order-1", payment.Capture, "take-1", euros(400)))
	w.tell(t, now, take, started(take), payment.OperationSucceeded{Ref: "cap-1", Amount: 400})
	sync := w.accept(t, newCommand("demo", "order-1", payment.Sync, "sync-1", payment.Money{}))
	w.tell(t, now, sync, payment.Synced{Found: true})
	p = w.shows(t, "order-1", 7)
	testkit.Eventually(t, patience, func() error { // commands come by a stream of their own
		p = w.shows(t, "order-1", 7)
		for _, op := range p["operations"].([]any) { //nolint:errcheck // a panic fails the test as well
			if op.(map[string]any)["accepted_at"] == nil { //nolint:errcheck // likewise
				return errors.New("a command is not projected")
			}
		}
		return nil
	})
	checkCaptured(t, p, c.ID, take.ID)
}

func checkCaptured(t *testing.T, p map[string]any, open, take payment.CommandID) {
	t.Helper()
	for _, op := range p["operations"].([]any) { //nolint:errcheck // a panic fails the test as well
		op := op.(map[string]any) //nolint:errcheck // likewise
		delete(op, "at")
		delete(op, "accepted_at")
	}
	if p["created_at"] == nil || p["updated_at"] == nil {
		t.Error("times are missing")
	}
	delete(p, "created_at")
	delete(p, "updated_at")
	want := map[string]any{
		"payment_id": "order-1", "merchant": "demo", "provider": "computop", "account": "eu", "state": "partially_captured",
		"settled": true, "version": 7.0, "amount": map[string]any{"value": 1000.0, "currency": "EUR"},
		"authorized": 1000.0, "captured": 400.0, "refunded": 0.0, "capturable": 600.0, "refundable": 400.0, "capture": "manual",
		"buyer": map[string]any{"name": "A. Buyer", "shipping": map[string]any{"city": "Bonn", "country": "DE"}},
		"refs":  map[string]any{"pay_id": "pay-order-1"}, "attention": false,
		"operations": []any{
			map[string]any{
				"command_id": string(open), "kind": "authorize", "status": "succeeded", "amount": map[string]any{"value": 1000.0, "currency": "EUR"},
				"effect": 1000.0, "code": "00000000", "attempts": 1.0, "reference": "pay-order-1", "merchant_reference": "order order-1",
			},
			map[string]any{
				"command_id": string(take), "kind": "capture", "status": "succeeded", "amount": map[string]any{"value": 400.0, "currency": "EUR"},
				"effect": 400.0, "attempts": 1.0, "reference": "cap-1",
			},
		},
	}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Errorf("payment (-want +got):\n%s", diff)
	}
}

func TestPayment_LongPoll(t *testing.T) {
	t.Parallel()
	w := running(t)
	c := newCommand("demo", "order-1", payment.Authorize, "open", euros(1000))
	answers := make(chan reply, 1)
	poll := func(query string) {
		go func() { answers <- w.get(t, reader, "/v1/payments/order-1?wait=20s"+query) }()
	}
	next := func(version float64) {
		t.Helper()
		select {
		case r := <-answers:
			var p map[string]any
			if err := json.Unmarshal(r.body, &p); err != nil || r.status != http.StatusOK || p["version"] != version {
				t.Fatalf("answer %d %s, want version %v", r.status, r.body, version)
			}
			if !strings.HasPrefix(r.header.Get("ETag"), fmt.Sprintf(`"%v-`, version)) {
				t.Errorf("ETag %s, want one of version %v", r.header.Get("ETag"), version)
			}
		case <-time.After(patience):
			t.Fatal("no answer")
		}
	}
	poll("") // for a payment that is not there yet
	w.accept(t, c)
	w.tell(t, time.Now(), c, started(c))
	next(1)
	poll("&after_version=1")
	w.tell(t, time.Now(), c, payment.OperationSucceeded{Amount: 1000})
	next(2)
	poll("&after_version=1") // known already
	next(2)
}

func TestPayment_LongPollEnds(t *testing.T) {
	t.Parallel()
	w := running(t)
	w.open(t, "order-1")
	w.shows(t, "order-1", 0)
	begin := time.Now()
	if r := w.get(t, reader, "/v1/payments/order-1?wait=150ms"); r.status != http.StatusOK || time.Since(begin) < 150*time.Millisecond {
		t.Errorf("answer %d after %v, want the payment as it is after the wait", r.status, time.Since(begin))
	}
	if r := w.get(t, reader, "/v1/payments/none?wait=50ms"); r.status != http.StatusNotFound {
		t.Errorf("answer %d for a payment that never came, want 404", r.status)
	}
	// A stop does not wait for those who wait.
	answered := make(chan int, 1)
	go func() { answered <- w.get(t, reader, "/v1/payments/order-1?wait=30s").status }()
	testkit.Eventually(t, patience, func() error {
		if !strings.Contains(string(w.metrics(t)), "go_goroutines") {
			return errors.New("no metrics")
		}
		return nil
	})
	begin = time.Now()
	if code := w.Stop(); code != 0 || time.Since(begin) > 8*time.Second {
		t.Errorf("exit code %d after %v", code, time.Since(begin))
	}
	if status := <-answered; status != http.StatusOK {
		t.Errorf("the long poll was answered %d at the stop", status)
	}
}

// metrics returns what Prometheus would scrape.
func (w *world) metrics(t *testing.T) []byte {
	t.Helper()
	admin := &world{url: w.URL(t, "admin")}
	return admin.get(t, "", "/metrics").body
}

func TestPayment_NotModified(t *testing.T) {
	t.Parallel()
	w := running(t)
	c := w.open(t, "order-1")
	w.tell(t, time.Now(), c, started(c))
	w.shows(t, "order-1", 1)
	// A follow-up shows before it has an event, and so another tag.
	var seen string
	testkit.Eventually(t, patience, func() error {
		seen = w.get(t, reader, "/v1/payments/order-1").header.Get("ETag")
		if r := w.get(t, reader, "/v1/payments/order-1", "If-None-Match", seen); r.status != http.StatusNotModified || len(r.body) > 0 {
			return fmt.Errorf("answer %d %s", r.status, r.body)
		}
		return nil
	})
	w.accept(t, newCommand("demo", "order-1", payment.Capture, "take", euros(1)))
	testkit.Eventually(t, patience, func() error {
		if r := w.get(t, reader, "/v1/payments/order-1", "If-None-Match", seen); r.status != http.StatusOK {
			return fmt.Errorf("answer %d", r.status)
		}
		return nil
	})
}

func TestList_PagesAreStableUnderInserts(t *testing.T) {
	t.Parallel()
	w := running(t)
	for i := range 12 {
		w.open(t, fmt.Sprintf("old-%02d", i))
	}
	w.shows(t, "old-11", 0)
	var seen []string
	token := ""
	for page := 0; ; page++ {
		var l listed
		w.mustGet(t, "/v1/payments?page_size=5&page_token="+token, &l)
		if token == "" && page > 0 {
			t.Fatal("the list began again")
		}
		for _, p := range l.Payments {
			seen = append(seen, string(p.ID))
		}
		// Something new with every page.
		id := fmt.Sprintf("new-%d", page)
		w.open(t, id)
		w.shows(t, payment.ID(id), 0)
		if token = l.Next; token == "" {
			break
		}
	}
	var want []string
	for i := 11; i >= 0; i-- {
		want = append(want, fmt.Sprintf("old-%02d", i))
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
}

func (w *world) ids(t *testing.T, query string) []string {
	t.Helper()
	var l listed
	w.mustGet(t, "/v1/payments?"+query, &l)
	ids := []string{}
	for _, p := range l.Payments {
		ids = append(ids, string(p.ID))
		if p.Operations != nil || p.Buyer != nil {
			t.Errorf("a list shows %+v", p)
		}
	}
	return ids
}

func TestList_Conditions(t *testing.T) {
	t.Parallel()
	w := running(t)
	for _, id := range []string{"a_1", "a_2", "ax3", "b-1"} {
		c := w.open(t, id)
		if id != "b-1" {
			w.tell(t, time.Now(), c, started(c), action(id))
			w.shows(t, c.Payment, 2)
		}
	}
	w.shows(t, "b-1", 0)
	w.accept(t, newCommand("other", "a_1", payment.Authorize, "theirs", euros(5)))
	middle := w.created(t, "ax3")
	for query, want := range map[string][]string{
		"":                      {"b-1", "ax3", "a_2", "a_1"},
		"state=accepted":        {"b-1"},
		"state=requires_action": {"ax3", "a_2", "a_1"},
		"provider=axerve":       {},
		"provider=computop":     {"b-1", "ax3", "a_2", "a_1"},
		"q=a_":                  {"a_2", "a_1"},
		"q=a":                   {"ax3", "a_2", "a_1"},
		"q=pay-a_2":             {"a_2"},
		"q=pay-a_":              {},
		"q=%25":                 {},
		"from=" + middle:        {"b-1", "ax3"},
		"to=" + middle:          {"a_2", "a_1"},
		"q=a&to=" + middle + "&state=requires_action&page_size=1": {"a_2"},
	} {
		if diff := cmp.Diff(want, w.ids(t, query)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
}

func (w *world) created(t *testing.T, id string) string {
	t.Helper()
	var at time.Time
	if err := w.pool.QueryRow(t.Context(), "SELECT created_at FROM payments WHERE payment_id = $1", id).Scan(&at); err != nil {
		t.Fatal(err)
	}
	return url.QueryEscape(at.UTC().Format(time.RFC3339Nano))
}

func TestEvents_InOrderAndByPage(t *testing.T) {
	t.Parallel()
	w := running(t)
	c := w.open(t, "order-1")
	w.shows(t, "order-1", 0)
	var none told
	if w.mustGet(t, "/v1/payments/order-1/events", &none); len(none.Events) != 0 {
		t.Errorf("an accepted payment has events %v", none.Events)
	}
	w.tell(t, time.Now(), c, started(c), action("order-1"), payment.OperationSucceeded{Ref: "r", Amount: 1000})
	w.shows(t, "order-1", 3)
	var types []string
	token, last := "", told{}
	for {
		last = told{}
		w.mustGet(t, "/v1/payments/order-1/events?page_size=2&page_token="+token, &last)
		for _, e := range last.Events {
			types = append(types, e.Type)
		}
		if token = last.Next; token == "" {
			break
		}
	}
	if diff := cmp.Diff([]string{"AttemptStarted", "ActionRequired", "OperationSucceeded"}, types); diff != "" {
		t.Errorf("types (-want +got):\n%s", diff)
	}
	e := last.Events[0]
	if string(e.Data) != `{"ref":"r","amount":"1000"}` || e.Version != 3 || e.Source != "worker" || e.CommandID != c.ID {
		t.Errorf("event %+v %s", e, e.Data)
	}
}

func TestCommand_FromAcceptanceToItsEnd(t *testing.T) {
	t.Parallel()
	w := running(t)
	c := w.open(t, "order-1")
	path := "/v1/commands/" + string(c.ID)
	await := func(status string, done bool) map[string]any {
		var got map[string]any
		testkit.Eventually(t, patience, func() error {
			r := w.get(t, reader, path)
			got = nil
			if err := json.Unmarshal(r.body, &got); err != nil || got["status"] != status || got["done"] != done {
				return fmt.Errorf("answer %d %s, want %s", r.status, r.body, status)
			}
			return nil
		})
		return got
	}
	got := await("accepted", false)
	if got["req_id"] != "open-order-1" || got["payment_id"] != "order-1" || got["kind"] != "authorize" {
		t.Errorf("command %v", got)
	}
	w.tell(t, time.Now(), c, started(c))
	await("open", false)
	w.tell(t, time.Now(), c, payment.OperationDeclined{Code: "2", Reason: payment.ReasonDeclined})
	if got := await("declined", true); got["reason"] != "declined" || got["code"] != "2" {
		t.Errorf("command %v", got)
	}
}

func TestAPI_WhoMayAsk(t *testing.T) {
	t.Parallel()
	w := running(t)
	c := w.open(t, "order-1")
	w.shows(t, "order-1", 0)
	w.series(t, time.Now(), "order-2", "m-1")
	w.awaitMandate(t, store.Mandate{ID: "m-1", Provider: "computop", Account: "eu", Payment: "order-2", Cycle: "month", State: "active"})
	for _, path := range []string{
		"/v1/payments/order-1", "/v1/payments/order-1/events", "/v1/commands/" + string(c.ID), "/v1/payments",
		"/v1/mandates", "/v1/mandates/m-1", "/v1/stats", "/v1/payments/export",
	} {
		for key, want := range map[string]int{"": 401, "wrong": 401, blind: 403, reader: 200} {
			r := w.get(t, key, path)
			if r.status != want {
				t.Errorf("%s with key %q: %d, want %d", path, key, r.status, want)
			}
			if want != 200 && r.header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("%s with key %q: %s", path, key, r.header.Get("Content-Type"))
			}
			if challenge := r.header.Get("WWW-Authenticate"); (want == 401) != (challenge == "Bearer") {
				t.Errorf("%s with key %q: WWW-Authenticate %q", path, key, challenge)
			}
		}
		want := http.StatusNotFound
		if slices.Contains([]string{"/v1/payments", "/v1/payments/export", "/v1/mandates", "/v1/stats"}, path) {
			want = http.StatusOK
		}
		if r := w.get(t, strange, path); r.status != want || strings.Contains(string(r.body), "order-") || strings.Contains(string(r.body), "EUR") {
			t.Errorf("%s for another merchant: %d %s", path, r.status, r.body)
		}
	}
}

func TestAPI_RefusesWhatItDoesNotUnderstand(t *testing.T) {
	t.Parallel()
	w := running(t)
	w.open(t, "order-1")
	w.open(t, "order-2")
	w.shows(t, "order-2", 0)
	var l listed
	w.mustGet(t, "/v1/payments?page_size=1", &l)
	for query, want := range map[string]string{
		"/v1/payments?limit=5":                             "limit unknown",
		"/v1/payments?state=broken&provider=nobody":        "provider unknown,state unknown",
		"/v1/payments?from=yesterday&page_size=0":          "from malformed,page_size out_of_range",
		"/v1/payments?q=a&q=b&state=":                      "q repeated",
		"/v1/payments?page_token=xyz":                      "page_token malformed",
		"/v1/payments?state=accepted&page_token=" + l.Next: "page_token other_list",
		"/v1/payments?q=" + strings.Repeat("x", 513):       "q malformed",
		"/v1/payments/order-1?wait=31s":                    "wait out_of_range",
		"/v1/payments/order-1?after_version=3":             "after_version alone",
		"/v1/payments/order-1?wait=1s&after_version=-1":    "after_version out_of_range",
		"/v1/payments/order-1/events?type=x":               "type unknown",
		"/v1/payments?q=%zz":                               " malformed",
	} {
		r := w.get(t, reader, query)
		var p struct {
			Errors []struct{ Field, Code string }
		}
		if err := json.Unmarshal(r.body, &p); err != nil || r.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", query, r.status, r.body)
			continue
		}
		var got []string
		for _, e := range p.Errors {
			got = append(got, e.Field+" "+e.Code)
		}
		if strings.Join(got, ",") != want {
			t.Errorf("%s: %v, want %s", query, got, want)
		}
	}
	for _, path := range []string{"/v1/payments/no%20id", "/v1/payments/none/events", "/v1/commands/none", "/v1/nothing"} {
		if r := w.get(t, reader, path); r.status != http.StatusNotFound || r.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
}
