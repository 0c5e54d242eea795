package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/payloom/payloom/services/internal/payouts"
	"github.com/payloom/payloom/services/payctl/internal/batch"
	"github.com/payloom/payloom/services/payctl/internal/console"
)

const (
	// silence is how long lines may wait for an answer on one connection.
	silence = time.Minute
	// keepEvery is how often progress is kept.
	keepEvery = 2 * time.Second
)

// sending is one run of payouts send.
type sending struct {
	app     *app
	options sendOptions
	shop    shop

	state   batch.Progress
	path    string // of the progress; empty: it is not kept
	kept    time.Time
	results *batch.Results
	bar     *console.Bar
}

// stream sends standard input.
func (s *sending) stream(ctx context.Context) (err error) {
	if s.options.results == "" {
		s.results, err = batch.NewResults(s.app.out, payouts.NDJSON)
	} else {
		s.state.Results = s.options.results
		s.results, err = batch.OpenResults(s.options.results, 0)
	}
	if err != nil {
		return err
	}
	src, err := batch.Open(s.app.in)
	if err != nil {
		return errors.Join(err, s.results.Close())
	}
	s.bar = s.app.console.Progress(-1, "payouts")
	defer s.bar.Done()
	return errors.Join(s.run(ctx, src), s.results.Close())
}

// send sends a file, from where an earlier run has ended.
func (s *sending) send(ctx context.Context) error {
	f, err := os.Open(s.options.file)
	if err != nil {
		return err
	}
	defer f.Close()
	src, err := s.resume(f)
	if err != nil {
		return err
	}
	if s.results, err = batch.OpenResults(s.state.Results, s.state.Bytes); err != nil {
		return err
	}
	s.bar.Set(s.state.Lines)
	defer s.bar.Done()
	err = s.run(ctx, src)
	if err != nil {
		s.kept = time.Time{}
		return errors.Join(err, s.keep(), s.results.Close())
	}
	if err := s.results.Close(); err != nil {
		return err
	}
	if err := os.Remove(s.path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// resume returns the file as far as it is still to be sent.
func (s *sending) resume(f *os.File) (*batch.Source, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	total, err := countLines(f)
	if err != nil {
		return nil, err
	}
	src, err := batch.Open(f)
	if err != nil {
		return nil, err
	}
	s.path = s.options.file + ".progress"
	s.state = batch.Progress{Key: s.options.key, Target: batch.Target(s.shop.Ingress, s.shop.APIKey.Reveal()), Size: info.Size(), Modified: info.ModTime().UTC(), Results: s.options.results}
	if s.state.Results == "" {
		s.state.Results = s.options.file + ".results." + string(src.Format)
	}
	before, there, err := batch.ReadProgress(s.path)
	if err != nil {
		return nil, err
	}
	if there && before.Continues(s.state) {
		s.state = before
		s.app.console.Note(s.options.file + ": going on where the last run ended")
		err = src.Skip(before.Next)
	}
	s.bar = s.app.console.Progress(total-int64(src.Format.First()-1), "payouts")
	return src, err
}

// countLines counts the lines of f and goes back to its beginning.
func countLines(f *os.File) (int64, error) {
	var n int64
	last, buf := byte('\n'), make([]byte, 64<<10)
	for {
		got, err := f.Read(buf)
		if n += int64(bytes.Count(buf[:got], []byte{'\n'})); got > 0 {
			last = buf[got-1]
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, err
		}
	}
	if last != '\n' {
		n++
	}
	_, err := f.Seek(0, io.SeekStart)
	return n, err
}

func (s *sending) run(ctx context.Context, src *batch.Source) error {
	return batch.Send(ctx, src, batch.Options{
		Ingress: s.shop.Ingress, APIKey: s.shop.APIKey.Reveal(), Key: s.options.key,
		Patience: s.options.patience, Silence: silence, Note: s.app.console.Note, Result: s.add,
	})
}

// add takes the result of one line.
func (s *sending) add(r payouts.Result) error {
	if err := s.results.Add(r); err != nil {
		return err
	}
	s.state.Add(r.Status)
	s.state.Next = r.Line + 1
	s.bar.Add(1)
	if s.path == "" {
		// Whoever reads along sees it at once.
		_, err := s.results.Flush()
		return err
	}
	return s.keep()
}

// keep writes down how far we are, if it is time.
func (s *sending) keep() (err error) {
	if s.path == "" || s.state.Next == 0 || time.Since(s.kept) < keepEvery {
		return nil
	}
	// Results first: what is not in the file is answered again.
	if s.state.Bytes, err = s.results.Flush(); err != nil {
		return err
	}
	s.kept = time.Now()
	return s.state.Write(s.path)
}

// sentView is the summary as JSON.
type sentView struct {
	File    string `json:"file"`
	Results string `json:"results,omitempty"`
	payouts.Counts
}

// summary tells what became of all lines. Results on standard output stay alone.
func (s *sending) summary() error {
	c, console := s.state.Counts, s.app.console
	where := ""
	if s.state.Results != "" {
		where = "; see " + s.state.Results
	}
	text := plural(c.Lines, "payout", "payouts") + ": " +
		plural(c.Accepted, "accepted", "accepted") + ", " + plural(c.Replayed, "replayed", "replayed") + ", " + plural(c.Rejected, "rejected", "rejected") + where
	switch {
	case s.state.Results == "":
		console.Note(text)
	case console.JSON:
		if err := console.Object(sentView{s.options.file, s.state.Results, c}); err != nil {
			return err
		}
	default:
		console.Printf("%s\n", text)
	}
	if c.Rejected > 0 {
		console.Fail(errors.New(plural(c.Rejected, "line was", "lines were") + " rejected"))
		return errSaid
	}
	return nil
}
