package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/payloom/payloom/services/payctl/internal/verify"
)

// storm has the planned faults happen and returns when the last one is healed.
func (r *run) storm(ctx context.Context) {
	storm, cancel := context.WithTimeout(ctx, r.o.Storm)
	defer cancel()
	var all sync.WaitGroup
	for _, e := range planFor(selected(r.o.Faults), r.o.Storm, r.o.Seed) {
		all.Go(func() {
			select {
			case <-time.After(time.Until(r.began.Add(e.at))):
				r.episode(ctx, storm, e)
			case <-storm.Done():
			}
		})
	}
	<-storm.Done()
	all.Wait()
}

// episode has a fault happen once and undoes it, also when the storm ends before its
// time.
func (r *run) episode(ctx, storm context.Context, e episode) {
	// A fault that cannot happen now, as what it needs is down, happens a little later.
	striking, cancel := context.WithTimeout(ctx, time.Until(r.began.Add(r.o.Storm))+late)
	defer cancel()
	begin := time.Now()
	hit, err := r.strike(striking, e)
	w := Window{Start: begin.Sub(r.began).Seconds(), What: hit.what}
	if err != nil {
		w.Error = err.Error()
	}
	r.o.Note(fmt.Sprintf("%6.1f s  %s: %s%s", w.Start, e.fault.name, hit.what, failure(err)))
	if hit.heal != nil {
		if err == nil {
			r.last(storm, e)
		}
		r.undo(context.WithoutCancel(ctx), e, hit)
	}
	w.End = time.Since(r.began).Seconds()
	if hit.hits != nil {
		w.Hits = hit.hits()
	}
	r.log.add(e.fault.name, w)
}

// late is how long after the storm a fault may still happen that could not before.
const late = 45 * time.Second

// strike tries to have a fault happen until it does, or ctx ends. What a try that
// failed has left is undone.
func (r *run) strike(ctx context.Context, e episode) (injury, error) {
	draw := rand.New(rand.NewPCG(e.seed, 0)) //nolint:gosec // it is to be repeatable
	for {
		// A try that succeeds may go on in the background until ctx ends.
		try, giveUp := context.WithCancel(ctx)
		timer := time.AfterFunc(aTry, giveUp)
		hit, err := e.fault.strike(try, r.field, draw)
		timer.Stop()
		if err == nil {
			return hit, nil
		}
		giveUp()
		if ctx.Err() != nil {
			return hit, err
		}
		if hit.heal != nil {
			r.undo(ctx, e, hit)
		}
		select {
		case <-ctx.Done():
			return injury{what: hit.what}, err
		case <-time.After(time.Second):
		}
	}
}

// last leaves a fault as it is for its time, or what is left of it: a moment at
// least.
func (r *run) last(storm context.Context, e episode) {
	select {
	case <-storm.Done():
		time.Sleep(min(e.lasts, 2*time.Second))
	case <-time.After(e.lasts):
	}
}

func failure(err error) string {
	if err == nil {
		return ""
	}
	return ": " + err.Error()
}

// undo heals what was hit, for as long as that may take.
func (r *run) undo(ctx context.Context, e episode, hit injury) {
	ctx, cancel := context.WithTimeout(ctx, healing)
	defer cancel()
	if err := persist(ctx, hit.heal); err != nil {
		r.log.trouble(verify.Violation{Invariant: "chaos", Kind: verify.Wrong, Subject: e.fault.name + " of " + hit.what, What: "cannot be undone: " + err.Error()})
	}
}
