package storm

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// noAnswer is the status of a request that got none.
const noAnswer = 0

// postTimeout is how long an answer may take: a provider waits no longer.
const postTimeout = 15 * time.Second

// poster posts callbacks and counts the answers. It may be used concurrently.
type poster struct {
	base   string
	client *http.Client

	mu    sync.Mutex
	tally Tally
}

// Tally is how many callbacks of each kind were answered with each status; "none"
// is no answer.
type Tally map[string]map[string]int

func (t Tally) add(kind string, status int) {
	if t[kind] == nil {
		t[kind] = map[string]int{}
	}
	t[kind][nameOf(status)]++
}

func nameOf(status int) string {
	if status == noAnswer {
		return "none"
	}
	return strconv.Itoa(status)
}

// count returns how many answers had a status, of any kind.
func (t Tally) count(status int) int {
	n := 0
	for _, answers := range t {
		n += answers[nameOf(status)]
	}
	return n
}

func newPoster(base string, atOnce int) *poster {
	return &poster{base: base, tally: Tally{}, client: &http.Client{
		Timeout:       postTimeout,
		Transport:     &http.Transport{MaxIdleConns: atOnce, MaxIdleConnsPerHost: atOnce, IdleConnTimeout: time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// post sends c once, and counts it as of a kind.
func (p *poster) post(ctx context.Context, kind string, c Callback) int {
	status := p.once(ctx, c)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tally.add(kind, status)
	return status
}

func (p *poster) once(ctx context.Context, c Callback) int {
	req, err := c.request(ctx, p.base)
	if err != nil {
		return noAnswer
	}
	res, err := p.client.Do(req)
	if err != nil {
		return noAnswer
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body) // so that the connection can be used again
	return res.StatusCode
}

// each calls f with 0 to n-1, so many at once, until ctx ends.
func each(ctx context.Context, n, atOnce int, f func(i int)) error {
	next := make(chan int)
	var all sync.WaitGroup
	for range atOnce {
		all.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := 0; i < n && ctx.Err() == nil; i++ {
		select {
		case next <- i:
		case <-ctx.Done():
		}
	}
	close(next)
	all.Wait()
	return ctx.Err()
}
