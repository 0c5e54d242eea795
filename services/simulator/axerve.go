package main

import (
	"slices"
	"strings"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider/axerve"
	"github.com/payloom/payloom/pkg/provider/axerve/axervesim"
)

// mountAxerve starts the gateway, with its back office filled in.
func mountAxerve(cfg Config, base string, accounts []*account.Account) (mount, error) {
	shops, err := axerveShops(cfg, accounts)
	if err != nil {
		return mount{}, err
	}
	sim, err := axervesim.New(axervesim.Config{
		Shops: shops, BaseURL: base, Seed: cfg.Seed, TimeScale: cfg.TimeScale, Latency: cfg.Latency,
	})
	if err != nil {
		return mount{}, err
	}
	if d := axervesim.Decision(strings.TrimSpace(cfg.Autopilot)); slices.Contains(axerveDecisions(), d) {
		if err := sim.SetAutopilot(axervesim.AutopilotRule{Decision: d}); err != nil {
			sim.Close()
			return mount{}, err
		}
	}
	return mount{
		provider: payment.Axerve, handlers: under("/axerve", payment.Axerve, sim.Handler()),
		collector: newCollector(payment.Axerve, func() counts {
			s := sim.Stats()
			return counts{
				payments: s.Payments, calls: named(s.Calls), refusals: named(s.Refusals),
				sent: s.NotifiesSent, answered: s.NotifiesAnswered, givenUp: s.NotifiesGivenUp, underWay: s.UnderWay,
			}
		}),
		close: sim.Close,
	}, nil
}

// axerveDecisions are those of AUTOPILOT that Axerve's page knows: buyers have no
// review there, and rules are Paygate's.
func axerveDecisions() []axervesim.Decision {
	return []axervesim.Decision{axervesim.Approve, axervesim.Decline, axervesim.Delay, axervesim.Abandon}
}

// axerveShop is what accounts that share a shop must agree about.
type axerveShop struct {
	login, apiKey, nextKey, callbackKey string
	separated                           bool
}

func axerveShops(cfg Config, accounts []*account.Account) ([]axervesim.Shop, error) {
	known, err := each(accounts, func(s axerveShop) string { return "shop_login " + s.login }, cfg.axerveShop)
	var shops []axervesim.Shop
	for _, s := range known {
		shops = append(shops, s.simulated(cfg.NotifyURL))
	}
	return shops, err
}

// axerveShop returns the shop of an account.
func (c Config) axerveShop(a *account.Account) (axerveShop, error) {
	key, next := firstTwo(a, "api_key")
	login := a.Setting("shop_login")
	return axerveShop{
		login: login, apiKey: key, nextKey: next, callbackKey: a.CallbackKey, separated: !slices.Contains(c.UnifiedShops, login),
	}, nil
}

// simulated returns the shop with the response addresses that its owner has to
// enter. A shop without a key is known by this machine's address.
func (s axerveShop) simulated(notifyURL string) axervesim.Shop {
	shop := axervesim.Shop{Login: s.login, APIKey: s.apiKey, NextKey: s.nextKey, Separated: s.separated, AddressWidget: true}
	if s.apiKey == "" {
		shop.IPs = []string{"*"}
	}
	if notifyURL != "" {
		to := axerve.Config{PublicURL: notifyURL, EndpointKey: s.callbackKey}.Responses()
		shop.PositiveURL, shop.NegativeURL, shop.NotifyURL = to.Positive, to.Negative, to.ServerToServer
	}
	return shop
}
