package bus_test

import (
	"context"
	"errors"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/bustest"
	"github.com/payloom/payloom/pkg/payment"
)

const events0 = "EVENTS_0"

// ledger is a broker on a disk, with payments of which each has been started, and
// nothing more is known.
type ledger struct {
	t     *testing.T
	dir   string
	port  int
	srv   *server.Server
	cfg   bus.Config
	heads []payment.Head // by payment
}

// payments is how many there are: they fill three files.
const payments = 110

func paymentID(i int) payment.ID { return payment.ID("order-" + strconv.Itoa(i)) }

func newLedger(t *testing.T) *ledger {
	t.Helper()
	l := &ledger{t: t, dir: filepath.Join(t.TempDir(), "data")}
	l.cfg, l.srv = bustest.Start(t, l.dir)
	l.port = bustest.Port(l.srv)
	bustest.Provision(t, l.cfg, bus.Topology{MaxBytes: bustest.SmallBlocks})
	return l
}

// fill starts the payments, through a program that takes commands, and returns it.
func (l *ledger) fill() *bus.Bus {
	l.t.Helper()
	b := bustest.Connect(l.t, l.cfg, "worker-computop")
	stop := consume(l.t, b, func(context.Context, payment.Command) error { return nil })
	for i := range payments {
		c := command(strconv.Itoa(i))
		h, err := b.Append(l.t.Context(), payment.Head{}, intent(c, time.Now()))
		if err != nil {
			l.t.Fatal(err)
		}
		l.heads = append(l.heads, h)
	}
	stop()
	if h, err := b.Load(l.t.Context(), "demo", paymentID(0)); err != nil || h.Seq != 1 {
		l.t.Fatalf("before the damage: %d, %v", h.Seq, err)
	}
	return b
}

// stop stops the broker in order, or as if it were killed.
func (l *ledger) stop(killed bool) {
	l.t.Helper()
	if killed {
		l.dir = bustest.Kill(l.t, l.srv, l.dir)
		return
	}
	bustest.Stop(l.srv)
}

// restart starts the broker again, where its clients look for it.
func (l *ledger) restart() {
	l.t.Helper()
	l.cfg, l.srv = bustest.StartAt(l.t, l.dir, l.port)
}

// damages are what may happen to a record, and to which payment's, of those in the
// first, the middle and the last file.
var damages = map[string]struct {
	at int
	do func(testing.TB, bustest.Record)
}{
	"body":              {20, func(t testing.TB, r bustest.Record) { r.Flip(t, r.Body()) }},
	"header":            {55, func(t testing.TB, r bustest.Record) { r.Flip(t, r.Header(t)) }},
	"checksum":          {100, func(t testing.TB, r bustest.Record) { r.Flip(t, r.Checksum()) }},
	"sequence":          {20, func(t testing.TB, r bustest.Record) { r.Flip(t, r.Sequence()) }},
	"subject":           {55, func(t testing.TB, r bustest.Record) { r.Flip(t, r.SubjectEnd()) }},
	"length":            {100, func(t testing.TB, r bustest.Record) { r.Flip(t, r.Length()) }},
	"cut":               {100, func(t testing.TB, r bustest.Record) { r.Cut(t) }},
	"cut in the middle": {55, func(t testing.TB, r bustest.Record) { r.Cut(t) }},
}

// TestLoad_DamagedDisk damages the disk of a broker of one node and starts it again:
// of every payment the truth is told, or that it is not known, to who was there before
// and to who comes after.
func TestLoad_DamagedDisk(t *testing.T) {
	t.Parallel()
	for name, damage := range damages {
		for how, killed := range map[string]bool{"stopped": false, "killed": true} {
			t.Run(name+" of one "+how, func(t *testing.T) {
				t.Parallel()
				l := newLedger(t)
				survivor := l.fill()
				l.stop(killed)
				damage.do(t, bustest.Records(t, l.dir, events0)[damage.at])
				l.restart()
				l.checkTruthful("who was there before", survivor, damage.at)
				l.checkTruthful("who comes after", l.successor(), damage.at)
			})
		}
	}
}

// successor returns a program that has begun to take commands after the restart.
func (l *ledger) successor() *bus.Bus {
	t := l.t
	t.Helper()
	b := bustest.Connect(t, l.cfg, "worker-computop")
	taken := make(chan bool, 1)
	stop := consume(t, b, func(context.Context, payment.Command) error { taken <- true; return nil })
	t.Cleanup(stop)
	mustAccept(t, b, command("after"))
	mustReceive(t, "a command after the restart", taken)
	return b
}

// checkTruthful checks that nobody decides about a payment from less than was stored.
func (l *ledger) checkTruthful(who string, b *bus.Bus, damaged int) {
	t := l.t
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	bustest.Await(t, time.Minute, func() error { return b.Check(ctx) })
	for _, i := range []int{damaged, damaged - 1, damaged + 1} {
		h, err := b.Load(ctx, "demo", paymentID(i))
		switch {
		case errors.Is(err, bus.ErrDamaged):
		case err != nil:
			t.Errorf("%s: payment %d: %v, want the ledger or ErrDamaged", who, i, err)
		case i == damaged:
			t.Errorf("%s: payment %d was damaged and is told at %d", who, i, h.Seq)
		case !cmp.Equal(h, l.heads[i]):
			t.Errorf("%s: payment %d has become another: %s", who, i, cmp.Diff(l.heads[i], h))
		}
	}
}
