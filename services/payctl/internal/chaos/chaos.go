package chaos

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/services/payctl/internal/api"
	"github.com/payloom/payloom/services/payctl/internal/demo"
	"github.com/payloom/payloom/services/payctl/internal/stack"
	"github.com/payloom/payloom/services/payctl/internal/verify"
)

// Env is the Payloom that is to withstand.
type Env struct {
	Stack *stack.Stack
	Net   *Net     // that the stack's traffic goes through
	Bus   *bus.Bus // to look with
	// Merchant is the endpoint that webhooks go to; nil: there is none.
	Merchant *Merchant
	// Verify checks everything at the end.
	Verify verify.Inputs
}

// Options are how much is asked of it.
type Options struct {
	Payments    int
	Concurrency int // scenarios under way at once; 0: 512
	Seed        uint64
	Faults      []string      // by name; see Select
	Storm       time.Duration // how long faults happen; 0: by payments and faults
	Drain       time.Duration // how long the rest may take once all is healed; 0: five minutes
	Journal     string        // file of what the client was promised; it is made
	Note        func(string)  // hears of every fault; may be nil, and is called concurrently
	Progress    func(ended int)
}

const (
	defaultConcurrency = 512
	defaultDrain       = 5 * time.Minute
	// healing is how long it may take to undo a fault, and all services to be ready.
	healing = 90 * time.Second
)

func (o Options) withDefaults() Options {
	if o.Concurrency <= 0 {
		o.Concurrency = defaultConcurrency
	}
	if o.Drain <= 0 {
		o.Drain = defaultDrain
	}
	if o.Storm <= 0 {
		o.Storm = StormFor(o.Payments, len(o.Faults))
	}
	if o.Note == nil {
		o.Note = func(string) {}
	}
	if o.Progress == nil {
		o.Progress = func(int) {}
	}
	return o
}

// StormFor returns how long faults happen unless told otherwise: long enough that
// every one has its time, and that payments come at a rate at which two cores have
// some power left for what goes wrong.
func StormFor(payments, faults int) time.Duration {
	d := 20*time.Second + time.Duration(faults)*1500*time.Millisecond + time.Duration(payments)*25*time.Millisecond
	return min(max(d, 30*time.Second), 4*time.Minute)
}

// Run breaks everything for a while, heals it, waits until all is quiet, and
// verifies. The error says why it could not; what is wrong with payments stands in
// the report.
func Run(ctx context.Context, env Env, o Options) (Report, error) {
	o = o.withDefaults()
	u := env.Stack.URLs()
	h, err := takeHands(ctx, env.Stack)
	if err != nil {
		return Report{}, err
	}
	defer h.close()
	f := &field{
		stack: env.Stack, net: env.Net, hands: h,
		computop: api.NewComputop(u.Simulator, o.Concurrency), axerve: api.NewAxerve(u.Simulator, o.Concurrency),
		ecommpay: api.NewECommPay(u.Simulator, o.Concurrency),
	}
	c, err := newClient(f, o)
	if err != nil {
		return Report{}, err
	}
	defer c.close()
	r := &run{env: env, o: o, field: f, client: c, log: newLog()}
	if err := r.drive(ctx); err != nil {
		return Report{}, err
	}
	return r.report(ctx)
}

// run is one run.
type run struct {
	env    Env
	o      Options
	field  *field
	client *client
	log    *log

	began, healed, ended, quiet time.Time
	driven                      demo.Result
	troubles                    []verify.Violation // of the run itself: what did not heal, or never calmed down
}

// drive has payments and faults go on side by side, then heals and waits.
func (r *run) drive(ctx context.Context) error {
	r.began = time.Now()
	sampling, stopSampling := context.WithCancel(ctx)
	defer stopSampling()
	sampled := make(chan struct{})
	go func() { r.client.sample(sampling, r.began); close(sampled) }()

	driving, stopDriving := context.WithCancelCause(ctx)
	defer stopDriving(nil)
	driven := make(chan struct{})
	go func() { r.driven = r.client.drive(driving); close(driven) }()

	r.storm(ctx)
	r.heal(ctx)
	r.healed = time.Now()
	r.o.Note(fmt.Sprintf("all is healed; waiting for the rest, at most %s", r.o.Drain))
	over := time.AfterFunc(r.o.Drain, func() { stopDriving(demo.ErrStuck) })
	defer over.Stop()
	<-driven
	r.ended = time.Now()
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := r.calm(ctx, r.healed.Add(r.o.Drain)); err != nil {
		return err
	}
	r.quiet = time.Now()
	r.checkDurability(ctx)
	stopSampling()
	<-sampled
	return nil
}

// heal undoes whatever may still be wrong, and waits until all services are ready.
func (r *run) heal(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, healing)
	defer cancel()
	err := errors.Join(persist(ctx, r.field.clear), r.env.Stack.WaitReady(ctx), persist(ctx, r.layOut))
	if err != nil {
		r.trouble(verify.Wrong, "the stack", "is not well again: %v", err)
	}
}

// layOut gives the streams their limits back, as an operator would. Nodes that are
// all killed at once can forget that a limit was changed a moment before.
func (r *run) layOut(ctx context.Context) error {
	_, err := r.field.hands.provisioner.Provision(ctx, bus.Topology{Replicas: len(r.env.Stack.Nodes())})
	return err
}

func (r *run) trouble(k verify.Kind, subject, format string, args ...any) {
	r.troubles = append(r.troubles, verify.Violation{Invariant: "chaos", Kind: k, Subject: subject, What: fmt.Sprintf(format, args...)})
}

// aTry is how long one try to undo something may take: whoever was asked may have
// been killed, and will never answer.
const aTry = 15 * time.Second

// persist calls f until it succeeds or ctx ends.
func persist(ctx context.Context, f func(context.Context) error) error {
	for {
		try, cancel := context.WithTimeout(ctx, aTry)
		err := f(try)
		cancel()
		if err == nil || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(300 * time.Millisecond):
		}
	}
}
