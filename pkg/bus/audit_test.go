package bus

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/payloom/payloom/pkg/wire"
)

func audited(t *testing.T, b *Bus) []wire.AuditRecord {
	t.Helper()
	var all []wire.AuditRecord
	err := b.ReadAudit(t.Context(), func(r wire.AuditRecord, _ Message) error { all = append(all, r); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestAudited_StandsBeforeAndAfterTheAction(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	r := wire.AuditRecord{Actor: "alex", Action: "dead.replay", Stream: DeadStream, Sequence: 7, Reason: "repaired"}
	err := b.Audited(t.Context(), r, func(context.Context) (string, error) {
		if before := audited(t, b); len(before) != 1 || before[0].Result != wire.Intended {
			t.Errorf("before the action the audit holds %+v", before)
		}
		return "woken", nil
	})
	if err != nil {
		t.Fatal(err)
	}
	wrong := errors.New("no such thing")
	if err := b.Audited(t.Context(), r, func(context.Context) (string, error) { return "", wrong }); !errors.Is(err, wrong) {
		t.Errorf("error %v", err)
	}
	got := audited(t, b)
	want := []wire.AuditRecord{r, r, r, r}
	want[0].Result, want[2].Result = wire.Intended, wire.Intended
	want[1].Result, want[1].Detail, want[1].Intent = wire.AuditDone, "woken", got[0].ID
	want[3].Result, want[3].Detail, want[3].Intent = wire.AuditFailed, "no such thing", got[2].ID
	for i := range want {
		want[i].Service = "test"
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(wire.AuditRecord{}, "ID", "At", "Prev")); diff != "" {
		t.Error(diff)
	}
}

func TestAudited_NothingIsDoneThatCannotBeRecorded(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := b.Audited(ctx, wire.AuditRecord{Actor: "alex", Action: "dead.replay"}, func(context.Context) (string, error) {
		t.Error("it was done")
		return "", nil
	})
	if err == nil {
		t.Error("no error")
	}
}

func TestAudit_ChainsThoseWhoWriteAtOnce(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 10 {
				if _, err := b.Audit(t.Context(), wire.AuditRecord{Actor: "alex", Action: "x", Result: wire.Intended}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := len(audited(t, b)); n != 40 {
		t.Errorf("%d records, want 40", n)
	}
}

func TestReadAudit_FindsWhatWasTampered(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	for range 3 {
		if _, err := b.Audit(t.Context(), wire.AuditRecord{Actor: "alex", Action: "x", Result: wire.Intended}); err != nil {
			t.Fatal(err)
		}
	}
	var all []Message
	err := b.ReadAudit(t.Context(), func(_ wire.AuditRecord, m Message) error { all = append(all, m); return nil })
	if err != nil {
		t.Fatal(err)
	}
	read := func(messages ...Message) error {
		chain := auditChain{heads: map[string][]byte{}}
		for _, m := range messages {
			if _, err := chain.next(m); err != nil {
				return err
			}
		}
		return nil
	}
	changed, err := wire.UnmarshalAudit(all[1].Data)
	if err != nil {
		t.Fatal(err)
	}
	changed.Actor = "nobody"
	other := all[1]
	if other.Data, err = wire.MarshalAudit(changed); err != nil {
		t.Fatal(err)
	}
	elsewhere := all[0]
	elsewhere.Subject = "pay.audit.other"
	second := all[1]
	second.Seq = 1
	later := all[1] // follows the first, but not at once: another service's only record was between them
	later.Seq = 3
	for name, tt := range map[string]struct {
		messages []Message
		ok       bool
	}{
		"as it was written":       {all, true},
		"the first has expired":   {all[1:], true},
		"one was taken out":       {[]Message{all[0], all[2]}, false},
		"one was changed":         {[]Message{all[0], other, all[2]}, false},
		"the first was taken out": {[]Message{second}, false},
		"another's was taken out": {[]Message{all[0], later}, false},
		"on another's subject":    {[]Message{elsewhere}, false},
		"no record":               {[]Message{{Seq: 1, Data: []byte("x")}}, false},
	} {
		if err := read(tt.messages...); (err == nil) != tt.ok || (err != nil && !errors.Is(err, ErrTampered)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAdvisories strands a message and buries another.
func TestAdvisories(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	count := b.CountAdvisories()
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	go func() { done <- count.Run(ctx) }()

	mustPublish(t, b, "pay.cmd.0.computop.demo.x", []byte("poison"))
	consumeUntilBuried(t, b, 1, nil)
	c, err := b.js.CreateConsumer(ctx, "COMMANDS_0", jetstream.ConsumerConfig{
		Durable: "limited", MaxDeliver: 1, AckPolicy: jetstream.AckExplicitPolicy, AckWait: 100 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	m, err := c.Next()
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Nak(); err != nil {
		t.Fatal(err)
	}
	counted := func(kind AdvisoryKind, consumer string) float64 {
		return testutil.ToFloat64(count.total.WithLabelValues(string(kind), "COMMANDS_0", consumer))
	}
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end) && counted(MaxDeliveries, "limited")+counted(Terminated, "worker-computop") < 2; {
		_, _ = c.Fetch(1, jetstream.FetchMaxWait(10*time.Millisecond)) // the broker tells when it is asked for more
	}
	if x, y := counted(MaxDeliveries, "limited"), counted(Terminated, "worker-computop"); x != 1 || y != 1 {
		t.Errorf("%v given up, %v buried; want one each", x, y)
	}
	if n := testutil.CollectAndCount(b.CountAdvisories()); n != 0 {
		t.Errorf("a count that has not caught up shows %d series", n)
	}
	fresh := b.CountAdvisories()
	close(fresh.caughtUp)
	if n, want := testutil.CollectAndCount(fresh), len(Topology{}.withDefaults().consumers()); n != want {
		t.Errorf("a count of nothing shows %d series, want one at 0 for each of %d consumers", n, want)
	}
	var kinds []AdvisoryKind
	if err := b.ReadAdvisories(ctx, func(a Advisory) { kinds = append(kinds, a.Kind) }); err != nil || len(kinds) != 2 {
		t.Errorf("%v, %v", kinds, err)
	}
}
