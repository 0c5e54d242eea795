package ecommpay

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/payloom/payloom/pkg/conf"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/ecommpay/gate"
)

// Client is one project at ECommPay. It implements provider.Provider and
// provider.CallbackVerifier and may be used concurrently.
type Client struct {
	cfg    Config
	http   *provider.HTTPClient
	data   *provider.HTTPClient // for the Data API, which takes its time
	parser *Parser
}

var (
	_ provider.Provider         = (*Client)(nil)
	_ provider.Bookkeeper       = (*Client)(nil)
	_ provider.Lister           = (*Client)(nil)
	_ provider.CallbackVerifier = (*Client)(nil)
	_ provider.CallbackParser   = (*Parser)(nil)
)

// New returns the client of a project. The error names every field of cfg that is
// wrong.
func New(cfg Config) (*Client, error) {
	parser, err := NewParser(cfg)
	if err != nil {
		return nil, err
	}
	return &Client{cfg: cfg, http: provider.NewHTTPClient(cfg.HTTP), data: provider.NewHTTPClient(patient(cfg.HTTP)), parser: parser}, nil
}

// Format writes the project's number for every verb: the fields hold secrets.
func (c *Client) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "ecommpay:%d", c.cfg.ProjectID) }

// Capability implements provider.Provider.
func (c *Client) Capability() provider.Capability { return Capability() }

// Submit implements provider.Provider. It sends a payout, under the attempt's key,
// as often as it is called; the platform carries out one. What it answers to a
// repeated request is believed only together with what an inquiry finds.
func (c *Client) Submit(ctx context.Context, call provider.Call) (payment.Result, error) {
	if call.Operation.Kind != payment.Payout {
		return payment.Result{}, unsupported("ECommPay cannot %s", call.Operation.Kind)
	}
	return c.payout(ctx, call)
}

func unsupported(format string, args ...any) *provider.Error {
	e := provider.Reject(payment.ReasonUnsupported, format, args...)
	e.Err = fmt.Errorf("%w: %w", provider.ErrUnsupported, e.Err)
	return e
}

// request is one call to the Gate, or to the Data API.
type request struct {
	operation string // for errors and spans
	path      string
	body      any
	place     gate.Place // of the signature
}

// post signs r and sends it to the Gate, and returns the HTTP answer, beside an error
// too.
func (c *Client) post(ctx context.Context, r request) (provider.Answer, error) {
	return r.send(ctx, c.http, c.cfg.endpoint(r.path), c.cfg.Secrets[0].Secret)
}

// send is post to any address, under any secret.
func (r request) send(ctx context.Context, by *provider.HTTPClient, url string, secret conf.Secret) (provider.Answer, error) {
	raw, err := encode(r.body)
	if err != nil {
		return provider.Answer{}, provider.Reject(payment.ReasonInvalid, "%s: cannot be encoded", r.operation)
	}
	body, err := gate.Seal(secret.Reveal(), raw, r.place)
	if err != nil {
		return provider.Answer{}, provider.Reject(payment.ReasonInvalid, "%s: %w", r.operation, err)
	}
	return by.Post(ctx, provider.HTTPRequest{
		Operation: r.operation, URL: url, ContentType: "application/json",
		Header: http.Header{"Accept": {"application/json"}}, Body: body,
	})
}

// answered marks an error as the provider's own word.
func answered(e *provider.Error) *provider.Error {
	e.Answered = true
	return e
}

// forPerson marks an error that no further question to the provider settles.
func forPerson(e *provider.Error) *provider.Error {
	e.Person = true
	return answered(e)
}

// Parser understands the callbacks of one project. It may be used concurrently.
type Parser struct {
	projectID int64
	secrets   []Key
}

// NewParser returns the parser of a project. The error names every field of cfg
// that is wrong.
func NewParser(cfg Config) (*Parser, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Parser{projectID: cfg.ProjectID, secrets: cfg.Secrets}, nil
}

// Format writes the project's number for every verb: the fields hold secrets.
func (p *Parser) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "ecommpay:%d", p.projectID) }

// verify tells how m is signed, by any of the secrets. Errors are those of
// gate.Message.Verify.
func (p *Parser) verify(m gate.Message) (gate.Match, error) {
	for _, k := range p.secrets {
		match, err := m.Verify(k.Secret.Reveal())
		if err == nil || errors.Is(err, gate.ErrUnsigned) {
			return match, err
		}
	}
	return gate.Match{}, gate.ErrSignature
}
