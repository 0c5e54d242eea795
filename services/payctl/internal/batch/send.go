package batch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/payloom/payloom/pkg/service"
	"github.com/payloom/payloom/services/internal/payouts"
	"github.com/payloom/payloom/services/payctl/internal/api"
)

// Options are where a batch goes.
type Options struct {
	Ingress string // base URL
	APIKey  string
	Key     string // the batch's idempotency key
	// Patience is how long to go on without an answer to any line.
	Patience time.Duration
	// Silence is how long lines may wait for an answer on a connection that seems to
	// be there.
	Silence time.Duration
	// Note tells a person why something is done again.
	Note func(text string)
	// Result takes the result of each line, in order.
	Result func(payouts.Result) error
}

// ErrGaveUp means that lines are left of which nobody knows what became of them.
var ErrGaveUp = errors.New("gave up")

// errRefused ends a batch: sending it again changes nothing.
var errRefused = errors.New("refused")

// Send sends all of src until each line is answered. It tries again after whatever
// may pass, for as long as the patience lasts. An error says what line to go on with.
func Send(ctx context.Context, src *Source, o Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go src.fill(ctx)
	s := &sender{src: src, o: o, http: newHTTP()}
	defer s.http.CloseIdleConnections()
	err := s.all(ctx)
	if _, next := src.answered(); err != nil {
		return fmt.Errorf("from line %d on: %w", next, err)
	}
	return nil
}

// sender is one batch under way.
type sender struct {
	src  *Source
	o    Options
	http *http.Client
}

func newHTTP() *http.Client {
	return &http.Client{
		// The server says whether it wants the body before it is sent.
		Transport:     &http.Transport{ExpectContinueTimeout: 5 * time.Second, ResponseHeaderTimeout: 30 * time.Second},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// all makes one attempt after the other.
func (s *sender) all(ctx context.Context) error {
	pause := backoff.NewExponentialBackOff(backoff.WithMaxInterval(15*time.Second), backoff.WithMaxElapsedTime(0))
	last, before := time.Now(), -1
	for {
		// Nothing is lost while there is nothing to send.
		if before >= 0 {
			s.src.await(ctx, before)
		}
		err := s.attempt(ctx)
		over, readErr := s.src.end()
		n, next := s.src.answered()
		if n > before {
			before, last = n, time.Now()
			pause.Reset()
		}
		switch {
		case errors.Is(err, errRefused) || ctx.Err() != nil:
			return errors.Join(ctx.Err(), err)
		case over:
			return readErr
		case err == nil:
			err = errors.New("the answer ended too early")
		}
		if time.Since(last) > s.o.Patience {
			return fmt.Errorf("%w after %v without an answer: %w", ErrGaveUp, s.o.Patience, err)
		}
		wait := max(pause.NextBackOff(), retryAfter(err))
		s.o.Note(fmt.Sprintf("line %d: %v; again in %v", next, err, wait.Round(100*time.Millisecond)))
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

func retryAfter(err error) time.Duration {
	if p, ok := errors.AsType[*api.Problem](err); ok {
		return p.RetryAfter
	}
	return 0
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// result hands out the results of everything up to a line: nothing of blank ones, and
// our own of those that were too long to be sent.
func (s *sender) result(r payouts.Result) error {
	for {
		line, ok := s.src.forget(r.Line)
		switch {
		case !ok:
			return fmt.Errorf("an answer to line %d, which was not sent", r.Line)
		case line.Number == r.Line:
			return s.o.Result(r)
		case line.TooLong:
			if err := s.o.Result(tooLong(line)); err != nil {
				return err
			}
		case !line.Blank():
			return fmt.Errorf("an answer to line %d before one to line %d", r.Line, line.Number)
		}
	}
}

func tooLong(l payouts.Line) payouts.Result {
	return payouts.Result{Line: l.Number, Status: payouts.Rejected, Errors: []service.FieldError{*l.Unreadable()}}
}

// rest hands out the results of what is left when the server has answered everything:
// lines that have none, or ours.
func (s *sender) rest() error {
	for {
		n, _ := s.src.answered()
		line, ok := s.src.at(n)
		switch {
		case !ok:
			return nil
		case !line.TooLong && !line.Blank():
			return fmt.Errorf("no answer to line %d", line.Number)
		}
		s.src.forget(line.Number)
		if line.TooLong {
			if err := s.o.Result(tooLong(line)); err != nil {
				return err
			}
		}
	}
}
