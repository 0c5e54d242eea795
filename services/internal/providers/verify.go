package providers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
)

// Verifier asks providers about what proves nothing by itself. It may be used
// concurrently.
type Verifier struct {
	routers map[payment.Provider]provider.Router
}

// NewVerifier returns a verifier for the accounts of live.
func NewVerifier(live Accounts) Verifier {
	// Asking makes no addresses, but a client's configuration wants one.
	asking := &kept[provider.Provider]{live: live, make: func(a *account.Account) (provider.Provider, error) {
		return Client(a, a.Endpoint)
	}}
	v := Verifier{map[payment.Provider]provider.Router{}}
	for p := range makers() {
		v.routers[p] = router(asking, p)
	}
	return v
}

// Callback is a callback.Verify. It leaves alone, as provider.ErrUnverified, what
// nobody can vouch for.
func (v Verifier) Callback(ctx context.Context, a *account.Account, h http.Header, body []byte) (provider.Callback, error) {
	cb, err := v.routers[a.Provider].VerifyCallback(ctx, a.Merchant, a.Name, h, body)
	return cb, unverified(a, err)
}

// Return is a callback.VerifyReturn.
func (v Verifier) Return(ctx context.Context, a *account.Account, page provider.Page, form url.Values) (provider.Callback, error) {
	cb, err := v.routers[a.Provider].VerifyReturn(ctx, a.Merchant, a.Name, page, form)
	return cb, unverified(a, err)
}

func unverified(a *account.Account, err error) error {
	if errors.Is(err, provider.ErrUnsupported) {
		return fmt.Errorf("%w: %s cannot be asked about it", provider.ErrUnverified, a.Provider)
	}
	return err
}
