package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// ErrBrokeOff means that an export is not whole: what was read of it must not be
// used.
var ErrBrokeOff = errors.New("the export broke off")

// Export is an export of payments that is being read. Whoever got it closes it.
type Export struct{ res *http.Response }

// Export begins an export of the payments that the parameters of the query API
// choose. It has no time limit but ctx.
func (c *Client) Export(ctx context.Context, params url.Values) (*Export, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Query+"/v1/payments/export?"+params.Encode(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.Key)
	unlimited := *c.HTTP
	unlimited.Timeout = 0
	res, err := unlimited.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode == http.StatusOK {
		return &Export{res}, nil
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	return nil, problemOf(res, text)
}

// Read reads on. At the end it is io.EOF only if the export is whole as far as HTTP
// can tell; an error that wraps ErrBrokeOff otherwise.
func (e *Export) Read(b []byte) (int, error) {
	n, err := e.res.Body.Read(b)
	if err != nil && !errors.Is(err, io.EOF) && e.res.Request.Context().Err() == nil {
		err = fmt.Errorf("%w: %w", ErrBrokeOff, err)
	}
	return n, err
}

// Check returns nil if the export has said, after its last byte, that it holds so
// many payments, and an error that wraps ErrBrokeOff otherwise.
func (e *Export) Check(rows int) error {
	said := e.res.Trailer.Get("X-Payloom-Rows")
	if said == "" {
		return fmt.Errorf("%w: it ended without its number of payments", ErrBrokeOff)
	}
	if said != strconv.Itoa(rows) {
		return fmt.Errorf("%w: it holds %d payments and should hold %s", ErrBrokeOff, rows, said)
	}
	return nil
}

// Close ends the export.
func (e *Export) Close() error { return e.res.Body.Close() }

// Stats are statistics of a period.
type Stats struct {
	From  time.Time    `json:"from"`
	To    time.Time    `json:"to"`
	Group []string     `json:"group"`
	Rows  []StatsGroup `json:"rows"`
}

// StatsGroup is one group of payments. Amounts are in minor units and may be larger
// than an int64.
type StatsGroup struct {
	Day      *string `json:"day,omitempty"`
	Provider *string `json:"provider,omitempty"`
	Currency *string `json:"currency,omitempty"`
	Kind     *string `json:"kind,omitempty"`

	Payments int64 `json:"payments"`
	Approved int64 `json:"approved"`
	Declined int64 `json:"declined"`
	Failed   int64 `json:"failed"`
	Expired  int64 `json:"expired"`
	Rejected int64 `json:"rejected"`
	Open     int64 `json:"open"`

	Authorized json.Number `json:"authorized"`
	Captured   json.Number `json:"captured"`
	Refunded   json.Number `json:"refunded"`
	PaidOut    json.Number `json:"paid_out"`

	ApprovalRate *json.Number `json:"approval_rate,omitempty"`
	DeclineRate  *json.Number `json:"decline_rate,omitempty"`
}

// Stats returns the statistics that the parameters of the query API choose.
func (c *Client) Stats(ctx context.Context, params url.Values) (Stats, error) {
	var s Stats
	err := c.call(ctx, http.MethodGet, c.Query+"/v1/stats?"+params.Encode(), "", nil, http.StatusOK, &s)
	return s, err
}
