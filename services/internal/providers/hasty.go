package providers

import (
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
)

// ErrHasty says that an account moves real money, and that its provider's "not
// found" would be believed too early.
var ErrHasty = errors.New("SETTLE_MOST is set, and the account is live")

// Hasty returns router with "not found" believed after most, where the provider
// needs longer: for simulators, that have no night to wait for. It serves no
// account that is live.
func Hasty(live Accounts, router provider.Router, most time.Duration) provider.Router {
	cap := router.Cap
	cap.Recovery = maps.Clone(cap.Recovery)
	for kind, r := range cap.Recovery {
		r.Settle = min(r.Settle, most)
		cap.Recovery[kind] = r
	}
	cap.Direct.Settle = min(cap.Direct.Settle, most)
	client := router.Client
	return provider.Router{Cap: cap, Client: func(m payment.Merchant, name string) (provider.Provider, error) {
		if err := notLive(live, m, cap.Provider, name); err != nil {
			return nil, err
		}
		return client(m, name)
	}}
}

func notLive(live Accounts, m payment.Merchant, p payment.Provider, name string) error {
	a, err := live.Book().Account(m, p, name)
	if err == nil && a.Live {
		err = fmt.Errorf("account %s of %s at %s: %w", a.Name, a.Merchant, a.Provider, ErrHasty)
	}
	return err
}
