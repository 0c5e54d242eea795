package ecommpay

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/ecommpay/gate"
)

// ParseCallback implements provider.CallbackParser. Two kinds of authentic
// callback prove nothing by themselves: one with a semicolon in it, whose
// signature fits other messages as well, and one that tells of an error, which is
// about a request and perhaps not about the one that paid.
func (p *Parser) ParseCallback(_ http.Header, body []byte) (provider.Callback, error) {
	r, match, err := p.authentic(body)
	if err != nil {
		return provider.Callback{}, err
	}
	if match.Ambiguous {
		return provider.Callback{}, fmt.Errorf("%w: a semicolon in a name or a value", provider.ErrUnverified)
	}
	cb, err := p.callback(r)
	if err != nil {
		return provider.Callback{}, err
	}
	if s, _ := r.judge(); s == failed {
		return provider.Callback{}, fmt.Errorf("%w: it tells of an error", provider.ErrUnverified)
	}
	return cb, nil
}

// VerifyCallback implements provider.CallbackVerifier: it asks what there is under
// the payment id that the callback names. What an error callback says counts when
// there is nothing.
func (c *Client) VerifyCallback(ctx context.Context, _ http.Header, body []byte) (provider.Callback, error) {
	said, match, err := c.parser.authentic(body)
	if err != nil {
		return provider.Callback{}, err
	}
	cb, err := c.parser.callback(said)
	if err != nil {
		return provider.Callback{}, err
	}
	found, err := c.ask(ctx, c.byPayment(said.id))
	switch {
	case errors.Is(err, provider.ErrNotFound) && !match.Ambiguous:
		if s, _ := said.judge(); s == failed {
			return cb, nil
		}
		return provider.Callback{}, err
	case err != nil:
		return provider.Callback{}, err
	case found.id != said.id:
		return provider.Callback{}, answered(provider.Unclear("", "status: %w", errForeign))
	}
	return c.parser.callback(found)
}

// authentic returns what a body with a right signature says. Errors wrap ErrForged
// and ErrUnreadable.
func (p *Parser) authentic(body []byte) (report, gate.Match, error) {
	m, err := gate.Parse(body)
	if err != nil {
		return report{}, gate.Match{}, fmt.Errorf("%w: no signed message", provider.ErrForged)
	}
	match, err := p.verify(m)
	if err != nil {
		return report{}, gate.Match{}, fmt.Errorf("%w: %w", provider.ErrForged, err)
	}
	r, err := read(m)
	if err != nil {
		return report{}, gate.Match{}, fmt.Errorf("%w: %w", provider.ErrUnreadable, err)
	}
	return r, match, nil
}

// callback returns r as the port has it. The observation carries no operation id
// to be matched by: of one payment's several, any may be told first. The key
// matches.
func (p *Parser) callback(r report) (provider.Callback, error) {
	if !r.ours(p.projectID) {
		return provider.Callback{}, fmt.Errorf("%w: it is not about a payout of this project", provider.ErrUnreadable)
	}
	id, err := paymentOf(r)
	if err != nil {
		return provider.Callback{}, err
	}
	return provider.Callback{
		Payment: id, Asked: r.paidSum(), Dedup: p.dedup(r),
		Observation: payment.Observation{Kind: payment.Payout, Key: r.id, Result: r.result()},
	}, nil
}

// paymentOf returns the payment whose key r carries: the part before the
// attempt's number.
func paymentOf(r report) (payment.ID, error) {
	name, _, _ := strings.Cut(r.id, keySeparator)
	id := payment.ID(name)
	if id.Validate() != nil || !keyPattern.MatchString(r.id) {
		return "", fmt.Errorf("%w: payment_id names no payment", provider.ErrUnreadable)
	}
	return id, nil
}

// dedup names a message by what makes it another one. Dates do not: the platform
// repeats an event with another second.
func (p *Parser) dedup(r report) string {
	last, _ := r.last(func(operation) bool { return true })
	h := sha256.New()
	amount := ""
	if r.sum != nil {
		amount = r.sum.money().String()
	}
	for _, part := range []string{
		r.project, r.id, status(r.status), amount, last.id, status(last.kind), status(last.status), last.code, r.fault, r.requestID,
	} {
		_, _ = io.WriteString(h, part+"\x00")
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
