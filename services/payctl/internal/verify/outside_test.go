package verify

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/wire"
)

// parked is a refund that a person has to look at.
func (w *world) parked(id payment.ID) payment.CommandID {
	w.t.Helper()
	c := w.command(id, "refund-"+payment.ReqID(id), payment.Refund, 100)
	w.intent(id, c, payment.Refund, 100)
	w.event(id, c, payment.Parked{Attempt: 1, Reason: payment.ReasonNothingToInquire})
	return c
}

// mustFind checks that just the wanted invariants are broken.
func (w *world) mustFind(in Inputs, want ...string) Report {
	w.t.Helper()
	in.Patience = 10 * time.Millisecond
	r := w.mustRun(in)
	if got := broken(r); !slices.Equal(got, want) {
		w.t.Errorf("found %q, want %q\n%+v", got, want, r.Violations())
	}
	if r.OK() != (len(want) == 0) {
		w.t.Errorf("OK is %v", r.OK())
	}
	return r
}

// confirms is what a callback leads to that tells what is known.
func (w *world) confirms(id payment.ID) {
	w.t.Helper()
	w.from(payment.FromCallback, func() { w.event(id, "", payment.CallbackConfirmed{Ref: "y"}) })
}

// TestRun_Input plants events that input from outside led to, and should not have.
func TestRun_Input(t *testing.T) {
	t.Parallel()
	as := func(change func(*wire.StoredCallback)) func(w *world) {
		return func(w *world) { w.callback(order, "a notify", change); w.confirms(order) }
	}
	tests := map[string]struct {
		plant func(w *world)
		in    Inputs
		want  []string
	}{
		"a callback that was stored":                 {plant: as(nil)},
		"a callback of which nothing is stored":      {plant: func(w *world) { w.confirms(order) }, want: []string{"I9 wrong"}},
		"a callback that was stored afterwards":      {plant: func(w *world) { w.confirms(order); w.callback(order, "x", nil) }, want: []string{"I9 wrong"}},
		"a callback of another payment":              {plant: as(func(c *wire.StoredCallback) { c.Payment = "other" }), want: []string{"I9 wrong"}},
		"a callback of another merchant":             {plant: as(func(c *wire.StoredCallback) { c.Merchant = "stranger" }), want: []string{"I9 wrong"}},
		"a browser in the place of a server":         {plant: as(func(c *wire.StoredCallback) { c.Kind = wire.FromBuyerBrowser }), want: []string{"I9 wrong"}},
		"one that only the provider can vouch for":   {plant: as(func(c *wire.StoredCallback) { c.Verdict, c.Payment = wire.Unverified, "" })},
		"one that was quarantined, and looked after": {plant: as(func(c *wire.StoredCallback) { c.Verdict = wire.Quarantined })},
		"a callback to another account": {
			plant: as(func(c *wire.StoredCallback) { c.Account = "test" }),
			in:    Inputs{Defaults: map[Holder]string{{merchant, payment.Computop}: "eu"}}, want: []string{"I9 wrong"},
		},
		"a callback to the default account": {plant: as(nil), in: Inputs{Defaults: map[Holder]string{{merchant, payment.Computop}: "eu"}}},
		"a forged callback that is believed": {
			plant: as(nil), in: Inputs{Forged: map[Digest]bool{digest([]byte("a notify")): true}}, want: []string{"I9 wrong"},
		},
		"a forged callback that is believed, and sealed": {
			plant: func(w *world) { w.key = newDataKey(w.t); as(nil)(w) },
			in:    Inputs{Forged: map[Digest]bool{digest([]byte("a notify")): true}}, want: []string{"I9 wrong"},
		},
		"a forged callback that led to an event": {
			plant: as(func(c *wire.StoredCallback) { c.Verdict, c.Payment = wire.Unverified, "" }),
			in:    Inputs{Forged: map[Digest]bool{digest([]byte("a notify")): true}}, want: []string{"I9 wrong"},
		},
		"a forged callback that led to nothing": {
			plant: func(w *world) {
				w.callback("", "a forgery", func(c *wire.StoredCallback) { c.Verdict = wire.Unverified })
			},
			in: Inputs{Forged: map[Digest]bool{digest([]byte("a forgery")): true}},
		},
		"a callback that is stored twice": {
			plant: func(w *world) { w.callback(order, "x", nil); w.callback(order, "x", nil) }, want: []string{"I9 doubled"},
		},
		"a repeat that led to more": {
			plant: func(w *world) {
				w.callback(order, "x", nil)
				for range mostTold + 1 {
					w.confirms(order)
				}
			},
			want: []string{"I9 doubled"},
		},
		"a browser that tells of the buyer": {plant: func(w *world) {
			w.callback(order, "x", func(c *wire.StoredCallback) { c.Kind = wire.FromBuyerBrowser })
			w.from(payment.FromBrowser, func() { w.event(order, "", payment.BuyerDetailsReceived{}) })
		}},
		"a browser that tells of money": {
			plant: func(w *world) {
				w.callback(order, "x", func(c *wire.StoredCallback) { c.Kind = wire.FromBuyerBrowser })
				w.from(payment.FromBrowser, func() { w.event(order, "", payment.CallbackConfirmed{Ref: "y"}) })
			},
			want: []string{"I9 wrong"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.captured(order, 1000)
			tt.plant(w)
			w.mustFind(tt.in, tt.want...)
		})
	}
}

func TestRun_Parking(t *testing.T) {
	t.Parallel()
	gauge := func(n string) string {
		return "# HELP x\npayloom_parked_operations{provider=\"computop\"} " + n + "\npayloom_parked_operations_total 7\n"
	}
	park := func(w *world, c payment.CommandID, why payment.Reason) {
		w.event(order, c, payment.Parked{Attempt: 1, Reason: why})
	}
	tests := map[string]struct {
		plant func(w *world)
		shown string
		want  []string
	}{
		"a refund in doubt":        {func(w *world) { w.parked(order) }, gauge("1"), nil},
		"nobody is called":         {func(w *world) { w.parked(order) }, gauge("0"), []string{"I10 lost"}},
		"there is no gauge at all": {func(w *world) { w.parked(order) }, "", []string{"I10 lost"}},
		"called for nothing":       {func(*world) {}, gauge("1"), []string{"I10 wrong"}},
		"an operation that had ended": {
			func(w *world) { park(w, payment.DeriveCommandID(merchant, "capture-order-1"), payment.ReasonUnclear) }, gauge("0"), []string{"I10 wrong"},
		},
		"a person ended what was given to him": {
			func(w *world) {
				c := w.parked(order)
				w.effect(order, c, "refund", 100)
				w.from(payment.FromOperator, func() { w.event(order, c, payment.OperationSucceeded{Ref: "z", Amount: 100}) })
			}, gauge("0"), nil,
		},
		"a person ended what did not wait for one": {
			func(w *world) {
				c := w.command(order, "r", payment.Refund, 100)
				w.intent(order, c, payment.Refund, 100)
				w.from(payment.FromOperator, func() { w.event(order, c, payment.OperationFailed{Code: "1"}) })
			}, gauge("0"), []string{"I10 wrong"},
		},
		"an operation that was never begun": {
			func(w *world) { park(w, w.command(order, "r", payment.Refund, 1), payment.ReasonUnclear) }, gauge("0"), []string{"I10 wrong", "I2 stuck"},
		},
		"an operation of which nothing was sent": {
			func(w *world) {
				c := w.command(order, "r", payment.Refund, 100)
				w.intent(order, c, payment.Refund, 100)
				w.event(order, c, payment.AttemptNotSent{Attempt: 1})
				park(w, c, payment.ReasonNothingToInquire)
			}, gauge("1"), []string{"I10 wrong"},
		},
		"an update that may be repeated still": {
			func(w *world) {
				c := w.command(order, "u", payment.UpdateAmount, 900)
				w.intent(order, c, payment.UpdateAmount, 900)
				park(w, c, payment.ReasonNothingToInquire)
			}, gauge("1"), []string{"I10 wrong"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.captured(order, 1000)
			tt.plant(w)
			w.mustFind(Inputs{Metrics: w.metrics(tt.shown)}, tt.want...)
		})
	}
	t.Run("a checkout, which moves no money", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		c := w.command(order, "nine", payment.Authorize, 1000)
		w.intent(order, c, payment.Authorize, 1000)
		park(w, c, payment.ReasonNothingToInquire)
		w.mustFind(Inputs{}, "I10 wrong")
	})
}

func TestRun_Canaries(t *testing.T) {
	t.Parallel()
	logs := func(t *testing.T, text string) string {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "worker.log"), []byte("first\n"+text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	const card, name = "4111111111111111", "Wilhelmina Canary"
	const token = `a\b<"c"/~~~???` // what JSON escapes, and the two alphabets of base64 write otherwise
	tests := map[string]struct {
		plant               func(w *world)
		log, metrics, where string
		want                []string
	}{
		"nothing":                      {},
		"in a command":                 {plant: func(w *world) { w.paidTo(name) }, where: "COMMANDS_0/3", want: []string{"I13 wrong"}},
		"in a callback":                {plant: func(w *world) { w.callback(order, "name="+name, nil) }, where: "CALLBACKS/1", want: []string{"I13 wrong"}},
		"in a callback, as forms go":   {plant: func(w *world) { w.callback(order, "name=Wilhelmina+Canary", nil) }, where: "CALLBACKS/1", want: []string{"I13 wrong"}},
		"in a timer":                   {plant: func(w *world) { w.put("TIMERS", "pay.timer.at.x", []byte(name)) }, where: "TIMERS/1", want: []string{"I13 wrong"}},
		"in the audit":                 {plant: func(w *world) { w.put("AUDIT", "pay.audit.payctl", []byte(name)) }, where: "AUDIT/1", want: []string{"I13 wrong"}},
		"in a subject":                 {plant: func(w *world) { w.put("TIMERS", "pay.timer.at."+name, nil) }, where: "TIMERS/1", want: []string{"I13 wrong"}},
		"in a log":                     {log: `{"msg":"to ` + name + `"}`, where: "worker.log:2", want: []string{"I13 wrong"}},
		"in a metric":                  {metrics: `x{name="` + name + `"} 1`, where: "http://", want: []string{"I13 wrong"}},
		"a secret in hexadecimals":     {log: "73776f726466697368", where: "worker.log:2", want: []string{"I13 wrong"}},
		"a secret in base64":           {log: "c3dvcmRmaXNo", where: "worker.log:2", want: []string{"I13 wrong"}},
		"a secret in base64, one in":   {log: base64.StdEncoding.EncodeToString([]byte("xswordfish!")), where: "worker.log:2", want: []string{"I13 wrong"}},
		"a secret in base64, two in":   {log: base64.RawURLEncoding.EncodeToString([]byte("{\"swordfish\"}")), where: "worker.log:2", want: []string{"I13 wrong"}},
		"a token in base64 of URLs":    {log: base64.URLEncoding.EncodeToString([]byte("a=" + token)), where: "worker.log:2", want: []string{"I13 wrong"}},
		"a token in base64":            {log: base64.StdEncoding.EncodeToString([]byte("t:" + token + ";")), where: "worker.log:2", want: []string{"I13 wrong"}},
		"a token in JSON":              {log: `{"t":"a\\b<\"c\"/~~~???"}`, where: "worker.log:2", want: []string{"I13 wrong"}},
		"a token in JSON, as Go's":     {log: `{"t":"a\\b\u003c\"c\"/~~~???"}`, where: "worker.log:2", want: []string{"I13 wrong"}},
		"a token in JSON, as PHP's":    {log: `{"t":"a\\b<\"c\"\/~~~???"}`, where: "worker.log:2", want: []string{"I13 wrong"}},
		"a name in base64, in bytes":   {plant: func(w *world) { w.callback(order, "b="+base64.StdEncoding.EncodeToString([]byte("<n>"+name)), nil) }, where: "CALLBACKS/1", want: []string{"I13 wrong"}},
		"another text in base64":       {log: base64.StdEncoding.EncodeToString([]byte("a fish with a sword"))},
		"a card in a callback":         {plant: func(w *world) { w.callback(order, "n="+card, nil) }, where: "CALLBACKS/1", want: []string{"I13 wrong"}},
		"a card in an event":           {plant: func(w *world) { w.event(order, "", payment.CallbackConfirmed{Ref: "a card " + card}) }, where: "EVENTS_0/5", want: []string{"I13 wrong"}},
		"a card in a log":              {log: `{"msg":"4111-1111-1111-1111"}`, where: "worker.log:2", want: []string{"I13 wrong"}},
		"a number with a wrong digit":  {log: `{"msg":"4111111111111112"}`},
		"a number that no card has":    {log: `{"msg":"1111111111111117"}`},
		"a card number that is an id":  {plant: func(w *world) { w.captured(card, 1000) }, log: "payment " + card},
		"a number in the middle of it": {log: "trace 0af4111111111111111c"},
		"a fraction":                   {log: `{"took":0.4111111111111111}`},
	}
	for title, tt := range tests {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.captured(order, 1000)
			if tt.plant != nil {
				tt.plant(w)
			}
			in := Inputs{Canaries: []Canary{{"the name", name}, {"the secret", "swordfish"}, {"the token", token}}, Logs: logs(t, tt.log), Metrics: w.metrics(tt.metrics)}
			r := w.mustFind(in, tt.want...)
			for _, v := range r.Violations() {
				if !strings.HasPrefix(v.Subject, tt.where) {
					t.Errorf("found in %s, planted in %s", v.Subject, tt.where)
				}
				if strings.Contains(v.What, name) || strings.Contains(v.What, card) {
					t.Errorf("the report shows it: %s", v.What)
				}
			}
		})
	}
}

// paidTo accepts a payout to somebody.
func (w *world) paidTo(name string) {
	w.t.Helper()
	c := payment.Command{
		ID: payment.DeriveCommandID(merchant, "canary"), Merchant: merchant, ReqID: "canary", Payment: "canary",
		Provider: payment.ECommPay, Kind: payment.Payout, Amount: eur(1),
		Beneficiary: &payment.Beneficiary{CustomerID: "c", IPAddress: "203.0.113.7", FirstName: name, LastName: "B", Email: "a@example.com", Address: "1 Road", AccountNumber: "9100000000"},
	}
	w.put("COMMANDS_0", "pay.cmd.0.ecommpay.shop."+string(c.ID), must[[]byte](w.t)(wire.MarshalCommand(c)))
	w.event("canary", c.ID, payment.OperationRejected{Kind: payment.Payout})
}

func TestRun_ACanaryMustBeLong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := Run(t.Context(), Inputs{Streams: w, Canaries: []Canary{{"line 1", "short"}}}); err == nil || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("%v", err)
	}
}

// TestRun_Drain has commands wait longer than they may after a fault.
func TestRun_Drain(t *testing.T) {
	t.Parallel()
	later := func(w *world, d time.Duration) { w.now = w.now.Add(d) }
	slow := func(took time.Duration, between func(w *world, c payment.CommandID)) func(w *world) {
		return func(w *world) {
			c := w.command("slow", "slow", payment.Authorize, 1000)
			w.intent("slow", c, payment.Authorize, 1000)
			if between != nil {
				between(w, c)
			}
			later(w, took)
			w.effect("slow", "", "authorize", 1000)
			w.event("slow", c, payment.OperationSucceeded{Ref: "x", Amount: 1000})
		}
	}
	tests := map[string]struct {
		plant  func(w *world)
		healed time.Duration // after noon
		in     Inputs
		want   []string
	}{
		"quick":                        {plant: slow(10*time.Second, nil)},
		"slow":                         {plant: slow(2*time.Minute, nil), want: []string{"I15 stuck"}},
		"slow, while the fault lasted": {plant: slow(2*time.Minute, nil), healed: 2 * time.Minute},
		"too slow for any":             {plant: slow(20*time.Minute, nil), want: []string{"I15 stuck", "I2 stuck"}},
		"slow, by what was agreed":     {plant: slow(30*time.Second, nil), in: Inputs{SLA: 20 * time.Second}, want: []string{"I2 stuck"}},
		"one of many":                  {plant: func(w *world) { w.many(150); slow(2*time.Minute, nil)(w) }},
		"slow, because of the buyer": {plant: slow(2*time.Minute, func(w *world, c payment.CommandID) {
			w.event("slow", c, payment.ActionRequired{Attempt: 1, Action: payment.Action{Type: payment.ActionButton}})
		})},
		"slow, because of the provider":     {plant: slow(2*time.Minute, func(w *world, c payment.CommandID) { w.event("slow", c, payment.OperationPending{Attempt: 1}) })},
		"never, and there has been time":    {plant: func(w *world) { w.command("slow", "slow", payment.Authorize, 1000) }, want: []string{"I15 stuck", "I2 stuck"}},
		"never, and there has been no time": {plant: func(w *world) { w.command("slow", "slow", payment.Authorize, 1000) }, healed: time.Hour, in: Inputs{Grace: 2 * time.Hour}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.captured(order, 1000)
			tt.plant(w)
			tt.in.HealedAt = noon.Add(tt.healed)
			w.mustFind(tt.in, tt.want...)
		})
	}
}

// many are payments that are captured at once.
func (w *world) many(n int) {
	w.t.Helper()
	for i := range n {
		w.captured(payment.ID("many-"+strings.Repeat("x", i%7)+string(rune('a'+i%26))+string(rune('a'+i/26))), 1000)
	}
}
