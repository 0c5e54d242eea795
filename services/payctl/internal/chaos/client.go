package chaos

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/services/payctl/internal/api"
	"github.com/payloom/payloom/services/payctl/internal/demo"
	"github.com/payloom/payloom/services/payctl/internal/stack"
	"github.com/payloom/payloom/services/payctl/internal/verify"
)

// client is the order systems: it sends a command under one key until it is told
// that the command is stored, and writes that down, on the disk, before it goes on.
type client struct {
	env     demo.Env
	o       Options
	journal *os.File

	mu                     sync.Mutex
	accepted, begun, ended int
	failures               []attempt
	samples                []Sample
}

// attempt is one try of a command that was made up for by another.
type attempt struct {
	at     time.Time
	status int // HTTP; 0: no answer
}

// Sample is how far a run was at one moment.
type Sample struct {
	At       float64 `json:"at"`       // seconds after the beginning
	Accepted int     `json:"accepted"` // commands, so far
	Ended    int     `json:"ended"`    // scenarios, so far
	Open     int     `json:"open"`     // scenarios begun and not ended
}

func newClient(f *field, o Options) (*client, error) {
	journal, err := os.OpenFile(o.Journal, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	c := &client{o: o, journal: journal}
	u := f.stack.URLs()
	orders := api.New(u.Ingress, u.Tracker, f.stack.APIKey(), o.Concurrency)
	orders.OnAccepted, orders.OnFailed = c.promised, c.failed
	c.env = demo.Env{API: orders, Computop: f.computop, Axerve: f.axerve, ECommPay: f.ecommpay}
	return c, nil
}

func (c *client) close() { _ = c.journal.Close() }

// promised writes a 202 down.
func (c *client) promised(key string, a api.Accepted) error {
	line, err := json.Marshal(verify.Accepted{
		Merchant: stack.Merchant, ReqID: payment.ReqID(key), CommandID: payment.CommandID(a.CommandID), Payment: payment.ID(a.PaymentID),
	})
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.accepted++
	_, err = c.journal.Write(append(line, '\n'))
	return errors.Join(err, c.journal.Sync())
}

func (c *client) failed(status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failures = append(c.failures, attempt{time.Now(), status})
}

// drive runs scenarios at a pace that spreads their beginnings over the storm.
func (c *client) drive(ctx context.Context) demo.Result {
	storm := demo.Storm{Seed: c.o.Seed, Every: time.Duration(float64(c.o.Storm) * calmAfter / float64(c.o.Payments)), Begun: func() { c.count(&c.begun) }}
	result, _ := demo.Run(ctx, c.env, demo.Options{ // an error means that ctx ended, and outcomes tell
		Payments: c.o.Payments, Concurrency: c.o.Concurrency, Patience: c.o.Storm + c.o.Drain + healing, Storm: &storm,
		Progress: func(payments int) { c.o.Progress(payments); c.count(&c.ended) },
	})
	return result
}

func (c *client) count(n *int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*n++
}

const sampleEvery = 500 * time.Millisecond

// sample notes how far things are until ctx ends.
func (c *client) sample(ctx context.Context, began time.Time) {
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	for {
		c.mu.Lock()
		c.samples = append(c.samples, Sample{time.Since(began).Seconds(), c.accepted, c.ended, c.begun - c.ended})
		c.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// troubles counts the tries that failed between two moments: all, and those that
// were answered 503.
func (c *client) troubles(from, to time.Time) (retries, unavailable int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range c.failures {
		if a.at.Before(from) || a.at.After(to) {
			continue
		}
		retries++
		if a.status == http.StatusServiceUnavailable {
			unavailable++
		}
	}
	return retries, unavailable
}

// promises reads the journal back: what is not on the disk was not promised.
func (c *client) promises() ([]verify.Accepted, error) {
	f, err := os.Open(c.journal.Name())
	if err != nil {
		return nil, err
	}
	defer f.Close()
	all := []verify.Accepted{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var a verify.Accepted
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
			return nil, fmt.Errorf("journal: %w", err)
		}
		all = append(all, a)
	}
	return all, lines.Err()
}
