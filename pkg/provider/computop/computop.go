package computop

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/computop/paygate"
)

// Client is one account at Paygate. It implements provider.Provider and may be
// used concurrently.
type Client struct {
	cfg    Config
	http   *provider.HTTPClient
	codecs []*paygate.Codec // newest key first
}

var (
	_ provider.Provider       = (*Client)(nil)
	_ provider.Bookkeeper     = (*Client)(nil)
	_ provider.CallbackParser = (*Parser)(nil)
	_ provider.ReturnParser   = (*Parser)(nil)
)

// New returns the client of an account. The error names every field of cfg that
// is wrong.
func New(cfg Config) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	codecs, err := codecsOf(cfg)
	if err != nil {
		return nil, err
	}
	return &Client{cfg: cfg, http: provider.NewHTTPClient(cfg.HTTP), codecs: codecs}, nil
}

func codecsOf(cfg Config) ([]*paygate.Codec, error) {
	codecs := make([]*paygate.Codec, len(cfg.CipherKeys))
	for i, k := range cfg.CipherKeys {
		codec, err := paygate.NewCodec(k.Secret.Reveal())
		if err != nil {
			return nil, fmt.Errorf("%w: CipherKeys[%d]: %w", ErrConfig, i, err)
		}
		codecs[i] = codec
	}
	return codecs, nil
}

// Format writes the account's name for every verb: the fields hold secrets.
func (c *Client) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "computop:"+c.cfg.MerchantID) }

// Capability implements provider.Provider.
func (c *Client) Capability() provider.Capability { return capability(c.cfg.minAmount()) }

// Submit implements provider.Provider.
func (c *Client) Submit(ctx context.Context, call provider.Call) (payment.Result, error) {
	switch call.Operation.Kind {
	case payment.Authorize:
		return c.authorize(ctx, call)
	case payment.UpdateAmount:
		return c.updateAmount(ctx, call)
	case payment.Capture:
		return c.capture(ctx, call)
	case payment.Refund:
		return c.credit(ctx, call)
	case payment.Cancel:
		return c.reverse(ctx, call)
	case payment.Payout, payment.Sync:
	}
	return payment.Result{}, unsupported("Paygate cannot %s", call.Operation.Kind)
}

func unsupported(format string, args ...any) *provider.Error {
	e := provider.Reject(payment.ReasonUnsupported, format, args...)
	e.Err = fmt.Errorf("%w: %w", provider.ErrUnsupported, e.Err)
	return e
}

// request is one call to an endpoint.
type request struct {
	operation string // for errors and spans
	endpoint  string
	table     table
	values    map[string]string
}

// ask sends r and returns an answer that belongs to it. Errors are *Error.
func (c *Client) ask(ctx context.Context, r request) (reply, error) {
	body, err := c.seal(r)
	if err != nil {
		return reply{}, err
	}
	answer, err := c.http.Post(ctx, provider.HTTPRequest{
		Operation: r.operation, URL: strings.TrimSuffix(c.cfg.BaseURL, "/") + "/" + r.endpoint,
		ContentType: "application/x-www-form-urlencoded", Body: body,
	})
	if err != nil {
		return reply{}, err
	}
	if answer.Status != 200 {
		return reply{}, answered(provider.Unclear("", "%s: answered with status %d", r.operation, answer.Status))
	}
	got, err := open(c.codecs, answer.Body)
	if err != nil {
		return reply{}, answered(provider.Unclear("", "%s: %w", r.operation, err))
	}
	if err := got.belongs(c.cfg.MerchantID, r.values); err != nil {
		return reply{}, answered(provider.Unclear(string(got.code()), "%s: %w", r.operation, err))
	}
	return got, nil
}

// answered marks an error as the provider's own word.
func answered(e *provider.Error) *provider.Error {
	e.Answered = true
	return e
}

// seal makes the form that is posted.
func (c *Client) seal(r request) ([]byte, error) {
	r.values["MerchantID"] = c.cfg.MerchantID
	if r.table.has(rowMAC.name) {
		r.values[rowMAC.name] = paygate.RequestMAC(c.cfg.MACKeys[0].Secret.Reveal(),
			r.values["PayID"]+r.values["PayId"], r.values["TransID"], c.cfg.MerchantID, r.values["Amount"], r.values["Currency"])
	}
	m, err := r.table.message(r.values)
	if err != nil {
		return nil, err
	}
	env, err := c.codecs[0].Seal(c.cfg.cipher(), c.cfg.MerchantID, m, paygate.Style{})
	if err != nil {
		return nil, provider.Reject(payment.ReasonInvalid, "%s: %w", r.operation, err)
	}
	return []byte(env.Form().Encode()), nil
}

func (t table) has(name string) bool {
	for _, p := range t {
		if p.name == name {
			return true
		}
	}
	return false
}
