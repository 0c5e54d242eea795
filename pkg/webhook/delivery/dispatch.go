package delivery

import (
	"context"
	"crypto/x509"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/wire"
)

// Accounts are the accounts in force: an *account.Live.
type Accounts interface{ Book() *account.Book }

// Options are how messages are sent. The zero value will do.
type Options struct {
	Guard       Guard
	PerEndpoint int              // messages under way to one endpoint, of each replica; 0: 4
	Keep        time.Duration    // how long rows stay that are done with; 0: 30 days
	Roots       *x509.CertPool   // authorities of the endpoints' certificates; nil: the system's
	Keys        Keys             // nil: what is sealed is left out of messages
	Clock       func() time.Time // nil: time.Now
	Stats       *Stats           // nil: of its own
	Log         *zap.Logger      // nil: none
}

// Keys returns how the keys of a payment's personal data are found: bus.Finder.
type Keys func(ctx context.Context, m payment.Merchant, id payment.ID) wire.Finder

// lease is how long a message is somebody's: an attempt, and the note of it.
const lease = sendTimeout + 2*noteTimeout

func (o Options) withDefaults(pool *pgxpool.Pool) Options {
	if o.PerEndpoint <= 0 {
		o.PerEndpoint = 4
	}
	if o.Keep <= 0 {
		o.Keep = 30 * 24 * time.Hour
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Stats == nil {
		o.Stats = NewStats(pool)
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	return o
}

// Dispatcher sends what is due. Any number may run on the same rows.
type Dispatcher struct {
	accounts Accounts
	rows     rows
	sender   *sender
	opts     Options
	wake     chan struct{}

	work   sync.WaitGroup
	mu     sync.Mutex
	busy   map[Key]int  // senders at work
	missed map[Key]bool // more was due than senders could be started for
	upkept time.Time    // when rows were put away
}

// NewDispatcher returns a Dispatcher of the rows behind pool.
func NewDispatcher(accounts Accounts, pool *pgxpool.Pool, o Options) *Dispatcher {
	o = o.withDefaults(pool)
	return &Dispatcher{
		accounts: accounts, rows: rows{pool}, sender: newSender(o.Guard, o.Roots), opts: o,
		wake: make(chan struct{}, 1), busy: map[Key]int{}, missed: map[Key]bool{},
	}
}

// Wake has the dispatcher look at the rows now. It never waits.
func (d *Dispatcher) Wake() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

const (
	// idle is the longest time without a look: other replicas write rows, and die.
	idle = 30 * time.Second
	// breath is the least time between two looks, however much happens.
	breath = 10 * time.Millisecond
)

// Run sends until ctx ends and what is under way is noted, which takes as long as
// an attempt may.
func (d *Dispatcher) Run(ctx context.Context) error {
	defer d.work.Wait()
	for ctx.Err() == nil {
		wait := d.round(ctx)
		pause(ctx, breath, nil)
		pause(ctx, wait-breath, d.wake)
	}
	return nil
}

// pause waits for a while, or until ctx ends or something is received from wake.
func pause(ctx context.Context, d time.Duration, wake <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-wake:
	}
}

// round starts senders for what is due and returns how long there is nothing
// more to do.
func (d *Dispatcher) round(ctx context.Context) time.Duration {
	now := d.opts.Clock()
	if err := d.upkeep(ctx, now); err != nil {
		return d.failed(ctx, err)
	}
	var keys []Key
	for _, w := range d.accounts.Book().Webhooks() {
		keys = append(keys, keyOf(w))
	}
	list, err := d.rows.due(ctx, keys, d.opts.PerEndpoint)
	if err != nil {
		return d.failed(ctx, err)
	}
	wait := idle
	for _, a := range list {
		due := 0
		for _, at := range a.Due {
			if !at.After(now) {
				due++
				continue
			}
			wait = min(wait, at.Sub(now))
		}
		d.start(ctx, a.Key, due)
	}
	return wait
}

// failed says that the database did not answer, and when to ask again.
func (d *Dispatcher) failed(ctx context.Context, err error) time.Duration {
	if ctx.Err() == nil {
		d.opts.Log.Warn("webhooks are held up", zap.Error(err))
	}
	return time.Second
}

// upkeepEvery is how often rows are put away.
const upkeepEvery = time.Minute

func (d *Dispatcher) upkeep(ctx context.Context, now time.Time) error {
	d.mu.Lock()
	recent := now.Sub(d.upkept).Abs() < upkeepEvery
	d.mu.Unlock()
	if recent {
		return nil
	}
	expired, err := d.rows.expireAll(ctx, now)
	d.opts.Stats.count(resultExpired, int(expired))
	if err != nil {
		return err
	}
	d.mu.Lock()
	d.upkept = now
	d.mu.Unlock()
	return d.rows.purge(ctx, now.Add(-d.opts.Keep))
}

// start starts up to n senders for an endpoint, as far as it may have more.
func (d *Dispatcher) start(ctx context.Context, k Key, n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	more := min(n, d.opts.PerEndpoint-d.busy[k])
	d.missed[k] = more < n
	for range more {
		d.busy[k]++
		d.work.Go(func() { d.serve(ctx, k) })
	}
}

// serve sends to an endpoint until nothing more is due.
func (d *Dispatcher) serve(ctx context.Context, k Key) {
	for ctx.Err() == nil {
		j, ok, err := d.take(ctx, k)
		if err != nil {
			d.failed(ctx, err)
			break
		}
		if !ok {
			break
		}
		d.attempt(ctx, j)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.busy[k]--
	if d.missed[k] {
		// It may have come after the last look and before this moment.
		d.missed[k] = false
		d.Wake()
	}
}

// take takes a message even when ctx ends meanwhile: one that is taken and not sent
// would have to wait until the lease is over.
func (d *Dispatcher) take(ctx context.Context, k Key) (job, bool, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTimeout)
	defer cancel()
	return d.rows.take(ctx, k, d.opts.Clock(), lease)
}

// attempt sends j and notes what came of it, even when ctx ends meanwhile.
func (d *Dispatcher) attempt(ctx context.Context, j job) {
	w, ok := d.accounts.Book().Webhook(j.Merchant, j.Endpoint)
	if !ok {
		return // it was configured a moment ago; j is due again when it is so again
	}
	ctx = context.WithoutCancel(ctx)
	start := time.Now()
	body, err := d.whole(ctx, j)
	a := answer{reason: reasonNoKey}
	if err == nil {
		a = d.sender.send(ctx, w, j.message, body, d.opts.Clock())
	}
	d.opts.Stats.attempt(a, time.Since(start))
	if err := d.note(ctx, j, a); err != nil {
		d.opts.Log.Warn("webhook will be sent again: nobody could note what came of it",
			append(fields(j, a), zap.Error(err))...)
	}
	if !a.ok() {
		d.Wake() // the next attempt has its own time
	}
}
