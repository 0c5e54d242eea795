package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	readyPatience = 60 * time.Second
	readyTick     = 50 * time.Millisecond
)

// WaitReady returns when every service says that it is ready, or with what the
// one says that is not.
func (s *Stack) WaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyPatience)
	defer cancel()
	for _, c := range s.all() {
		if err := s.waitReady(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

func (s *Stack) waitReady(ctx context.Context, c *child) error {
	tick := time.NewTicker(readyTick)
	defer tick.Stop()
	for {
		answer, err := s.readyz(ctx, c)
		if err == nil && answer == "" {
			return nil
		}
		if c.keepsDying() {
			return s.notReady(c, errors.New("it keeps ending"))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if err == nil {
				err = errors.New(answer)
			}
			return s.notReady(c, err)
		}
	}
}

// tooManyStarts is when a child that never was ready counts as broken.
const tooManyStarts = 4

func (c *child) keepsDying() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.wasReady && c.restarts >= tooManyStarts
}

func (s *Stack) notReady(c *child, why error) error {
	return fmt.Errorf("%s is not ready: %w\nits log is in %s and ends with:\n%s", c.name, why, s.LogFile(c.name), tail(s.LogFile(c.name)))
}

// readyz returns "" when the child is ready, else what it says.
func (s *Stack) readyz(ctx context.Context, c *child) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.ready, nil)
	if err != nil {
		return "", err
	}
	res, err := s.http.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 16<<10))
	if err != nil {
		return "", err
	}
	if res.StatusCode != http.StatusOK {
		return strings.TrimSpace(string(body)), nil
	}
	c.mu.Lock()
	c.wasReady = true
	c.mu.Unlock()
	return "", nil
}
