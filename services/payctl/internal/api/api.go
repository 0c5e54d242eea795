// Package api calls a running Payloom the way its users do: commands to ingress,
// looks to the query API, and decisions of buyers to the simulator.
package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	callTimeout = 30 * time.Second // of one request, long polls included
	longPoll    = 10 * time.Second // how long the query API may wait for news
	maxAnswer   = 4 << 20          // bytes of an answer that are read
	retryPause  = 200 * time.Millisecond
)

// Client is an order system. It may be used concurrently.
type Client struct {
	Ingress, Query string // base URLs
	Key            string
	HTTP           *http.Client
	// OnAccepted hears of every 202 before Send returns it: for a journal of what was
	// promised. What it returns becomes Send's error. nil: nobody hears.
	OnAccepted func(key string, a Accepted) error
	// OnFailed hears of every try that Send makes up for by another: the HTTP status,
	// 0 without an answer. nil: nobody hears.
	OnFailed func(status int)
}

// New returns a client that may have n calls under way at once.
func New(ingress, query, key string, n int) *Client {
	return &Client{Ingress: ingress, Query: query, Key: key, HTTP: newHTTP(n)}
}

func newHTTP(n int) *http.Client {
	return &http.Client{
		Timeout:   callTimeout,
		Transport: &http.Transport{MaxIdleConns: 2 * n, MaxIdleConnsPerHost: 2 * n, IdleConnTimeout: time.Minute},
		// Nobody redirects here; the key must not go where an answer points to.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Problem is a refusal (RFC 9457).
type Problem struct {
	Status int    `json:"status"`
	Type   string `json:"type"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Errors []struct {
		Field  string `json:"field"`
		Detail string `json:"detail"`
	} `json:"errors"`
	RetryAfter time.Duration `json:"-"`
}

// Error implements error.
func (p *Problem) Error() string {
	text := fmt.Sprintf("%d %s", p.Status, p.Title)
	if p.Detail != "" {
		text += ": " + p.Detail
	}
	for _, e := range p.Errors {
		text += "; " + e.Field + " " + e.Detail
	}
	return text
}

// Again tells whether the same request may fare better.
func (p *Problem) Again() bool {
	return p.Status == http.StatusTooManyRequests || p.Status == http.StatusConflict || p.Status >= http.StatusInternalServerError
}

// Money is an amount in minor units.
type Money struct {
	Value    int64  `json:"value"`
	Currency string `json:"currency"`
}

// Open is the body that opens a payment.
type Open struct {
	PaymentID   string     `json:"payment_id,omitempty"`
	Provider    string     `json:"provider,omitempty"`
	Account     string     `json:"account,omitempty"`
	Method      string     `json:"method"`
	Capture     string     `json:"capture,omitempty"`
	Country     string     `json:"country,omitempty"`
	Amount      Money      `json:"amount"`
	Description string     `json:"description,omitempty"`
	Reference   string     `json:"reference,omitempty"`
	Return      *Return    `json:"return_urls,omitempty"`
	Recurring   *Recurring `json:"recurring,omitempty"`
	Mandate     string     `json:"mandate,omitempty"`
	OrderRef    string     `json:"order_reference,omitempty"`
}

// Return is where the buyer's browser goes.
type Return struct {
	Success string `json:"success"`
	Failure string `json:"failure,omitempty"`
	Cancel  string `json:"cancel,omitempty"`
	Review  string `json:"review,omitempty"`
}

// Recurring begins a series.
type Recurring struct {
	Cycle    string `json:"cycle"`
	Interval int    `json:"interval"`
	Amount   *Money `json:"amount,omitempty"`
	Only     bool   `json:"only,omitempty"` // agree, and pay nothing yet
}

// FollowUp is the body of what is asked of an open payment. Without a provider,
// ingress looks it up.
type FollowUp struct {
	Provider    string `json:"provider,omitempty"`
	Amount      *Money `json:"amount,omitempty"`
	Description string `json:"description,omitempty"`
	Reason      string `json:"reason,omitempty"`
}

// Accepted is a 202.
type Accepted struct {
	CommandID string `json:"command_id"`
	PaymentID string `json:"payment_id"`
}

// Send stores a command under a key and returns what it was stored as. It sends
// again while nobody knows whether it was stored, until ctx ends: under one key it
// is stored once.
func (c *Client) Send(ctx context.Context, path, key string, body any) (Accepted, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return Accepted{}, err
	}
	for {
		var out Accepted
		err := c.call(ctx, http.MethodPost, c.Ingress+path, key, text, http.StatusAccepted, &out)
		p, refused := errors.AsType[*Problem](err)
		if err == nil && c.OnAccepted != nil {
			return out, c.OnAccepted(key, out)
		}
		if err == nil || ctx.Err() != nil || refused && !p.Again() {
			return out, err
		}
		c.failed(p)
		pause := retryPause
		if refused && p.RetryAfter > 0 {
			pause = p.RetryAfter
		}
		if err := sleep(ctx, pause); err != nil {
			return out, err
		}
	}
}

// failed tells of a try; p is nil when there was no answer.
func (c *Client) failed(p *Problem) {
	if c.OnFailed == nil {
		return
	}
	status := 0
	if p != nil {
		status = p.Status
	}
	c.OnFailed(status)
}

// Payment is a payment as the query API tells it.
type Payment struct {
	ID         string      `json:"payment_id"`
	State      string      `json:"state"`
	Version    uint64      `json:"version"`
	Amount     Money       `json:"amount"`
	Authorized int64       `json:"authorized"`
	Captured   int64       `json:"captured"`
	Refunded   int64       `json:"refunded"`
	Attention  bool        `json:"attention"`
	Mandate    *Mandate    `json:"mandate"`
	Operations []Operation `json:"operations"`
}

// Mandate is the right to charge again.
type Mandate struct {
	ID string `json:"id"`
}

// Operation is one thing done to a payment.
type Operation struct {
	CommandID string `json:"command_id"`
	Kind      string `json:"kind"`
	Status    string `json:"status"`
	Amount    Money  `json:"amount"`
	Effect    int64  `json:"effect"`
	Reason    string `json:"reason"`
	Attempts  int    `json:"attempts"`
}

// Operation returns the operation of a command.
func (p Payment) Operation(commandID string) (Operation, bool) {
	for _, op := range p.Operations {
		if op.CommandID == commandID {
			return op, true
		}
	}
	return Operation{}, false
}

// ErrUnknown says that the query API has no such payment, or not yet.
var ErrUnknown = errors.New("no such payment yet")

// Payment returns a payment as soon as it has a version above the given one, or as
// it is after a while.
func (c *Client) Payment(ctx context.Context, id string, after uint64) (Payment, error) {
	address := c.Query + "/v1/payments/" + url.PathEscape(id) + "?" +
		url.Values{"wait": {longPoll.String()}, "after_version": {strconv.FormatUint(after, 10)}}.Encode()
	var p Payment
	err := c.call(ctx, http.MethodGet, address, "", nil, http.StatusOK, &p)
	if refused, ok := errors.AsType[*Problem](err); ok && refused.Status == http.StatusNotFound {
		return p, ErrUnknown
	}
	return p, err
}

// Await looks at a payment until enough says so, or ctx ends, and returns what was
// seen last. An error of enough ends the wait.
func (c *Client) Await(ctx context.Context, id string, enough func(Payment) (bool, error)) (Payment, error) {
	var last Payment
	for {
		p, err := c.Payment(ctx, id, last.Version)
		if err == nil {
			last = p
			if ok, err := enough(p); ok || err != nil {
				return p, err
			}
		}
		if ctx.Err() != nil {
			return last, ctx.Err()
		}
		if err != nil {
			if err := sleep(ctx, 50*time.Millisecond); err != nil {
				return last, err
			}
		}
	}
}

// call makes one request and reads the answer into out.
func (c *Client) call(ctx context.Context, method, address, key string, body []byte, want int, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+c.Key)
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
		req.Header.Set("Content-Type", "application/json")
	}
	return do(c.HTTP, req, want, out)
}

func do(client *http.Client, req *http.Request, want int, out any) error {
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return err
	}
	if res.StatusCode == want {
		return json.Unmarshal(text, out)
	}
	return problemOf(res, text)
}

// problemOf reads a refusal.
func problemOf(res *http.Response, text []byte) *Problem {
	p := &Problem{Title: http.StatusText(res.StatusCode)}
	if json.Unmarshal(text, p) != nil {
		p.Detail = strings.TrimSpace(string(text))
	}
	p.Status = res.StatusCode
	if s, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil {
		p.RetryAfter = time.Duration(s) * time.Second
	}
	return p
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
