package batch

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"

	"github.com/payloom/payloom/services/internal/payouts"
)

// maxWindow is how many lines are kept because they are not answered yet.
const maxWindow = 1024

// Source is a batch to be sent. It keeps what is not answered, so that it can be sent
// again though the input cannot be read twice.
type Source struct {
	Format payouts.Format
	header payouts.Line // of CSV

	lines *payouts.Lines
	early *payouts.Line // read already, and no header

	mu     sync.Mutex
	change *sync.Cond
	kept   []payouts.Line // not answered, in order
	first  int            // how many were answered before the first of kept
	next   int            // the number of the line after the last one that was read
	err    error          // of reading; io.EOF at the end
}

// Open begins to read a batch. What begins with a brace is JSON lines, all else CSV.
func Open(r io.Reader) (*Source, error) {
	s := &Source{Format: payouts.CSV, lines: payouts.NewLines(r, 1)}
	s.change = sync.NewCond(&s.mu)
	line, err := s.lines.Next()
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if bytes.HasPrefix(bytes.TrimSpace(line.Text), []byte("{")) {
		s.Format, s.early = payouts.NDJSON, &line
	} else {
		s.header = line
	}
	s.next = s.Format.First()
	return s, nil
}

// Header returns the names of the columns. Its error is a *payouts.HeaderError.
func (s *Source) Header() (payouts.Header, error) {
	if s.Format != payouts.CSV {
		return payouts.Header{}, nil
	}
	return payouts.ReadHeader(s.header)
}

// Line returns the next line. It must not be used beside Send.
func (s *Source) Line() (payouts.Line, error) {
	if early := s.early; early != nil {
		s.early = nil
		return *early, nil
	}
	return s.lines.Next()
}

// Skip passes over what comes before line n.
func (s *Source) Skip(n int) error {
	for s.next < n {
		if _, err := s.Line(); err != nil {
			return err
		}
		s.next++
	}
	return nil
}

// fill reads on for as long as somebody wants it. It may hang in a read for ever, as
// nothing makes a terminal return.
func (s *Source) fill(ctx context.Context) {
	stop := context.AfterFunc(ctx, s.wake)
	defer stop()
	for {
		s.mu.Lock()
		for len(s.kept) >= maxWindow && ctx.Err() == nil {
			s.change.Wait()
		}
		s.mu.Unlock()
		if ctx.Err() != nil {
			return
		}
		line, err := s.Line()
		s.mu.Lock()
		if s.err = err; err == nil {
			s.kept, s.next = append(s.kept, line), line.Number+1
		}
		s.change.Broadcast()
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (s *Source) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.change.Broadcast()
}

// at returns the line that n others came before. ok is false when there is none, or
// none yet, or it was answered.
func (s *Source) at(n int) (line payouts.Line, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keptAt(n)
}

// await is at, but waits for a line that may still be read until ctx ends; who ends it
// calls wake.
func (s *Source) await(ctx context.Context, n int) (line payouts.Line, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n-s.first >= len(s.kept) && s.err == nil && ctx.Err() == nil {
		s.change.Wait()
	}
	return s.keptAt(n)
}

func (s *Source) keptAt(n int) (payouts.Line, bool) {
	if n < s.first || n-s.first >= len(s.kept) {
		return payouts.Line{}, false
	}
	return s.kept[n-s.first], true
}

// answered returns how many lines are answered, and the number of the next one.
func (s *Source) answered() (n, next int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.kept) > 0 {
		return s.first, s.kept[0].Number
	}
	return s.first, s.next
}

// forget drops the first line that is not answered, if its number is at most upTo, and
// returns it.
func (s *Source) forget(upTo int) (payouts.Line, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.kept) == 0 || s.kept[0].Number > upTo {
		return payouts.Line{}, false
	}
	line := s.kept[0]
	s.kept, s.first = s.kept[1:], s.first+1
	s.change.Broadcast()
	return line, true
}

// end returns whether everything was read and answered, and the error of reading.
func (s *Source) end() (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case len(s.kept) > 0 || s.err == nil:
		return false, nil
	case errors.Is(s.err, io.EOF):
		return true, nil
	}
	return true, s.err
}
