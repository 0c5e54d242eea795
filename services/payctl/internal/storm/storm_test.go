package storm

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider/computop/paygate"
	"github.com/payloom/payloom/pkg/wire"
)

const (
	cipherKey = "cipherkey-16byte"
	macKey    = "mac-key-of-the-account"
)

func keys() []Keys {
	return []Keys{
		{Provider: payment.Computop, Endpoint: "Computop0000000000", Cipher: cipherKey, MAC: macKey, Merchant: "demo_mid"},
		{Provider: payment.Axerve, Endpoint: "Axerve000000000000", Merchant: "PAYLOOM1"},
		{Provider: payment.ECommPay, Endpoint: "ECommPay0000000000", Merchant: "818"},
	}
}

// notify is Computop's notify of an authorised payment.
func notify(t *testing.T, key string, change ...string) []byte {
	t.Helper()
	m := paygate.NewMessage("mid", "demo_mid", "PayID", strings.Repeat("a", 32), "XID", strings.Repeat("b", 32), "TransID", "order-1",
		"Status", "AUTHORIZED", "Code", "00000000", "AmountAuth", "1000", "AmountCap", "0", "AmountCred", "0")
	m.Add("MAC", paygate.NotifyMAC(key, m.Get("PayID"), m.Get("TransID"), "demo_mid", m.Get("Status"), m.Get("Code")))
	for i := 0; i+1 < len(change); i += 2 {
		m.Add(change[i], change[i+1])
	}
	env, err := paygate.Seal(paygate.Blowfish, cipherKey, "", m)
	if err != nil {
		t.Fatal(err)
	}
	return []byte(env.Form().Encode())
}

func genuine(t *testing.T) []Callback {
	return []Callback{
		{Provider: payment.Computop, Endpoint: "Computop0000000000", Method: "POST", Type: form, Body: notify(t, macKey)},
		{Provider: payment.Axerve, Endpoint: "Axerve000000000000", Method: "GET", Query: "a=PAYLOOM1&b=" + strings.Repeat("Ab9*", 60)},
		{Provider: payment.ECommPay, Endpoint: "ECommPay0000000000", Method: "POST", Type: text, Body: []byte(
			`{"project_id":818,"payment":{"id":"order-2","sum":{"amount":1000,"currency":"INR"}},"signature":"AAAA"}`)},
	}
}

func TestForger_MakesTheSameAgain(t *testing.T) {
	t.Parallel()
	g := genuine(t)
	backwards := []Callback{g[2], g[0], g[1]}
	one, two, other := NewForger(7, g, keys()), NewForger(7, backwards, keys()), NewForger(8, g, keys())
	same := 0
	for i := range 500 {
		nameOne, a := one.Forge(i)
		nameTwo, b := two.Forge(i)
		if nameOne != nameTwo || !cmp.Equal(a, b) {
			t.Fatalf("forgery %d: %s, then %s", i, nameOne, nameTwo)
		}
		if _, c := other.Forge(i); cmp.Equal(a, c) {
			same++
		}
	}
	if same > 50 {
		t.Errorf("%d of 500 are the same with another seed", same)
	}
}

// Every trick must make something else of what is genuine, nearly always, and must
// be used.
func TestForger_EveryTrickForges(t *testing.T) {
	t.Parallel()
	seen := genuine(t)
	f := NewForger(1, seen, keys())
	made, unchanged := map[string]int{}, map[string]int{}
	for i := range 3000 {
		name, c := f.Forge(i)
		made[name]++
		for _, g := range seen {
			if c.Provider == g.Provider && c.Endpoint == g.Endpoint && c.Query == g.Query && bytes.Equal(c.Body, g.Body) {
				unchanged[name]++
			}
		}
	}
	for _, trick := range tricks() {
		if made[trick.name] < 100 {
			t.Errorf("%s was made %d times of 3000", trick.name, made[trick.name])
		}
		switch most := made[trick.name] / 4; {
		case trick.name == Replayed && unchanged[Replayed] != made[Replayed]:
			t.Errorf("of those replayed %d of %d are genuine", unchanged[Replayed], made[Replayed])
		case trick.name != Replayed && unchanged[trick.name] > most:
			t.Errorf("%s left %d of %d as they were", trick.name, unchanged[trick.name], made[trick.name])
		}
	}
}

func TestForger_KnowsWhatIsSigned(t *testing.T) {
	t.Parallel()
	f := NewForger(1, genuine(t), keys())
	stored := func(body []byte) wire.StoredCallback {
		return wire.StoredCallback{Provider: payment.Computop, Endpoint: "Computop0000000000", Body: body}
	}
	if !f.signed(stored(notify(t, macKey, "Description", "rearranged"))) {
		t.Error("a variant of a signed message is taken for a forgery")
	}
	for name, c := range map[string]wire.StoredCallback{
		"another MAC":      stored(notify(t, "another key")),
		"nothing":          stored(nil),
		"another endpoint": {Provider: payment.Computop, Endpoint: "x", Body: notify(t, macKey)},
		"another provider": {Provider: payment.Axerve, Endpoint: "Axerve000000000000", Query: "a=PAYLOOM1&b=x"},
	} {
		if f.signed(c) {
			t.Errorf("%s is taken for signed", name)
		}
	}
}

// receiver is a notify-receiver as simple as can be, with the streams behind it.
type receiver struct {
	mu       sync.Mutex
	verdict  wire.Verdict // of all that comes; empty: everything is refused
	once     bool         // a repeat is not stored
	status   int          // of what is refused; 0: 401
	genuine  []Callback   // answered with 200 though everything else is refused, and not stored
	event    bool         // every callback is an event
	memory   int64
	leak     int64 // bytes more with every callback
	stored   []bus.Message
	events   []bus.Message
	received map[string]int
}

func (rc *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	if r.URL.Path == "/metrics" {
		fmt.Fprintf(w, "# TYPE %s gauge\n%s %d\n", resident, resident, rc.memory)
		return
	}
	rc.memory += rc.leak
	body, _ := io.ReadAll(r.Body)
	rc.received[r.URL.Path+"?"+r.URL.RawQuery+string(body)]++
	if rc.verdict == "" && rc.known(r, body) {
		return
	}
	if rc.verdict == "" {
		if rc.status == 0 {
			rc.status = http.StatusUnauthorized
		}
		w.WriteHeader(rc.status)
		return
	}
	if rc.once && rc.received[r.URL.Path+"?"+r.URL.RawQuery+string(body)] > 1 {
		return
	}
	data, err := wire.MarshalCallback(wire.StoredCallback{
		ID: fmt.Sprint(len(rc.stored)), Provider: payment.ECommPay, Merchant: "demo", Kind: wire.FromServer, Verdict: rc.verdict, ReceivedAt: time.Now(), Body: body,
	})
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	rc.stored = append(rc.stored, bus.Message{Seq: uint64(len(rc.stored) + 1), Data: data})
	if rc.event {
		rc.happen(payment.FromCallback)
	}
}

// known tells whether a genuine callback has come again.
func (rc *receiver) known(r *http.Request, body []byte) bool {
	return slices.ContainsFunc(rc.genuine, func(c Callback) bool {
		return c.Endpoint == path.Base(r.URL.Path) && c.Query == r.URL.RawQuery && bytes.Equal(c.Body, body)
	})
}

// happen has an operation succeed.
func (rc *receiver) happen(from payment.Source) {
	e := payment.Event{
		ID: bus.NewEventID(), Payment: "order-1", Merchant: "demo", Provider: payment.ECommPay, Command: "c", At: time.Now(),
		Source: from, Version: uint64(len(rc.events) + 1), Data: payment.OperationSucceeded{Ref: "x", Amount: 1},
	}
	p := payment.Fold(payment.Payment{}, payment.Event{ID: "i", Payment: "order-1", Merchant: "demo", Provider: payment.ECommPay, Version: 1, Command: "c", Data: payment.AttemptStarted{Kind: payment.Payout, Attempt: 1, Key: "order-1", Amount: payment.Money{Minor: 1, Currency: "INR"}}})
	p.Version = e.Version
	data, err := wire.MarshalRecord(wire.Record{Event: e, After: p})
	if err != nil {
		panic(err)
	}
	rc.events = append(rc.events, bus.Message{Seq: uint64(len(rc.events) + 1), Data: data})
}

func (rc *receiver) EventStreams() []string { return []string{"EVENTS_0"} }

func (rc *receiver) list(stream string) []bus.Message {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	if stream == bus.CallbackStream {
		return append([]bus.Message{}, rc.stored...)
	}
	return append([]bus.Message{}, rc.events...)
}

func (rc *receiver) StreamState(_ context.Context, stream string) (bus.State, error) {
	return bus.State{LastSeq: uint64(len(rc.list(stream)))}, nil
}

func (rc *receiver) OpenCallback(_ context.Context, data []byte) (wire.StoredCallback, error) {
	return wire.UnmarshalCallback(data)
}

func (rc *receiver) Follow(ctx context.Context, stream string, o bus.FollowOptions, handle func(context.Context, []bus.Message) error) error {
	all := rc.list(stream)
	return handle(ctx, all[min(len(all), int(max(o.From, 1)-1)):])
}

func (rc *receiver) serve(t *testing.T) Target {
	t.Helper()
	rc.received = map[string]int{}
	if rc.memory == 0 {
		rc.memory = 32 << 20
	}
	s := httptest.NewServer(rc)
	t.Cleanup(s.Close)
	return Target{URL: s.URL, Metrics: s.URL + "/metrics", Streams: rc, Quiet: 50 * time.Millisecond}
}

// TestForged_SeesWhatIsWrong storms receivers of which each has one fault.
func TestForged_SeesWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rc   *receiver
		want func(ForgedReport) bool
		ok   bool
	}{
		"it refuses what is forged": {
			&receiver{genuine: genuine(t)}, func(r ForgedReport) bool { return r.Refused+r.Repeats == r.Count && r.Genuine > 0 && r.Believed == 0 }, true,
		},
		"it refuses everything":   {&receiver{}, func(r ForgedReport) bool { return r.Refused == r.Count && r.Genuine == 0 }, false},
		"it is somewhere else":    {&receiver{status: 404}, func(r ForgedReport) bool { return r.Astray == r.Count && r.Refused == 0 }, false},
		"it takes no such size":   {&receiver{genuine: genuine(t), status: 413}, func(r ForgedReport) bool { return r.Astray > r.Count/2 && r.Genuine > 0 }, false},
		"it limits everything":    {&receiver{status: 429}, func(r ForgedReport) bool { return r.Limited == r.Count }, false},
		"it believes everything":  {&receiver{verdict: wire.Accepted}, func(r ForgedReport) bool { return r.Believed == r.Count }, false},
		"it stores it unproven":   {&receiver{verdict: wire.Unverified}, func(r ForgedReport) bool { return r.Unproven == r.Count && r.Believed == 0 }, false},
		"it makes events of that": {&receiver{verdict: wire.Unverified, event: true}, func(r ForgedReport) bool { return r.Events == r.Count }, false},
		"its memory grows":        {&receiver{leak: 1 << 20}, func(r ForgedReport) bool { return !r.Flat && r.RSSAfter > r.RSSBefore }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := Forged(t.Context(), c.rc.serve(t), NewForger(1, genuine(t), keys()), ForgedOptions{Count: 200, Concurrency: 4})
			if err != nil {
				t.Fatal(err)
			}
			if !c.want(r) || r.OK() != c.ok {
				t.Errorf("OK is %v: %+v", r.OK(), r)
			}
		})
	}
}

func TestForged_CountsWhatIsNotAnswered(t *testing.T) {
	t.Parallel()
	rc := &receiver{}
	to := rc.serve(t)
	to.URL = "http://127.0.0.1:1"
	r, err := Forged(t.Context(), to, NewForger(1, genuine(t), keys()), ForgedOptions{Count: 5, Concurrency: 1})
	if err != nil {
		t.Fatal(err)
	}
	if r.NoAnswer != 5 || r.OK() {
		t.Errorf("%d without an answer, OK is %v", r.NoAnswer, r.OK())
	}
}

// TestDuplicates_SeesWhatIsWrong repeats genuine callbacks at receivers of which each
// has one fault.
func TestDuplicates_SeesWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rc    *receiver
		twice bool
		want  func(DuplicatesReport) bool
		ok    bool
	}{
		"it stores each once":       {&receiver{verdict: wire.Accepted, once: true}, false, func(r DuplicatesReport) bool { return r.Stored == 3 && r.Posted == 60 }, true},
		"it stores each every time": {&receiver{verdict: wire.Accepted}, false, func(r DuplicatesReport) bool { return r.Again == 54 }, false},
		"it takes none":             {&receiver{}, false, func(r DuplicatesReport) bool { return r.NotTaken == 60 }, false},
		"there are two outcomes":    {&receiver{verdict: wire.Accepted, once: true}, true, func(r DuplicatesReport) bool { return r.Doubled == 1 && r.Events == 1 }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to := c.rc.serve(t)
			b := NewBurst(to.URL, 1, 2, time.Millisecond)
			for _, g := range genuine(t) {
				if _, err := b.Send(t.Context(), g); err != nil {
					t.Fatal(err)
				}
			}
			if c.twice {
				c.rc.happen(payment.FromCallback)
				c.rc.happen(payment.FromInquiry)
			}
			r, err := Duplicates(t.Context(), to, genuine(t), b, DuplicatesOptions{Count: 60, Concurrency: 4, Seed: 1})
			if err != nil {
				t.Fatal(err)
			}
			if !c.want(r) || r.OK() != c.ok {
				t.Errorf("OK is %v: %+v", r.OK(), r)
			}
		})
	}
}

func TestRecorder_KeepsAndPassesOn(t *testing.T) {
	t.Parallel()
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "https://shop.example"+r.URL.Path)
		w.WriteHeader(http.StatusSeeOther)
	}))
	defer shop.Close()
	rec, err := NewRecorder(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := rec.Close(); err != nil {
			t.Error(err)
		}
	}()
	if got := newPoster(rec.URL(), 1).once(t.Context(), genuine(t)[0]); got != http.StatusServiceUnavailable {
		t.Errorf("before anybody takes them: %d", got)
	}
	var sent []Callback
	err = rec.Pass(shop.URL, func(_ context.Context, c Callback) (int, error) {
		sent = append(sent, c)
		if len(sent) > 3 {
			return http.StatusUnauthorized, nil
		}
		return http.StatusOK, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range genuine(t) {
		if got := newPoster(rec.URL(), 1).once(t.Context(), g); got != http.StatusOK {
			t.Errorf("%s: %d", g.Provider, got)
		}
	}
	if got := newPoster(rec.URL(), 1).once(t.Context(), genuine(t)[0]); got != http.StatusUnauthorized {
		t.Errorf("a forgery: %d", got)
	}
	kept, refused := rec.Kept()
	if len(kept) != 3 || refused != 1 {
		t.Fatalf("%d kept, %d refused", len(kept), refused)
	}
	for i, g := range genuine(t) {
		if k := kept[i]; k.path() != g.path() || k.Query != g.Query || !bytes.Equal(k.Body, g.Body) || k.Type != g.Type || !cmp.Equal(k, sent[i]) {
			t.Errorf("kept %+v of %+v", k, g)
		}
	}
	res, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Get(rec.URL() + "/returns/computop/x/success?Data=1")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.Header.Get("Location") != "https://shop.example/returns/computop/x/success" {
		t.Errorf("a browser is led to %q", res.Header.Get("Location"))
	}
	rec.Hold()
	if got := newPoster(rec.URL(), 1).once(t.Context(), genuine(t)[0]); got != http.StatusServiceUnavailable {
		t.Errorf("when nothing is taken any more: %d", got)
	}
}
