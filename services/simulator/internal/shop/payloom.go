package shop

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

	"github.com/cenkalti/backoff/v4"

	"github.com/payloom/payloom/pkg/conf"
)

const (
	callTimeout = 15 * time.Second // of one request, long polls included
	longPoll    = 5 * time.Second  // how long the query API may wait for news
	maxAnswer   = 1 << 20          // bytes of an answer that are read
)

// errUnknown says that the query API has no such payment, or not yet.
var errUnknown = errors.New("payloom knows no such payment yet")

// payloom calls Payloom as an order system does: commands to the ingress, looks
// to the query API. It may be used concurrently.
type payloom struct {
	ingress, query string
	key            conf.Secret
	patience       time.Duration // for a command to be taken
	http           *http.Client
}

func newPayloom(c Config) *payloom {
	return &payloom{
		ingress: strings.TrimRight(c.IngressURL, "/"), query: strings.TrimRight(c.QueryURL, "/"), key: c.APIKey,
		patience: callTimeout,
		http: &http.Client{
			Timeout: callTimeout,
			// Neither API redirects; the key must not go where an answer points to.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// problem is what Payloom says when it refuses (RFC 9457).
type problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Errors []struct {
		Field  string `json:"field"`
		Detail string `json:"detail"`
	} `json:"errors"`
}

// Error implements error. It names fields, and nothing that a buyer entered.
func (p *problem) Error() string {
	text := fmt.Sprintf("%d %s", p.Status, p.Title)
	for _, e := range p.Errors {
		text += "; " + e.Field + " " + e.Detail
	}
	return text
}

// send stores a command and returns its id. It sends again when nobody knows
// whether the command was stored: under one key it is stored once.
func (c *payloom) send(ctx context.Context, path, key string, body any) (commandID string, err error) {
	text, err := json.Marshal(body)
	if err != nil {
		return "", err
	}
	policy := backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(200*time.Millisecond), backoff.WithMaxInterval(2*time.Second), backoff.WithMaxElapsedTime(c.patience))
	return backoff.RetryWithData(func() (string, error) { return c.post(ctx, path, key, text) }, backoff.WithContext(policy, ctx))
}

func (c *payloom) post(ctx context.Context, path, key string, body []byte) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.ingress+path, bytes.NewReader(body))
	if err != nil {
		return "", backoff.Permanent(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", key)
	var out struct {
		CommandID string `json:"command_id"`
	}
	err = c.do(req, http.StatusAccepted, &out)
	if refused, ok := errors.AsType[*problem](err); ok && !again(refused.Status) {
		return "", backoff.Permanent(err)
	}
	return out.CommandID, err
}

// again tells whether the same request may fare better: too many at once, not
// stored for sure, or for a payment that is only beginning.
func again(status int) bool {
	return status == http.StatusTooManyRequests || status == http.StatusConflict || status >= http.StatusInternalServerError
}

// look returns a payment as the query API knows it. With a version it waits for
// news after that version, but not long. The error wraps errUnknown when there is
// no such payment yet.
func (c *payloom) look(ctx context.Context, id string, after uint64) (paid, error) {
	address := c.query + "/v1/payments/" + url.PathEscape(id)
	if after > 0 {
		address += "?" + url.Values{"wait": {longPoll.String()}, "after_version": {strconv.FormatUint(after, 10)}}.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return paid{}, err
	}
	var p paid
	err = c.do(req, http.StatusOK, &p)
	if refused, ok := errors.AsType[*problem](err); ok && refused.Status == http.StatusNotFound {
		return paid{}, errUnknown
	}
	return p, err
}

// do sends a request and reads what comes back into out.
func (c *payloom) do(req *http.Request, want int, out any) error {
	req.Header.Set("Authorization", "Bearer "+c.key.Reveal())
	req.Header.Set("Accept", "application/json, application/problem+json")
	res, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return err
	}
	if res.StatusCode != want {
		p := &problem{Title: http.StatusText(res.StatusCode)}
		_ = json.Unmarshal(text, p) // whatever it is, the status speaks
		p.Status = res.StatusCode
		return p
	}
	return json.Unmarshal(text, out)
}

const (
	pause = 50 * time.Millisecond // between two looks, should the query API not wait
	blips = 3                     // looks that may fail one after the other
)

// await looks at a payment until enough says so, for at most patience. It returns
// the payment as it was seen last; the error is that of the last look, and nil
// when time is up.
func (c *payloom) await(ctx context.Context, id string, patience time.Duration, enough func(paid) bool) (last paid, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for failed := 0; failed < blips; {
		p, lookErr := c.look(ctx, id, last.Version)
		switch {
		case lookErr == nil && enough(p):
			return p, nil
		case lookErr == nil:
			last, err, failed = p, nil, 0
		case errors.Is(lookErr, errUnknown):
			err, failed = lookErr, 0 // it is only beginning
		case ctx.Err() == nil:
			err, failed = lookErr, failed+1
		}
		select {
		case <-ctx.Done():
			return last, err
		case <-time.After(pause):
		}
	}
	return last, err
}
