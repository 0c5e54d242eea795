package callback

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/wire"
)

// Accounts are the accounts in force: an account.Live.
type Accounts interface{ Book() *account.Book }

// Parsers returns the parser for an account's callbacks, with the keys that are
// in force now. It is asked for every callback and should keep what is costly.
// A parser that is a provider.ReturnParser too serves browsers.
type Parsers func(a *account.Account) (provider.CallbackParser, error)

// The errors of reading, beside those of the parsers.
var (
	// ErrNoParser means that the account's settings do not make a parser, or that
	// the parser failed by itself. It says nothing about the callback.
	ErrNoParser = errors.New("callback: the account has no working parser")
	// errForeign is the reason for a callback about what cannot be a payment of
	// ours.
	errForeign = fmt.Errorf("%w: it names no payment id", provider.ErrUnreadable)
)

// read has the parser of account a read c. What it returns names a payment.
func (p Parsers) read(a *account.Account, c wire.StoredCallback) (cb provider.Callback, err error) {
	// A panic must cost this one message, not the process that all others need.
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%w: it panicked", ErrNoParser)
		}
	}()
	parser, err := p(a)
	if err != nil {
		return provider.Callback{}, fmt.Errorf("%w: %w", ErrNoParser, err)
	}
	if c.Kind == wire.FromBuyerBrowser {
		cb, err = readReturn(parser, c)
	} else {
		cb, err = parser.ParseCallback(c.Header, payload(c))
	}
	if err == nil && known(cb.Payment) == "" {
		return provider.Callback{Dedup: cb.Dedup}, errForeign
	}
	return cb, err
}

// header returns what is kept of the header h of what came to account a. Where
// there is no parser, nobody will read it.
func (p Parsers) header(a *account.Account, h http.Header) (kept http.Header) {
	defer func() {
		if recover() != nil { // read, which comes next, says so
			kept = provider.KeepHeader(h, nil)
		}
	}()
	parser, err := p(a)
	if err != nil {
		parser = nil
	}
	return provider.KeepHeader(h, parser)
}

func readReturn(parser provider.CallbackParser, c wire.StoredCallback) (provider.Callback, error) {
	returns, ok := parser.(provider.ReturnParser)
	if !ok {
		return provider.Callback{}, fmt.Errorf("%w: for browsers", ErrNoParser)
	}
	form, err := formOf(c)
	if err != nil {
		return provider.Callback{}, err
	}
	return returns.ParseReturn(provider.Page(c.Page), form)
}

// payload returns what a server sent: the body, or the query of a GET.
func payload(c wire.StoredCallback) []byte {
	if len(c.Body) > 0 {
		return c.Body
	}
	return []byte(c.Query)
}

// formOf returns what a browser sent, in the query and in the body.
func formOf(c wire.StoredCallback) (url.Values, error) {
	form, err := url.ParseQuery(c.Query)
	if err != nil {
		return nil, fmt.Errorf("%w: malformed query", provider.ErrUnreadable)
	}
	posted, err := url.ParseQuery(string(c.Body))
	if err != nil {
		return nil, fmt.Errorf("%w: malformed form", provider.ErrUnreadable)
	}
	for name, values := range posted {
		form[name] = append(form[name], values...)
	}
	return form, nil
}
