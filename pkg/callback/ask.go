package callback

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/provider"
)

// VerifyReturn asks a provider which payment a browser comes from, as
// provider.ReturnVerifier does for the client of account a.
type VerifyReturn func(ctx context.Context, a *account.Account, page provider.Page, form url.Values) (provider.Callback, error)

const (
	// returnPatience is how long a buyer looks at nothing while a provider is asked.
	returnPatience = 3 * time.Second
	// returnsAtOnce bounds the questions under way: strangers can cause them.
	returnsAtOnce = 16
)

// errNoTime means that a provider was not asked, or took too long to answer.
var errNoTime = errors.New("callback: the provider could not be asked now")

// returnDesk asks providers about browsers. It may be used concurrently.
type returnDesk struct {
	verify VerifyReturn
	slots  chan struct{}
}

func newReturnDesk(v VerifyReturn) returnDesk {
	return returnDesk{verify: v, slots: make(chan struct{}, returnsAtOnce)}
}

// ask returns what only the provider can tell of in. Who would have to wait for a
// place is asked to come again.
func (d returnDesk) ask(ctx context.Context, in incoming, page provider.Page) (provider.Callback, error) {
	if d.verify == nil {
		return provider.Callback{}, errNoTime
	}
	form, err := formOf(in.StoredCallback)
	if err != nil {
		return provider.Callback{}, err
	}
	select {
	case d.slots <- struct{}{}:
		defer func() { <-d.slots }()
	default:
		return provider.Callback{}, errNoTime
	}
	ctx, cancel := context.WithTimeout(ctx, returnPatience)
	defer cancel()
	cb, err := d.verify(ctx, in.account, page, form)
	if err == nil && known(cb.Payment) == "" {
		return provider.Callback{}, errForeign
	}
	return cb, err
}
