package bus_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/bustest"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/wire"
)

const (
	computop = "worker-computop"
	axerve   = "worker-axerve"
	ecommpay = "worker-ecommpay"
)

// everybody lists the clients; the test of the matrix fails when the table has others.
func everybody() []string {
	return []string{bus.Ingress, bus.Receiver, bus.Tracker, bus.Sender, bus.Operator, bus.Provisioner, computop, axerve, ecommpay}
}

// deeds lists subjects, and who may publish to them: nobody else. It is written
// by hand, so that it does not repeat a mistake of the table under test.
func deeds() map[string][]string {
	workers := []string{computop, axerve, ecommpay}
	commandReaders := append([]string{bus.Ingress, bus.Tracker, bus.Operator}, workers...)
	eventReaders := append([]string{bus.Receiver, bus.Sender}, commandReaders...)
	commandFollowers := []string{bus.Tracker, bus.Operator}
	eventFollowers := []string{bus.Tracker, bus.Sender, bus.Operator}
	sealers := eventReaders
	keyMakers := append([]string{bus.Ingress, bus.Receiver, bus.Operator}, workers...)
	admin := []string{bus.Provisioner}
	return map[string][]string{
		// storing
		"pay.cmd.1.computop.demo.c":     {bus.Ingress, bus.Tracker},
		"pay.evt.1.computop.demo.p":     {bus.Receiver, computop, bus.Operator},
		"pay.evt.0.axerve.demo.p":       {bus.Receiver, axerve, bus.Operator},
		"pay.hook.computop.demo.h":      {bus.Receiver},
		"pay.timer.at.computop.demo.c":  {computop},
		"pay.timer.due.computop.demo.c": append([]string{bus.Tracker, bus.Operator}, workers...),
		"pay.dead.worker-computop":      {computop},
		"pay.dead.notify-receiver":      {bus.Receiver},
		"pay.dead.state-tracker":        {bus.Tracker},
		"pay.dead.ingress":              nil,
		"pay.dead.worker-computop.more": nil,
		"pay.audit.payctl":              {bus.Operator},
		"pay.audit.ingress":             nil,
		"pay.somewhere":                 nil,
		"$JS.API.DIRECT.GET.AUDIT":      {bus.Operator, bus.Tracker},
		"$JS.API.DIRECT.GET.ADVISORIES": {bus.Operator, bus.Tracker},
		"$JS.EVENT.ADVISORY.API":        nil,
		"$KV.anything.key":              nil,
		// the keys of personal data
		"$KV.payloom_subject_keys_1.demo.p":                   keyMakers,
		"$JS.API.DIRECT.GET.KV_payloom_subject_keys_1":        sealers,
		"$JS.API.STREAM.MSG.GET.KV_payloom_subject_keys_0":    sealers,
		"$JS.API.STREAM.MSG.DELETE.KV_payloom_subject_keys_0": {bus.Operator},
		"$JS.API.CONSUMER.CREATE.KV_payloom_subject_keys_0.x": {bus.Operator, bus.Provisioner},
		"$KV.payloom_day_keys.2026-11-21":                     {bus.Receiver, bus.Operator},
		"$JS.API.STREAM.MSG.GET.KV_payloom_day_keys":          {bus.Receiver, bus.Operator},
		"$JS.API.STREAM.MSG.DELETE.KV_payloom_day_keys":       {bus.Receiver, bus.Operator},
		"$JS.API.STREAM.PURGE.KV_payloom_subject_keys_0":      nil,
		"$JS.API.STREAM.DELETE.KV_payloom_day_keys":           nil,
		"$KV.payloom_protection.switch.computop":              {bus.Operator},
		"$KV.payloom_protection.switch.computop.demo.eu":      {bus.Operator},
		"$KV.payloom_protection.breaker.computop.demo.eu":     {computop},
		"$KV.payloom_protection.tokens.axerve.demo.it":        {axerve},
		"$JS.API.DIRECT.GET.KV_payloom_protection":            append([]string{bus.Tracker, bus.Operator}, workers...),
		"$JS.API.CONSUMER.CREATE.KV_payloom_protection.x":     append([]string{bus.Tracker, bus.Operator, bus.Provisioner}, workers...),
		"$JS.API.STREAM.PURGE.KV_payloom_protection":          nil,
		"_INBOX_worker-computop.answer":                       nil,
		"$SYS.REQ.SERVER.PING":                                nil,
		"$JS.API.INFO":                                        admin,
		"$JS.API.DIRECT.GET.COMMANDS_1":                       commandReaders,
		"$JS.API.DIRECT.GET.EVENTS_1":                         eventReaders,
		"$JS.API.DIRECT.GET.CALLBACKS":                        {bus.Receiver, bus.Tracker, bus.Operator},
		"$JS.API.DIRECT.GET.DEAD_LETTERS":                     {bus.Tracker, bus.Operator},
		"$JS.API.DIRECT.GET.TIMERS":                           {bus.Operator},
		"$JS.API.STREAM.MSG.GET.EVENTS_0":                     nil,
		// what is shared about providers
		// taking and acknowledging
		"$JS.API.CONSUMER.INFO.COMMANDS_1.worker-computop":     append([]string{computop, bus.Operator}, admin...),
		"$JS.API.CONSUMER.MSG.NEXT.COMMANDS_1.worker-computop": {computop},
		"$JS.API.CONSUMER.MSG.NEXT.TIMERS.worker-computop":     {computop},
		"$JS.API.CONSUMER.MSG.NEXT.CALLBACKS.interpreter":      {bus.Receiver},
		"$JS.ACK.COMMANDS_1.worker-computop.1.1.1.1.0":         {computop},
		"$JS.ACK._.hash.COMMANDS_1.worker-computop.1.1.1.1.0":  {computop},
		"$JS.ACK.TIMERS.worker-axerve.1.1.1.1.0":               {axerve},
		"$JS.ACK.CALLBACKS.interpreter.1.1.1.1.0":              {bus.Receiver},
		"$JS.ACK._.hash.CALLBACKS.interpreter.1.1.1.1.0":       {bus.Receiver},
		"$JS.ACK.EVENTS_0.anyone.1.1.1.1.0":                    nil,
		// following
		"$JS.API.CONSUMER.CREATE.COMMANDS_1.passing":           append(commandFollowers, admin...),
		"$JS.API.CONSUMER.CREATE.EVENTS_0.passing":             append(eventFollowers, admin...),
		"$JS.API.CONSUMER.CREATE.EVENTS_0.passing.pay.evt.0.>": append(eventFollowers, admin...),
		"$JS.API.CONSUMER.CREATE.CALLBACKS.passing":            {bus.Tracker, bus.Operator, bus.Provisioner},
		"$JS.API.CONSUMER.CREATE.TIMERS.passing":               {bus.Operator, bus.Provisioner},
		"$JS.API.CONSUMER.MSG.NEXT.EVENTS_1.passing":           eventFollowers,
		"$JS.API.CONSUMER.DELETE.EVENTS_1.passing":             eventFollowers,
		// changing what is laid out
		"$JS.API.CONSUMER.CREATE.COMMANDS_1.worker-computop":               admin,
		"$JS.API.CONSUMER.CREATE.COMMANDS_1.worker-computop.pay.cmd.1.x.>": admin,
		"$JS.API.CONSUMER.CREATE.CALLBACKS.interpreter":                    admin,
		"$JS.API.CONSUMER.DELETE.COMMANDS_1.worker-computop":               nil,
		"$JS.API.CONSUMER.DELETE.CALLBACKS.interpreter":                    nil,
		"$JS.API.CONSUMER.DURABLE.CREATE.EVENTS_0.d":                       nil,
		"$JS.API.CONSUMER.PAUSE.COMMANDS_1.worker-computop":                nil,
		"$JS.API.CONSUMER.RESET.COMMANDS_1.worker-computop":                nil,
		"$JS.API.CONSUMER.LEADER.STEPDOWN.COMMANDS_1.worker-computop":      nil,
		"$JS.API.CONSUMER.LIST.EVENTS_0":                                   nil,
		"$JS.API.STREAM.INFO.COMMANDS_0":                                   everybody(),
		"$JS.API.STREAM.INFO.EVENTS_0":                                     everybody(),
		"$JS.API.STREAM.INFO.CALLBACKS":                                    {bus.Tracker, bus.Operator, bus.Provisioner},
		"$JS.API.STREAM.CREATE.EVENTS_0":                                   admin,
		"$JS.API.STREAM.UPDATE.EVENTS_0":                                   admin,
		"$JS.API.STREAM.DELETE.EVENTS_0":                                   nil,
		"$JS.API.STREAM.PURGE.EVENTS_0":                                    nil,
		"$JS.API.STREAM.MSG.DELETE.EVENTS_0":                               nil,
		"$JS.API.STREAM.RESTORE.EVENTS_0":                                  nil,
		"$JS.API.STREAM.SNAPSHOT.EVENTS_0":                                 nil,
		"$JS.API.STREAM.PEER.REMOVE.EVENTS_0":                              nil,
		"$JS.API.STREAM.LEADER.STEPDOWN.EVENTS_0":                          nil,
		"$JS.API.STREAM.LIST":                                              nil,
		"$JS.API.STREAM.NAMES":                                             nil,
		"$JS.API.META.LEADER.STEPDOWN":                                     nil,
		"$JS.API.SERVER.REMOVE":                                            nil,
		"$JS.API.ACCOUNT.PURGE.PAYLOOM":                                    nil,
	}
}

// mustRaw connects with a client's credential, as a thief of it would: past the
// bus, with an inbox of his own choice.
func mustRaw(t testing.TB, s *bustest.Secured, client string) *nats.Conn {
	t.Helper()
	cfg := s.As(client)
	key, err := nats.NkeyOptionFromSeed(cfg.NKeyFile)
	if err != nil {
		t.Fatal(err)
	}
	nc, err := nats.Connect(cfg.URL, key, nats.RootCAs(cfg.CAFile), nats.ClientCert(cfg.CertFile, cfg.KeyFile),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		t.Fatalf("%s: %v", client, err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// refused flushes and tells whether the server refused what was done to a subject.
func refused(t testing.TB, nc *nats.Conn, subject string) bool {
	t.Helper()
	if err := nc.Flush(); err != nil {
		t.Fatalf("flush: %v", err)
	}
	err := nc.LastError()
	return err != nil && strings.Contains(err.Error(), `"`+subject+`"`)
}

// TestPermissions_Matrix steals every credential in turn and tries everything.
func TestPermissions_Matrix(t *testing.T) {
	t.Parallel()
	s := bustest.Secure(t, 2)
	var have []string
	for _, p := range bus.Permissions(2) {
		have = append(have, p.Client)
	}
	slices.Sort(have)
	if want := slices.Sorted(slices.Values(everybody())); !slices.Equal(have, want) {
		t.Fatalf("the table is for %v, this test for %v", have, want)
	}
	for _, client := range everybody() {
		t.Run(client, func(t *testing.T) {
			t.Parallel()
			nc := mustRaw(t, s, client)
			for subject, who := range deeds() {
				if err := nc.Publish(subject, nil); err != nil {
					t.Fatal(err)
				}
				if got, want := refused(t, nc, subject), !slices.Contains(who, client); got != want {
					t.Errorf("publish to %s: refused %v, want %v", subject, got, want)
				}
			}
			checkSubscriptions(t, nc, client)
		})
	}
}

// checkSubscriptions checks that a client hears its own inbox and nothing else.
func checkSubscriptions(t *testing.T, nc *nats.Conn, client string) {
	t.Helper()
	subjects := []string{">", "_INBOX.>", "pay.>", "pay.evt.>", "pay.cmd.0.computop.>", "$JS.>", "$JS.EVENT.ADVISORY.>", "$SYS.>"}
	for _, other := range everybody() {
		subjects = append(subjects, "_INBOX_"+other+".>")
	}
	for _, subject := range subjects {
		if _, err := nc.SubscribeSync(subject); err != nil {
			t.Fatal(err)
		}
		if got, want := refused(t, nc, subject), subject != "_INBOX_"+client+".>"; got != want {
			t.Errorf("subscribe to %s: refused %v, want %v", subject, got, want)
		}
	}
}

func TestPermissions_NobodyWithoutAKey(t *testing.T) {
	t.Parallel()
	s := bustest.Secure(t, 1)
	cfg := s.As(bus.Ingress)
	whole := []nats.Option{nats.RootCAs(cfg.CAFile), nats.ClientCert(cfg.CertFile, cfg.KeyFile)}
	if nc, err := nats.Connect(s.URL, whole...); err == nil {
		nc.Close()
		t.Error("a client with a certificate and no key got in")
	}
	key, err := nats.NkeyOptionFromSeed(cfg.NKeyFile)
	if err != nil {
		t.Fatal(err)
	}
	if nc, err := nats.Connect(s.URL, key, nats.RootCAs(cfg.CAFile)); err == nil {
		nc.Close()
		t.Error("a client with a key and no certificate got in")
	}
	if nc, err := nats.Connect(s.URL, append(whole, key)...); err != nil {
		t.Errorf("a client with both: %v", err)
	} else {
		nc.Close()
	}
}

// secured is a system of which everybody has the rights of the table.
type secured struct {
	t    testing.TB
	s    *bustest.Secured
	keys []string
}

func newSecured(t testing.TB) secured {
	t.Helper()
	s := bustest.Secure(t, 2)
	bustest.Provision(t, s.As(bus.Provisioner), bus.Topology{Shards: 2})
	bustest.Provision(t, s.As(bus.Provisioner), bus.Topology{Shards: 2, MaxBytes: 2 << 30}) // an update
	return secured{t, s, bustest.WithDataKeys(t, bus.Config{}).DataKeys}
}

func (s secured) as(client string) *bus.Bus {
	s.t.Helper()
	cfg := s.s.As(client)
	cfg.DataKeys = s.keys
	return bustest.Connect(s.t, cfg, client)
}

// TestPermissions_EverybodyCanWork drives what each program does by its real methods.
func TestPermissions_EverybodyCanWork(t *testing.T) {
	t.Parallel()
	s := newSecured(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := command("1")

	ingress := s.as(bus.Ingress)
	mustAccept(t, ingress, c)
	mustAccept(t, ingress, command("poison"))
	if _, replayed, err := ingress.Accept(ctx, c); err != nil || !replayed {
		t.Fatalf("ingress: replay %v, %v", replayed, err)
	}
	if _, found, err := ingress.Find(ctx, c.Merchant, c.Payment); err != nil || found {
		t.Fatalf("ingress: found %v, %v", found, err)
	}

	worker := s.as(computop)
	handled := make(chan payment.ReqID, 10)
	stop := consume(t, worker, func(ctx context.Context, got payment.Command) error {
		if got.ReqID == "poison" {
			return buried("no use")
		}
		head, err := worker.Load(ctx, got.Merchant, got.Payment)
		if err != nil {
			return err
		}
		if head.Seq == 0 {
			if _, err := worker.Append(ctx, head, intent(got, mustNow(t, worker))); err != nil {
				return err
			}
			if err := worker.Wake(ctx, got, mustNow(t, worker).Add(time.Second)); err != nil {
				return err
			}
		}
		handled <- got.ReqID
		return nil
	})
	defer stop()
	mustReceive(t, "command", handled)
	mustReceive(t, "its wake-up", handled)

	receiver := s.as(bus.Receiver)
	for _, want := range []bool{false, true} {
		if repeat, err := receiver.StoreCallback(ctx, storedCallback()); err != nil || repeat != want {
			t.Fatalf("receiver: repeat %v, %v", repeat, err)
		}
	}
	checkInterpreter(t, receiver, c)

	tracker := s.as(bus.Tracker)
	if err := tracker.Wake(ctx, c, mustNow(t, tracker).Add(-time.Second)); err != nil {
		t.Fatalf("tracker: wake: %v", err)
	}
	mustReceive(t, "the tracker's wake-up", handled)
	if _, replayed, err := tracker.Accept(ctx, c); err != nil || !replayed {
		t.Fatalf("tracker: replay %v, %v", replayed, err)
	}
	if err := tracker.Bury(ctx, wire.DeadLetter{Service: bus.Tracker, Stream: "EVENTS_0", Sequence: 1, Subject: "pay.evt.0.computop.demo.x", At: time.Now(), Reason: "a test"}); err != nil {
		t.Fatalf("tracker: bury: %v", err)
	}
	everything := append(append(tracker.CommandStreams(), tracker.EventStreams()...), bus.CallbackStream, bus.DeadStream, bus.AdvisoryStream)
	checkFollows(t, tracker, everything)
	checkFollows(t, s.as(bus.Sender), tracker.EventStreams())
	payctl := s.as(bus.Operator)
	if _, err := payctl.Audit(ctx, wire.AuditRecord{Actor: "somebody", Action: "look", Reason: "a test", Result: wire.Intended}); err != nil {
		t.Errorf("payctl: audit: %v", err)
	}
	if _, err := payctl.Survey(ctx); err != nil {
		t.Errorf("payctl: survey: %v", err)
	}
	if err := s.as(bus.Tracker).ReadEnds(ctx, &bus.Ends{}); err != nil {
		t.Errorf("tracker: %v", err)
	}
	checkFollows(t, payctl, append(everything, bus.TimerStream, bus.AuditStream))
	mustDead(t, payctl, 2)
	checkKeys(t, s, c)
}

// checkKeys erases a payment, and rotates and destroys keys, by who may.
func checkKeys(t *testing.T, s secured, c payment.Command) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if got := must(s.as(bus.Tracker).Command(ctx, c.Merchant, c.ID)); got.Closed {
		t.Error("the tracker cannot open what it shows")
	}
	if _, err := s.as(bus.Sender).KeyFor(ctx, c.Merchant, c.Payment); err != nil {
		t.Errorf("sender: %v", err)
	}
	if _, err := s.as(bus.Receiver).DestroyDayKeys(ctx, time.Now()); err != nil {
		t.Errorf("receiver: %v", err)
	}
	payctl := s.as(bus.Operator)
	if _, _, err := payctl.Rewrap(ctx); err != nil {
		t.Errorf("payctl: rewrap: %v", err)
	}
	if done, err := payctl.Erase(ctx, c.Merchant, c.Payment); err != nil || !done {
		t.Errorf("payctl: erase: %v, %v", done, err)
	}
}

func storedCallback() wire.StoredCallback {
	return wire.StoredCallback{
		ID: "abc", Provider: payment.Computop, Merchant: "demo", Account: "eu", Endpoint: "k", Kind: wire.FromServer,
		Method: "POST", Body: []byte("Len=1&Data=00"), ReceivedAt: time.Now().UTC(), Verdict: wire.Accepted,
	}
}

// checkInterpreter takes the callback and appends to the payment of c.
func checkInterpreter(t *testing.T, b *bus.Bus, c payment.Command) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	appended := make(chan error, 10)
	done := make(chan error, 1)
	go func() {
		done <- b.ConsumeCallbacks(ctx, bus.ConsumeOptions{}, func(ctx context.Context, _ wire.StoredCallback, _ time.Time) error {
			head, err := b.Load(ctx, c.Merchant, c.Payment)
			if err == nil {
				e := intent(c, mustNow(t, b))
				e.Data, e.Source = payment.OperationDeclined{Code: "1"}, payment.FromCallback
				_, err = b.Append(ctx, head, e)
			}
			appended <- err
			return err
		})
	}()
	if err := mustReceive(t, "callback", appended); err != nil {
		t.Errorf("receiver: append: %v", err)
	}
	cancel()
	if err := mustReceive(t, "end", done); err != nil {
		t.Errorf("receiver: %v", err)
	}
}

// checkFollows reads streams to their ends, and a message of each by its sequence.
func checkFollows(t *testing.T, b *bus.Bus, streams []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for _, stream := range streams {
		read := 0
		err := b.Follow(ctx, stream, bus.FollowOptions{ToEnd: true}, func(_ context.Context, batch []bus.Message) error {
			read += len(batch)
			return nil
		})
		state, stateErr := b.StreamState(ctx, stream)
		if err != nil || stateErr != nil || (state.Messages > 0 && read == 0) {
			t.Errorf("follow %s: %d of %d read, %v, %v", stream, read, state.Messages, err, stateErr)
		}
		if state.Messages == 0 {
			continue
		}
		if _, err := b.MessageAt(ctx, stream, state.LastSeq); err != nil {
			t.Errorf("read %s/%d: %v", stream, state.LastSeq, err)
		}
	}
}
