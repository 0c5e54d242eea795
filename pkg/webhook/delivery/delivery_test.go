package delivery

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/webhook"
)

func TestDeliver_OneMessagePerEvent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	e := newEndpoint(t, "new", nil)
	w.merchant("demo", `id: a, url: "`+e.url+`/hooks?token=t", secrets: [{id: b, ref: "env:new"}, {id: a, ref: "env:old"}]`)
	w.deliver(t)
	w.authorize(t, "demo", "p1")
	head := w.tell(t, "demo", "p1", "take", payment.AttemptStarted{Kind: payment.Capture, Amount: euros(1000), Attempt: 1, Key: "p1"},
		payment.OperationSucceeded{Ref: "cap", Amount: 1000})
	w.authorize(t, "nobody", "p2")
	all := e.await(t, 2)
	w.settled(t, "demo", stateDelivered, 2)
	checkOnce(t, all, 2)
	got := map[webhook.Type]webhook.Body{}
	for _, r := range all {
		got[r.body.Type] = r.body
	}
	captured := got[webhook.PaymentCaptured]
	if d := cmp.Diff(webhook.PaymentOf(head.Payment), captured.Data.Payment); d != "" {
		t.Error(d)
	}
	if captured.Data.Operation.Reference != "cap" || got[webhook.PaymentAuthorized].Data.Event.Version != 3 {
		t.Errorf("bodies are %+v", got)
	}
	if n := w.count(t, "SELECT count(*) FROM webhook_deliveries WHERE body <> ''"); n != 0 {
		t.Errorf("%d bodies are kept after their delivery", n)
	}
}

// TestDeliver_Rotation has one endpoint that knows the old secret and one that
// knows the new.
func TestDeliver_Rotation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	before, after := newEndpoint(t, "old", nil), newEndpoint(t, "new", nil)
	secrets := `secrets: [{id: b, ref: "env:new"}, {id: a, ref: "env:old"}]`
	w.merchant("demo", `id: a, url: "`+before.url+`", `+secrets, `id: b, url: "`+after.url+`", personal_data: true, `+secrets)
	w.deliver(t)
	w.authorize(t, "demo", "p1")
	one, two := before.await(t, 1)[0], after.await(t, 1)[0]
	if one.id != two.id {
		t.Errorf("one event has two ids, %s and %s", one.id, two.id)
	}
	if one.body.Data.Payment.Buyer != nil || two.body.Data.Payment.Buyer == nil {
		t.Error("personal data goes to those who asked for it, and to nobody else")
	}
}

func TestDeliver_Filter(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	e := newEndpoint(t, "k", nil)
	w.merchant("demo", `url: "`+e.url+`", events: [payment.captured], secrets: [{id: a, ref: "env:k"}]`)
	w.deliver(t)
	w.authorize(t, "demo", "p1")
	w.tell(t, "demo", "p1", "take", payment.AttemptStarted{Kind: payment.Capture, Amount: euros(1000), Attempt: 1, Key: "p1"},
		payment.OperationSucceeded{Ref: "cap", Amount: 1000})
	checkOnce(t, e.await(t, 1), 1)
	if got := e.receipts()[0].body.Type; got != webhook.PaymentCaptured {
		t.Errorf("told of %s", got)
	}
}

// TestDeliver_Schedule has an endpoint that always fails, and goes through the
// three days of its message.
func TestDeliver_Schedule(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	e := newEndpoint(t, "k", func(_ int, rw http.ResponseWriter) { rw.WriteHeader(http.StatusInternalServerError) })
	w.merchant("demo", `url: "`+e.url+`", secrets: [{id: a, ref: "env:k"}]`)
	d, _ := w.deliver(t)
	w.authorize(t, "demo", "p1")
	begin := w.clock.Now()
	for n, last := 1, false; !last; n++ {
		delay := delays()[min(n, len(delays()))-1]
		r := w.tried(t, "demo", n)
		if r.status != http.StatusInternalServerError || r.reason != string(reasonStatus) {
			t.Errorf("noted status %d, reason %q", r.status, r.reason)
		}
		wait := r.due.Sub(w.clock.Now())
		last = r.due.Equal(begin.Add(Horizon))
		if off := (wait - delay).Abs(); float64(off) > jitter*float64(delay) && !last {
			t.Errorf("attempt %d is %v after the one before, want %v", n+1, wait, delay)
		}
		w.clock.set(r.due)
		d.Wake()
	}
	w.settled(t, "demo", stateExpired, 1)
	all := e.receipts()
	if len(all) < 10 || len(all) > 11 {
		t.Errorf("%d attempts in three days", len(all))
	}
	for _, r := range all {
		if r.id != all[0].id {
			t.Error("a later attempt has another id")
		}
	}
	if all[0].at == all[len(all)-1].at {
		t.Error("the timestamp is not that of the attempt")
	}
	if took := w.clock.Now().Sub(begin); took != Horizon {
		t.Errorf("given up after %v", took)
	}
}

func TestDeliver_ComesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	e := newEndpoint(t, "k", func(n int, rw http.ResponseWriter) {
		rw.Header().Set("Location", "/elsewhere")
		rw.WriteHeader([]int{http.StatusFound, http.StatusBadRequest, http.StatusAccepted}[min(n, 2)])
	})
	w.merchant("demo", `url: "`+e.url+`", secrets: [{id: a, ref: "env:k"}]`)
	d, _ := w.deliver(t)
	w.authorize(t, "demo", "p1")
	for n, want := range []reason{reasonRedirect, reasonStatus} {
		r := w.tried(t, "demo", n+1)
		if r.reason != string(want) {
			t.Errorf("attempt %d: reason %q, want %q", n+1, r.reason, want)
		}
		w.clock.set(r.due)
		d.Wake()
	}
	w.settled(t, "demo", stateDelivered, 1)
	if n := len(e.receipts()); n != 3 {
		t.Errorf("%d requests, want 3: a redirect was followed", n)
	}
}

func TestDeliver_Gone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	e := newEndpoint(t, "k", func(n int, rw http.ResponseWriter) {
		if n == 0 {
			rw.WriteHeader(http.StatusGone)
		}
	})
	w.merchant("demo", `id: orders, url: "`+e.url+`", secrets: [{id: a, ref: "env:k"}]`)
	d, _ := w.deliver(t)
	w.authorize(t, "demo", "p1")
	w.tried(t, "demo", 1)
	w.authorize(t, "demo", "p2")
	w.settled(t, "demo", statePending, 2)
	w.clock.set(w.clock.Now().Add(time.Hour))
	d.round(t.Context())
	d.work.Wait()
	list, err := Endpoints(t.Context(), w.pool)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 1 || list[0].DisabledAt == nil || list[0].Pending != 2 || list[0].Oldest == nil {
		t.Errorf("endpoints are %+v", list)
	}
	if n := len(e.receipts()); n != 1 {
		t.Errorf("%d messages went to an endpoint that is gone", n)
	}

	if _, err := Resume(t.Context(), w.pool, Key{"demo", "orders"}, time.Time{}); err != nil {
		t.Fatal(err)
	}
	d.Wake()
	w.settled(t, "demo", stateDelivered, 2)
	if _, err := Resume(t.Context(), w.pool, Key{"demo", "orders"}, time.Time{}); err == nil {
		t.Error("resumed twice")
	}
}

func TestDeliver_RetryAfter(t *testing.T) {
	t.Parallel()
	for name, status := range map[string]int{"too many": http.StatusTooManyRequests, "out of order": http.StatusServiceUnavailable} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 1)
			e := newEndpoint(t, "k", func(n int, rw http.ResponseWriter) {
				if n == 0 {
					rw.Header().Set("Retry-After", "7200")
					rw.WriteHeader(status)
				}
			})
			w.merchant("demo", `url: "`+e.url+`", secrets: [{id: a, ref: "env:k"}]`)
			d, _ := w.deliver(t)
			w.authorize(t, "demo", "p1")
			r := w.tried(t, "demo", 1)
			if wait := r.due.Sub(w.clock.Now()); wait != 2*time.Hour {
				t.Errorf("the next attempt is in %v, want two hours", wait)
			}
			// Others wait as well: it was the endpoint that asked.
			w.authorize(t, "demo", "p2")
			w.settled(t, "demo", statePending, 2)
			w.clock.set(w.clock.Now().Add(time.Hour))
			d.round(t.Context())
			d.work.Wait()
			if n := len(e.receipts()); n != 1 {
				t.Errorf("%d messages went out before the time that was asked for", n)
			}
			w.clock.set(w.clock.Now().Add(time.Hour))
			d.Wake()
			w.settled(t, "demo", stateDelivered, 2)
		})
	}
}

// TestDeliver_SlowEndpoint has an endpoint that never answers beside one that
// does.
func TestDeliver_SlowEndpoint(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	release := make(chan struct{})
	slow := newEndpoint(t, "k", func(int, http.ResponseWriter) { <-release })
	fast := newEndpoint(t, "k2", nil)
	w.merchant("slow", `url: "`+slow.url+`", secrets: [{id: a, ref: "env:k"}]`)
	w.merchant("fast", `url: "`+fast.url+`", secrets: [{id: a, ref: "env:k2"}]`)
	w.deliver(t)
	t.Cleanup(func() { close(release) })
	for _, id := range strings.Split("abcdefghij", "") {
		w.authorize(t, "slow", id)
	}
	slow.await(t, 4)
	for _, id := range strings.Split("abcdefghij", "") {
		w.authorize(t, "fast", id)
	}
	w.settled(t, "fast", stateDelivered, 10)
	checkOnce(t, fast.receipts(), 10)
	if n := len(slow.receipts()); n != 4 {
		t.Errorf("%d messages are under way to one endpoint, want 4", n)
	}
}
