package guard

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/protection"
)

// lookAgain is how long a command waits for a trial that is an inquiry.
const lookAgain = 3 * time.Second

// passBreaker returns how long a call has to wait for the provider, and makes it a
// trial where one is due.
func (t *gate) passBreaker(ctx context.Context, p *pass) protection.Wait {
	b := t.current()
	switch {
	case b.Closed():
		return protection.Wait{}
	case p.ask.Purpose == protection.Inquire && (b.Asks(p.ask.Command, p.ask.Now) || t.asks.AllowN(p.ask.Now, 1)):
		return protection.Wait{}
	case p.ask.Purpose != protection.Inquire && b.Due(p.ask.Now):
		return t.try(ctx, p)
	}
	return t.wait(p.ask.Now, later(b.Until(), p.ask.Now.Add(lookAgain)))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (t *gate) wait(now, at time.Time) protection.Wait {
	return protection.Wait{For: t.turn(now, at), Until: protection.ForProvider}
}

// try begins a trial if no other replica did: p's call itself, unless there is an
// attempt to be asked about.
func (t *gate) try(ctx context.Context, p *pass) protection.Wait {
	now, who := p.ask.Now, t.g.o.Replica
	var trial protection.Trial
	mine := false
	b := t.change(ctx, func(b protection.Breaker) (next protection.Breaker, ok bool) {
		next, trial, ok = b.Try(t.g.o.Rules, who, now)
		mine = ok
		return next, ok
	})
	switch {
	case b.Closed():
		return protection.Wait{} // another's trial went well meanwhile
	case !mine:
		return t.wait(now, later(b.Until(), now.Add(lookAgain)))
	case trial.Doubt == nil:
		p.trial = true
		return protection.Wait{}
	}
	if err := t.wake(ctx, *trial.Doubt, now); err != nil {
		t.g.o.Log.Warn("an attempt in doubt is not asked about", zap.Stringer("account", t.account), zap.Error(err))
	}
	return t.wait(now, now.Add(lookAgain))
}

// pass is leave to make one call.
type pass struct {
	gate  *gate
	ctx   context.Context // that of the call, but it does not end
	ask   protection.Ask
	trial bool // a real call that finds out whether the provider is well
	over  bool
}

// Done implements protection.Pass.
func (p *pass) Done(o protection.Outcome, doubt bool) {
	if p.over {
		return
	}
	p.over = true
	t, ctx := p.gate, p.ctx
	t.g.stats.called(t.account, o)
	now := t.g.now(ctx, p.ask.Now)
	var doubts []protection.Doubt
	if doubt {
		doubts = []protection.Doubt{{Payment: p.ask.Payment, Command: p.ask.Command}}
	}
	switch {
	case o == protection.Refused:
		t.change(ctx, always(func(b protection.Breaker) protection.Breaker { return b.Refuse(t.g.o.Rules, now) }))
	case !t.current().Closed():
		p.judge(ctx, now, o, doubts)
	case p.ask.Purpose != protection.Inquire:
		// Inquiries that are answered say nothing of payments, which may be failing.
		t.count(ctx, now, o, doubts)
	}
}

// judge says what a call tells about a provider whose breaker is open.
func (p *pass) judge(ctx context.Context, now time.Time, o protection.Outcome, doubts []protection.Doubt) {
	t, telling := p.gate, p.trial || p.ask.Purpose == protection.Inquire
	switch {
	case telling && o == protection.Good:
		t.change(ctx, func(b protection.Breaker) (protection.Breaker, bool) {
			return b.Succeed(now), !b.Closed() && !now.Before(b.RetryAt)
		})
	case telling && o == protection.Bad:
		t.change(ctx, always(func(b protection.Breaker) protection.Breaker { return b.Fail(t.g.o.Rules, now, doubts...) }))
	case p.trial:
		p.abandon(ctx)
	case len(doubts) > 0:
		t.change(ctx, always(func(b protection.Breaker) protection.Breaker { return b.Remember(doubts...) }))
	}
}

// Drop implements protection.Pass.
func (p *pass) Drop() {
	if p.over {
		return
	}
	p.over = true
	if p.trial {
		p.abandon(p.ctx)
	}
}

func (p *pass) abandon(ctx context.Context) {
	who := p.gate.g.o.Replica
	p.gate.change(ctx, func(b protection.Breaker) (protection.Breaker, bool) {
		mine := b.State == protection.HalfOpen && b.Trial.By == who
		return b.Abandon(who), mine
	})
}

func always(f func(protection.Breaker) protection.Breaker) func(protection.Breaker) (protection.Breaker, bool) {
	return func(b protection.Breaker) (protection.Breaker, bool) { return f(b), true }
}
