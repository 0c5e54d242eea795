package storm

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/payloom/payloom/pkg/wire"
)

// Target is the notify-receiver that is stormed.
type Target struct {
	URL     string // where providers reach it
	Metrics string // URL of its metrics
	Streams Streams
	// Quiet is how long nothing is stored before all that came counts as dealt with;
	// 0: three seconds.
	Quiet time.Duration
}

// ForgedOptions are how much is forged.
type ForgedOptions struct {
	Count       int
	Concurrency int
	Progress    func(posted int) // may be nil
	// Each hears of every forgery before it is sent; it may be nil, and is called
	// by many at once.
	Each func(name string, c Callback)
}

// ForgedReport is what became of forged callbacks. Its JSON keys are a contract.
type ForgedReport struct {
	Count    int            `json:"count"`
	Believed int            `json:"accepted"` // stored as authentic
	Variants int            `json:"variants"` // stored, of which all that Computop's MAC covers is genuine
	Events   int            `json:"events"`   // written meanwhile
	Unproven int            `json:"unproven"` // stored, because the provider could not be asked at once
	Stored   map[string]int `json:"stored"`   // by verdict
	Answers  Tally          `json:"answers"`  // by kind of forgery and status
	Refused  int            `json:"refused"`  // with 401
	Astray   int            `json:"astray"`   // with 404 or 413: no endpoint, or no callback, that anybody would look into
	Genuine  int            `json:"genuine"`  // of those that were sent again as they were: with 200
	Limited  int            `json:"limited"`  // with 429
	Repeats  int            `json:"taken"`    // with 200: genuine ones that came late, and the unproven
	Failed   int            `json:"failed"`   // with 503
	NoAnswer int            `json:"no_answer"`
	PerS     float64        `json:"per_s"`
	TookS    float64        `json:"took_s"`

	RSSBefore int64 `json:"rss_before_bytes"`
	RSSFirst  int64 `json:"rss_most_first_half_bytes"`
	RSSSecond int64 `json:"rss_most_second_half_bytes"`
	RSSAfter  int64 `json:"rss_after_bytes"`
	Flat      bool  `json:"memory_flat"`
}

// OK tells whether nothing forged was believed, everything was answered, and memory
// did not grow; and whether it was authentication that refused.
func (r ForgedReport) OK() bool {
	return r.Believed == 0 && r.Events == 0 && r.NoAnswer == 0 && r.Failed == 0 && r.Flat && r.Judged()
}

// Judged tells whether callbacks were looked into at all: most of those that were not
// limited were refused with 401, and genuine ones were taken. A wrong URL refuses, too.
func (r ForgedReport) Judged() bool {
	return 2*r.Refused > r.Count-r.Limited && r.Genuine > 0
}

// Forged posts what f forges, waits until all that was stored is dealt with, and
// reports what was believed. Nobody else may send callbacks meanwhile.
func Forged(ctx context.Context, to Target, f *Forger, o ForgedOptions) (ForgedReport, error) {
	before, err := to.rest(ctx)
	if err != nil {
		return ForgedReport{}, err
	}
	r := ForgedReport{Count: o.Count, Stored: map[string]int{}}
	if r.RSSBefore, err = rss(ctx, to.Metrics); err != nil {
		return r, err
	}
	p := newPoster(to.URL, o.Concurrency)
	began := time.Now()
	m, err := throw(ctx, to, p, f, o)
	if err != nil {
		return r, err
	}
	r.TookS = time.Since(began).Seconds()
	r.PerS = float64(o.Count) / max(r.TookS, 1e-9)
	r.count(p.tally)
	after, err := to.rest(ctx)
	if err != nil {
		return r, err
	}
	r.Events = grown(before, after)
	if err := r.judge(ctx, to.Streams, f, before); err != nil {
		return r, err
	}
	if r.RSSAfter, err = rss(ctx, to.Metrics); err != nil {
		return r, err
	}
	r.RSSFirst, r.RSSSecond, r.Flat = m.before, m.after, m.flat()
	return r, m.err
}

// throw posts everything, and watches memory meanwhile.
func throw(ctx context.Context, to Target, p *poster, f *Forger, o ForgedOptions) (*memory, error) {
	m := &memory{url: to.Metrics}
	watching, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.watch(watching)
	}()
	var posted atomic.Int64
	err := each(ctx, o.Count, o.Concurrency, func(i int) {
		name, c := f.Forge(i)
		if o.Each != nil {
			o.Each(name, c)
		}
		p.post(ctx, name, c)
		n := int(posted.Add(1))
		if n == o.Count/2 {
			m.half()
		}
		if o.Progress != nil {
			o.Progress(n)
		}
	})
	m.look(ctx)
	stop()
	<-done
	return m, err
}

func (r *ForgedReport) count(t Tally) {
	r.Answers = t
	r.Refused, r.Limited, r.Repeats = t.count(http.StatusUnauthorized), t.count(http.StatusTooManyRequests), t.count(http.StatusOK)
	r.Astray = t.count(http.StatusNotFound) + t.count(http.StatusRequestEntityTooLarge)
	r.Genuine = t[Replayed][nameOf(http.StatusOK)]
	r.Failed, r.NoAnswer = t.count(503)+t.count(500), t.count(noAnswer)
}

// judge looks at what was stored.
func (r *ForgedReport) judge(ctx context.Context, s Streams, f *Forger, before stand) error {
	return storedAfter(ctx, s, before, func(c wire.StoredCallback) {
		r.Stored[string(c.Verdict)]++
		switch {
		case c.Verdict == wire.Unverified:
			r.Unproven++
		case c.Verdict == wire.Accepted && f.signed(c):
			r.Variants++
		case c.Verdict == wire.Accepted:
			r.Believed++
		}
	})
}
