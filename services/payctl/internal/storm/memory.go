package storm

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// resident is the metric of a process's memory, bytes.
const resident = "process_resident_memory_bytes"

var errNoMemory = errors.New("storm: the receiver does not tell its memory")

// rss returns the memory that a service has, in bytes, from its metrics.
func rss(ctx context.Context, url string) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, postTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	res, err := (&http.Client{}).Do(req)
	if err != nil {
		return 0, fmt.Errorf("memory of the receiver: %w", err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), resident+" "); ok {
			f, err := strconv.ParseFloat(text, 64)
			return int64(f), err
		}
	}
	return 0, errors.Join(errNoMemory, lines.Err())
}

const memoryTick = time.Second

// memory watches what a receiver needs while it is under way. It may be used
// concurrently.
type memory struct {
	url string

	mu            sync.Mutex
	late          bool
	before, after int64 // most in the first and in the second half, bytes
	err           error
}

// watch looks until ctx ends.
func (m *memory) watch(ctx context.Context) {
	tick := time.NewTicker(memoryTick)
	defer tick.Stop()
	for ctx.Err() == nil {
		m.look(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

func (m *memory) look(ctx context.Context) {
	n, err := rss(ctx, m.url)
	if ctx.Err() != nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = errors.Join(m.err, err)
	if m.late {
		m.after = max(m.after, n)
	} else {
		m.before = max(m.before, n)
	}
}

// half says that the second half begins.
func (m *memory) half() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.late = true
}

// What memory may grow by between the halves before it is called a leak: garbage
// collection is not on time.
const (
	growth = 1.25
	slack  = 16 << 20
)

// flat tells whether the second half needed no more than the first.
func (m *memory) flat() bool { return float64(m.after) <= growth*float64(m.before)+slack }
