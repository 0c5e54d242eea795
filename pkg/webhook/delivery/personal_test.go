package delivery

import (
	"strings"
	"testing"

	"github.com/payloom/payloom/pkg/bus/bustest"
)

// sealing has what is told from now on sealed.
func (w *world) sealing(t *testing.T) {
	t.Helper()
	w.bus = bustest.Connect(t, bustest.WithDataKeys(t, w.broker), "writer")
}

func (w *world) kept(t *testing.T, endpoint string) (body string, sealed bool) {
	t.Helper()
	err := w.pool.QueryRow(t.Context(), "SELECT encode(body, 'escape'), personal IS NOT NULL FROM webhook_deliveries WHERE endpoint = $1", endpoint).Scan(&body, &sealed)
	if err != nil {
		t.Fatal(err)
	}
	return body, sealed
}

func TestPersonal_IsKeptSealedAndSentOpen(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.sealing(t)
	without, with := newEndpoint(t, "one", nil), newEndpoint(t, "one", nil)
	w.merchant("demo", `id: a, url: "`+without.url+`", secrets: [{id: a, ref: "env:one"}]`, `id: b, url: "`+with.url+`", personal_data: true, secrets: [{id: a, ref: "env:one"}]`)
	woken := make(chan struct{}, 1)
	w.follow(t, w.bus, func() { woken <- struct{}{} })
	w.authorize(t, "demo", "order-1")
	<-woken
	for _, endpoint := range []string{"a", "b"} {
		if body, sealed := w.kept(t, endpoint); strings.Contains(body, "Alex Example") || sealed != (endpoint == "b") {
			t.Errorf("endpoint %s keeps %s, sealed %v", endpoint, body, sealed)
		}
	}
	d := w.dispatcher(t, w.pool)
	d.opts.Keys = w.bus.Finder
	run(t, d.Run)
	if got := with.await(t, 1)[0]; got.err != nil || got.body.Data.Payment.Buyer == nil || got.body.Data.Payment.Buyer.Name != "Alex Example" {
		t.Errorf("sent without the buyer: %+v", got)
	}
	if got := without.await(t, 1)[0]; got.err != nil || got.body.Data.Payment.Buyer != nil {
		t.Errorf("sent with the buyer: %+v", got)
	}
}

func TestPersonal_ErasedMeanwhileIsLeftOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.sealing(t)
	with := newEndpoint(t, "one", nil)
	w.merchant("demo", `id: b, url: "`+with.url+`", personal_data: true, secrets: [{id: a, ref: "env:one"}]`)
	woken := make(chan struct{}, 1)
	w.follow(t, w.bus, func() { woken <- struct{}{} })
	w.authorize(t, "demo", "order-1")
	<-woken
	if done, err := w.bus.Erase(t.Context(), "demo", "order-1"); err != nil || !done {
		t.Fatalf("erase: %v, %v", done, err)
	}
	d := w.dispatcher(t, w.pool)
	d.opts.Keys = w.bus.Finder
	run(t, d.Run)
	if got := with.await(t, 1)[0]; got.err != nil || got.body.Data.Payment.Buyer != nil || got.body.Data.Payment.ID != "order-1" {
		t.Errorf("sent after the erasure: %+v", got)
	}
}
