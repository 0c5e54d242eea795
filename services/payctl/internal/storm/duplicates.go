package storm

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// Burst posts every callback several times at once as it comes, so that copies race
// with each other and with our own outcome. It may be used concurrently.
type Burst struct {
	Copies int
	// Spread is the most that a copy is held back, so that callbacks overtake each
	// other.
	Spread time.Duration

	post *poster
	seed uint64

	mu   sync.Mutex
	sent uint64
	wait sync.WaitGroup
}

// NewBurst returns a burst against the receiver at url.
func NewBurst(url string, seed uint64, copies int, spread time.Duration) *Burst {
	return &Burst{Copies: copies, Spread: spread, post: newPoster(url, 64), seed: seed}
}

// Send is for Recorder.Pass: it answers as the first copy was answered, and lets the
// others go on.
func (b *Burst) Send(ctx context.Context, c Callback) (status int, err error) {
	b.mu.Lock()
	b.sent++
	r := rand.New(rand.NewPCG(b.seed, b.sent))
	b.mu.Unlock()
	others := context.WithoutCancel(ctx)
	for range b.Copies - 1 {
		pause := time.Duration(r.Int64N(int64(b.Spread) + 1))
		b.wait.Go(func() {
			time.Sleep(pause)
			b.post.post(others, "at once", c)
		})
	}
	time.Sleep(time.Duration(r.Int64N(int64(b.Spread) + 1)))
	return b.post.post(ctx, "at once", c), nil
}

// DuplicatesOptions are how often genuine callbacks are repeated.
type DuplicatesOptions struct {
	Count       int // of posts, those of the burst among them
	Concurrency int
	Seed        uint64
	Refused     int              // of what came at once: forgeries
	Progress    func(posted int) // may be nil
}

// DuplicatesReport is what became of repeated callbacks. Its JSON keys are a
// contract.
type DuplicatesReport struct {
	Genuine     int     `json:"genuine"` // callbacks that providers sent
	Refused     int     `json:"refused"` // forgeries that a simulated fault sent
	Stored      int     `json:"stored"`  // messages on CALLBACKS
	Posted      int     `json:"posted"`
	Answers     Tally   `json:"answers"` // at once and afterwards, by status
	Events      int     `json:"events_of_callbacks"`
	PerCallback float64 `json:"events_per_stored_callback"`
	Doubled     int     `json:"doubled"`      // final outcomes beyond the first of an operation
	Extra       int     `json:"extra_events"` // written by what came afterwards
	Again       int     `json:"stored_again"` // stored of what came afterwards
	NotTaken    int     `json:"not_taken"`    // answered with anything but 200
	PerS        float64 `json:"per_s"`
}

// OK tells whether every callback counted once and was taken every time.
func (r DuplicatesReport) OK() bool {
	return r.Doubled == 0 && r.Extra == 0 && r.Again == 0 && r.NotTaken == 0 && r.Genuine > 0 && r.Stored <= r.Genuine
}

// Duplicates posts what was recorded again, shuffled, until Count posts are made,
// and reports what all of them led to. Nobody else may send callbacks meanwhile.
func Duplicates(ctx context.Context, to Target, kept []Callback, b *Burst, o DuplicatesOptions) (DuplicatesReport, error) {
	b.wait.Wait()
	before, err := to.rest(ctx)
	if err != nil {
		return DuplicatesReport{}, err
	}
	first := (len(kept) + o.Refused) * b.Copies
	order := shuffled(o.Seed, len(kept), max(o.Count-first, len(kept)))
	p := newPoster(to.URL, o.Concurrency)
	began := time.Now()
	err = each(ctx, len(order), o.Concurrency, func(i int) {
		p.post(ctx, "afterwards", kept[order[i]])
		if o.Progress != nil {
			o.Progress(first + i + 1)
		}
	})
	if err != nil {
		return DuplicatesReport{}, err
	}
	r := DuplicatesReport{
		Genuine: len(kept), Refused: o.Refused, Posted: first + len(order), PerS: float64(len(order)) / time.Since(began).Seconds(),
		Answers: Tally{"at once": b.post.tally["at once"], "afterwards": p.tally["afterwards"]},
	}
	r.NotTaken = r.Posted - r.Answers.count(200) - o.Refused*b.Copies
	after, err := to.rest(ctx)
	if err != nil {
		return r, err
	}
	r.Stored, r.Extra, r.Again = int(before.callbacks), grown(before, after), int(after.callbacks-before.callbacks)
	t, err := tellings(ctx, to.Streams)
	r.Events, r.Doubled = t.events, t.doubled
	r.PerCallback = float64(t.events) / float64(max(r.Stored, 1))
	return r, err
}

// shuffled returns so many of 0 to n-1 in a random order, each about as often.
func shuffled(seed uint64, n, count int) []int {
	all := make([]int, 0, count)
	for i := 0; n > 0 && len(all) < count; i++ {
		all = append(all, i%n)
	}
	r := rand.New(rand.NewPCG(seed, 0))
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}
