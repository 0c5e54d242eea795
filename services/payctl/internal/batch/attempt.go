package batch

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/payloom/payloom/services/internal/payouts"
	"github.com/payloom/payloom/services/payctl/internal/api"
)

// errSilent ends a connection on which nothing comes back.
var errSilent = errors.New("no answer for too long")

// attempt sends what is not answered yet until all is answered or the connection ends.
// Only errors that wrap errRefused are for good.
func (s *sender) attempt(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	n, next := s.src.answered()
	body, out := io.Pipe()
	wake := context.AfterFunc(ctx, s.src.wake)
	defer wake()
	sent := make(chan struct{})
	go func() { defer close(sent); _ = out.CloseWithError(s.write(ctx, out, n)) }()
	// Nobody may read lines for this attempt once there is another.
	defer func() { cancel(nil); _ = body.Close(); s.src.wake(); <-sent }()

	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.o.Ingress+"/v1/payouts/batches?"+payouts.FirstLine+"="+strconv.Itoa(next), body)
	if err != nil {
		return fmt.Errorf("%w: %w", errRefused, err)
	}
	req.Header = http.Header{
		"Authorization": {"Bearer " + s.o.APIKey}, "Idempotency-Key": {s.o.Key},
		"Content-Type": {s.src.Format.MediaType()}, "Expect": {"100-continue"},
	}
	alive, stop := s.watch(cancel)
	defer stop()
	res, err := s.http.Do(req)
	if err != nil {
		return cause(ctx, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return refusal(res)
	}
	return cause(ctx, s.results(res.Body, alive))
}

// watch ends an attempt when lines wait for an answer and alive is not called.
func (s *sender) watch(cancel context.CancelCauseFunc) (alive, stop func()) {
	var timer *time.Timer
	timer = time.AfterFunc(s.o.Silence, func() {
		n, _ := s.src.answered()
		if _, waits := s.src.at(n); waits {
			cancel(errSilent)
			return
		}
		timer.Reset(s.o.Silence)
	})
	return func() { timer.Reset(s.o.Silence) }, func() { timer.Stop() }
}

// cause returns why an attempt was ended by us, where that is what err comes of.
func cause(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func refusal(res *http.Response) error {
	p := api.ReadProblem(res)
	if p.Status == http.StatusRequestTimeout || p.Status == http.StatusTooManyRequests || p.Status >= http.StatusInternalServerError {
		return p
	}
	return fmt.Errorf("%w: %w", errRefused, p)
}

// write writes the header and every line from the one that n others came before. It
// keeps lines together as long as there are more.
func (s *sender) write(ctx context.Context, to io.Writer, n int) error {
	out := bufio.NewWriterSize(to, 32<<10)
	if s.src.Format == payouts.CSV {
		if err := writeLine(out, s.src.header); err != nil {
			return err
		}
	}
	for ; ; n++ {
		line, ok := s.src.at(n)
		if !ok {
			if err := out.Flush(); err != nil {
				return err
			}
			if line, ok = s.src.await(ctx, n); !ok {
				return ctx.Err()
			}
		}
		if err := writeLine(out, line); err != nil {
			return err
		}
	}
}

// writeLine writes a line; one that is too long as a blank one, which keeps the
// numbers of the others.
func writeLine(out *bufio.Writer, l payouts.Line) error {
	_, _ = out.Write(l.Text) // the writer remembers its first error
	return out.WriteByte('\n')
}

// results reads the answer and hands out what it says.
func (s *sender) results(body io.Reader, alive func()) error {
	in := bufio.NewScanner(body)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		alive()
		if bytes.HasPrefix(in.Bytes(), []byte(`{"done":`)) {
			return s.ended(in.Bytes())
		}
		var r payouts.Result
		if err := json.Unmarshal(in.Bytes(), &r); err != nil {
			return fmt.Errorf("the answer cannot be read: %w", err)
		}
		if r.Status == payouts.Unavailable {
			continue // the end follows and says why
		}
		if err := s.result(r); err != nil {
			return fmt.Errorf("%w: %w", errRefused, err)
		}
	}
	if in.Err() != nil {
		return in.Err()
	}
	return io.ErrUnexpectedEOF
}

// ended returns what the last line of an answer means.
func (s *sender) ended(line []byte) error {
	var end payouts.End
	if err := json.Unmarshal(line, &end); err != nil {
		return fmt.Errorf("the answer cannot be read: %w", err)
	}
	switch {
	case end.Done:
		return s.rest()
	case end.Reason == payouts.ReasonForbidden:
		return fmt.Errorf("%w: the API key may not pay out any more", errRefused)
	}
	return fmt.Errorf("the server has ended the batch: %s", end.Reason)
}
