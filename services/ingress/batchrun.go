package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"sync"

	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/services/internal/payouts"
)

// batchWindow is how many lines of a batch are under way at once. More only wait for
// each other at the broker.
const batchWindow = 64

// step is one line under way. When done is closed the rest is there to be read.
type step struct {
	done   chan struct{}
	result payouts.Result
	// stop is why the batch ends with this line; it has no result then, or one that
	// is unavailable.
	stop payouts.Reason
	// next is the line to resume from when the batch ends here.
	next int
}

// run takes all lines and answers them, and returns what its last line said. When it
// returns nothing of it runs any more.
func (b *batch) run(parent context.Context) payouts.End {
	// The server ends the call's context at any error of reading, a deadline of ours
	// included. What is under way then is carried through.
	ctx, cancel := context.WithCancel(context.WithoutCancel(parent))
	b.turns = newTurns()
	steps := make(chan *step, batchWindow)
	var all sync.WaitGroup
	all.Go(func() { b.feed(ctx, steps, &all) })
	all.Go(func() { b.haltWhen(ctx) })
	end := b.answer(steps)
	cancel()
	all.Wait()
	return end
}

// haltWhen ends the reading when the service stops or the batch is over.
func (b *batch) haltWhen(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-b.api.stopping:
	}
	b.pipe.halt()
}

// feed starts a step for each line, in order, and says with the last one why no more
// come. It closes steps.
func (b *batch) feed(ctx context.Context, steps chan<- *step, all *sync.WaitGroup) {
	defer close(steps)
	book := b.api.accounts.Book()
	for {
		line, reason := b.next(ctx, &book)
		s := &step{done: make(chan struct{}), stop: reason, next: b.lines.Number()}
		if reason == "" {
			s.next = line.Number
		} else {
			close(s.done)
		}
		select {
		case steps <- s:
		case <-ctx.Done():
			return
		}
		if reason != "" {
			return
		}
		turn := b.turns.next()
		all.Go(func() {
			defer close(s.done)
			s.result, s.stop = b.take(ctx, book, line, turn)
		})
	}
}

// finished is the reason of a batch that ends because all of it was read.
const finished payouts.Reason = "finished"

// next returns the next line with something on it, or why there is none. book is kept
// at the one in force.
func (b *batch) next(ctx context.Context, book **account.Book) (payouts.Line, payouts.Reason) {
	for {
		// The rate holds for blank lines too, so that nobody sends them for ever.
		if b.api.lineLimits.wait(ctx, b.caller.Access) != nil {
			return payouts.Line{}, payouts.ReasonUnreadable
		}
		if now := b.api.accounts.Book(); now != *book {
			if !b.allowed(now) {
				return payouts.Line{}, payouts.ReasonForbidden
			}
			*book = now
		}
		if b.stopping() {
			return payouts.Line{}, payouts.ReasonStopping
		}
		line, err := b.lines.Next()
		if err != nil {
			return payouts.Line{}, b.reasonOf(err)
		}
		if !line.Blank() {
			return line, ""
		}
	}
}

func (b *batch) stopping() bool {
	select {
	case <-b.api.stopping:
		return true
	default:
		return false
	}
}

func (b *batch) reasonOf(err error) payouts.Reason {
	switch {
	case errors.Is(err, io.EOF):
		return finished
	case b.stopping():
		return payouts.ReasonStopping
	case errors.Is(err, os.ErrDeadlineExceeded):
		return payouts.ReasonStalled
	}
	return payouts.ReasonUnreadable
}

// answer writes the results in the order of the lines, and the end. It returns early
// when the client has gone.
func (b *batch) answer(steps <-chan *step) payouts.End {
	out := newResults(b.pipe)
	var end payouts.End
	for {
		s, err := out.await(steps)
		if err != nil {
			return payouts.End{Reason: payouts.ReasonUnreadable, ResumeFrom: end.ResumeFrom, Counts: end.Counts}
		}
		if s.stop == "" || s.stop == payouts.ReasonUnavailable || s.stop == payouts.ReasonFailed {
			end.Add(s.result.Status)
			end.ResumeFrom = s.next + 1
			out.line(s.result)
		}
		if s.stop != "" {
			end = ended(end.Counts, s)
			out.line(end)
			if out.finish() != nil {
				b.api.rt.Log.Debug("batch: the client did not wait for the end", zap.Error(out.err))
			}
			return end
		}
	}
}

func ended(c payouts.Counts, s *step) payouts.End {
	if s.stop == finished {
		return payouts.End{Done: true, Counts: c}
	}
	return payouts.End{Reason: s.stop, ResumeFrom: s.next, Counts: c}
}

// results writes lines of JSON and sends them whenever it has to wait for more.
type results struct {
	pipe *pipe
	out  *bufio.Writer
	enc  *json.Encoder
	err  error // the first one
}

func newResults(p *pipe) *results {
	r := &results{pipe: p, out: bufio.NewWriterSize(p, 16<<10)}
	r.enc = json.NewEncoder(r.out)
	r.enc.SetEscapeHTML(false)
	// The header goes out at once: the client learns that it may send.
	_ = r.finish()
	return r
}

// errGone ends a batch whose client has gone.
var errGone = errors.New("the client has gone")

// await returns the next step once it is done, or the error of writing.
func (r *results) await(steps <-chan *step) (*step, error) {
	var s *step
	select {
	case s = <-steps:
	default:
		if r.finish() != nil {
			return nil, r.err
		}
		s = <-steps
	}
	if s == nil { // closed without an end
		return nil, errGone
	}
	select {
	case <-s.done:
	default:
		if r.finish() != nil {
			return nil, r.err
		}
		<-s.done
	}
	return s, r.err
}

func (r *results) line(v any) {
	if err := r.enc.Encode(v); err != nil && r.err == nil {
		r.err = err
	}
}

// finish sends what has been written so far.
func (r *results) finish() error {
	if err := errors.Join(r.out.Flush(), r.pipe.flush()); err != nil && r.err == nil {
		r.err = err
	}
	return r.err
}
