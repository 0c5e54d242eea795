package guard

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/protection"
)

// Store keeps what replicas share.
type Store interface {
	// Get returns the value at key and its revision, 0 when there is none.
	Get(ctx context.Context, key string) (value []byte, rev uint64, err error)
	// CompareAndSet stores value at key if its revision is still rev, and returns
	// the new one. It returns an error that wraps payment.ErrConflict when it is not.
	CompareAndSet(ctx context.Context, key string, value []byte, rev uint64) (uint64, error)
	// Watch hands each what matches a filter, then each change, until ctx ends;
	// caughtUp is called after what was there. A value may come more than once.
	Watch(ctx context.Context, filters []string, each func(key string, value []byte, rev uint64), caughtUp func())
}

// Options are what a guard is made of.
type Options struct {
	Provider payment.Provider
	Replica  string // this one's name among the replicas
	Store    Store
	// Now returns the broker's time, which all replicas share.
	Now func(ctx context.Context) (time.Time, error)
	// Wake has a command handled at or soon after at.
	Wake func(ctx context.Context, c payment.Command, at time.Time) error
	// Limit returns the limit of an account; nil: there is none.
	Limit func(m payment.Merchant, account string) protection.Limit
	Rules protection.Rules // zero: DefaultRules
	// Changed is called after an operator's switch has changed; nil: nothing is.
	Changed func()
	Log     *zap.Logger
}

// Guard watches over the accounts of one provider. It may be used concurrently.
type Guard struct {
	o     Options
	stats *Metrics
	ready chan struct{}
	once  sync.Once

	mu       sync.RWMutex
	gates    map[protection.Account]*gate
	switches map[protection.Account]versioned[protection.Switch]
	turned   chan struct{} // closed when a switch changes
}

// New returns a guard that knows nothing before Run has told it.
func New(o Options) *Guard {
	if o.Rules == (protection.Rules{}) {
		o.Rules = protection.DefaultRules()
	}
	if o.Limit == nil {
		o.Limit = func(payment.Merchant, string) protection.Limit { return protection.Limit{} }
	}
	if o.Changed == nil {
		o.Changed = func() {}
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	g := &Guard{
		o: o, ready: make(chan struct{}), gates: map[protection.Account]*gate{},
		switches: map[protection.Account]versioned[protection.Switch]{}, turned: make(chan struct{}),
	}
	g.stats = newMetrics(g)
	return g
}

// Run follows what other replicas and operators do, until ctx ends.
func (g *Guard) Run(ctx context.Context) {
	p := string(g.o.Provider)
	filters := []string{
		string(protection.SwitchRecord) + "." + p, string(protection.SwitchRecord) + "." + p + ".>",
		string(protection.BreakerRecord) + "." + p + ".>",
	}
	g.o.Store.Watch(ctx, filters, g.learn, func() { g.once.Do(func() { close(g.ready) }) })
}

// Ready is closed when what was there at the start is known. Who calls a provider
// before may call one that is paused.
func (g *Guard) Ready() <-chan struct{} { return g.ready }

// learn takes note of a record.
func (g *Guard) learn(key string, value []byte, rev uint64) {
	record, account, ok := protection.ParseKey(key)
	var err error
	switch {
	case !ok:
		return
	case record == protection.SwitchRecord:
		err = g.turn(account, value, rev)
	case record == protection.BreakerRecord:
		err = g.gate(account).learn(value, rev)
	}
	if err != nil {
		g.o.Log.Warn("a record of the protection is unreadable", zap.String("key", key), zap.Error(err))
	}
}

func (g *Guard) gate(a protection.Account) *gate {
	g.mu.RLock()
	t, ok := g.gates[a]
	g.mu.RUnlock()
	if ok {
		return t
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if t, ok = g.gates[a]; !ok {
		t = newGate(g, a)
		g.gates[a] = t
	}
	return t
}

// Enter asks for leave to make a call. When it has to wait the call must not be
// made, and there is no pass; otherwise the pass is to be given back by Done or
// Drop.
func (g *Guard) Enter(ctx context.Context, a protection.Ask) (protection.Pass, protection.Wait) {
	p := &pass{gate: g.gate(a.Account), ctx: context.WithoutCancel(ctx), ask: a}
	w := g.switched(a, p.gate)
	if w.For == 0 {
		w = p.gate.passBreaker(ctx, p)
	}
	if w.For == 0 {
		w = p.gate.spend(ctx, a.Now)
	}
	if w.For > 0 {
		p.Drop()
		g.stats.waited(a.Account, w.Until)
		return nil, w
	}
	return p, w
}

// Wanted tells whether the provider is to be asked about c now, whenever its turn
// would be: as the trial that closes an open breaker.
func (g *Guard) Wanted(a protection.Account, c payment.CommandID, now time.Time) bool {
	return g.gate(a).current().Asks(c, now)
}

// now returns the broker's time, or what it was when the call was asked for.
func (g *Guard) now(ctx context.Context, otherwise time.Time) time.Time {
	now, err := g.o.Now(ctx)
	if err != nil || now.Before(otherwise) {
		return otherwise
	}
	return now
}

// versioned is a value and the revision it was read at; 0: nobody has set it.
type versioned[T any] struct {
	value T
	rev   uint64
}

func decode[T any](data []byte, rev uint64) (versioned[T], error) {
	v := versioned[T]{rev: rev}
	if len(data) == 0 {
		return v, nil
	}
	return v, json.Unmarshal(data, &v.value)
}
