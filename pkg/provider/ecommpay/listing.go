package ecommpay

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/ecommpay/gate"
)

const (
	pathListing = "/operations/get"
	// listingPage is how many operations are asked for at once: the most that are
	// given (ECommPay documentation, Data API, /operations/get).
	listingPage = 1000
	// listingBody is the longest page that is read, in bytes: 8 KiB an operation.
	listingBody = 8 << 20
	// listingMost is the most operations that one listing may have.
	listingMost = 1_000_000
	// listingPatience covers the minutes that an answer may take.
	listingPatience = 10 * time.Minute
	// listingTime is how times are written, in the zone that was asked for.
	listingTime = time.DateTime
	listingZone = "UTC"
)

var errNoRight = errors.New("the account has no token of the Data API")

// patient returns cfg for the Data API.
func patient(cfg provider.HTTPConfig) provider.HTTPConfig {
	cfg.HeaderTimeout, cfg.Timeout, cfg.MaxResponse = listingPatience, listingPatience, listingBody
	return cfg
}

// listingRequest asks for a page of operations. Which members an operation is told
// with, and of which type it is, could be asked for too; the documentation that could
// be read does not name those two members.
type listingRequest struct {
	Token    string   `json:"token"`
	Interval interval `json:"interval"`
	Zone     string   `json:"tz"`
	Projects []int64  `json:"project_id"`
	Limit    int      `json:"limit"`
	Offset   int      `json:"offset"`
}

type interval struct {
	From string `json:"from"`
	To   string `json:"to"`
}

func (c Config) listing(from, to time.Time, offset int) request {
	// Whole seconds: nothing of the interval may be lost by rounding.
	until := to.UTC().Add(time.Second - 1).Truncate(time.Second)
	return request{"listing", pathListing, listingRequest{
		Token: c.Data.Token.Reveal(), Interval: interval{from.UTC().Format(listingTime), until.Format(listingTime)},
		Zone: listingZone, Projects: []int64{c.ProjectID}, Limit: listingPage, Offset: offset,
	}, gate.AtTop}
}

// Place implements provider.Lister: the books are a project's.
func (c *Client) Place() string { return "project " + strconv.FormatInt(c.cfg.ProjectID, 10) }

// List implements provider.Lister by pages of /operations/get. What came in between
// may shift them: an operation that shows twice is one.
func (c *Client) List(ctx context.Context, from, to time.Time) ([]provider.Listed, error) {
	if c.cfg.Data == (DataConfig{}) {
		return nil, unsupported("%w", errNoRight)
	}
	all, read := map[string]provider.Listed{}, 0
	for {
		page, err := c.page(ctx, c.cfg.listing(from, to, read))
		if err != nil {
			return nil, fmt.Errorf("operations from %d on: %w", read, err)
		}
		before := len(all)
		for _, l := range page {
			all[l.Operation] = l
		}
		read += len(page)
		switch {
		case len(page) < listingPage:
			return slices.SortedFunc(maps.Values(all), earlier), nil
		case len(all) == before:
			return nil, answered(provider.Unclear("", "listing: the same page came again"))
		case len(all) > listingMost:
			return nil, answered(provider.Unclear("", "listing: more than %d operations: take a shorter interval", listingMost))
		}
	}
}

func earlier(a, b provider.Listed) int {
	if n := a.Created.Compare(b.Created); n != 0 || a.Operation == b.Operation {
		return n
	}
	if later(a.Operation, b.Operation) {
		return 1
	}
	return -1
}

// page asks for one page. The answer must be signed by the token's secret.
func (c *Client) page(ctx context.Context, r request) ([]provider.Listed, error) {
	answer, err := r.send(ctx, c.data, c.cfg.dataEndpoint(r.path), c.cfg.Data.Secret)
	if answer.Status == 0 {
		return nil, err
	}
	m, readErr := gate.ParseUpTo(listingBody, answer.Body)
	switch {
	case err != nil && readErr != nil:
		return nil, err
	case readErr != nil:
		return nil, answered(provider.Unclear("", "%s: the answer cannot be read", r.operation))
	case err != nil, refusalCode(m) != "":
		return nil, aboutInquiry(r, refusalCode(m), err)
	}
	// A semicolon does no harm here: nobody but the platform answers on this
	// connection.
	if _, err := m.Verify(c.cfg.Data.Secret.Reveal()); err != nil {
		return nil, answered(provider.Unclear("", "%s: %w", r.operation, err))
	}
	page, err := readPage(m, c.cfg.ProjectID)
	if err != nil {
		return nil, answered(provider.Unclear("", "%s: %w", r.operation, err))
	}
	return page, nil
}

// standings are what a payout's states are called in a sight.
func (s state) standing() provider.Standing {
	switch s {
	case succeeded:
		return provider.StandingPaid
	case pending:
		return provider.StandingPending
	case declined:
		return provider.StandingDeclined
	case failed:
		return provider.StandingFailed
	case reversed:
		return provider.StandingReversed
	case silent, doubtful:
	}
	return provider.StandingUnclear
}

// Look implements provider.Lister by a payment's status.
func (c *Client) Look(ctx context.Context, key string) (provider.Sight, error) {
	r, err := c.ask(ctx, c.byPayment(key))
	if err != nil {
		return provider.Sight{}, err
	}
	if r.id != key {
		return provider.Sight{}, answered(provider.Unclear(r.code(), "look: %w", errForeign))
	}
	s, _ := r.judge()
	sight := provider.Sight{Standing: s.standing()}
	if r.sum != nil {
		sight.Amount = payment.Money{Minor: r.sum.minor, Currency: payment.Currency(r.sum.currency)}
	}
	return sight, nil
}
