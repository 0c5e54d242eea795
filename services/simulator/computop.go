package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider/computop/computopsim"
	"github.com/payloom/payloom/pkg/provider/computop/paygate"
)

// mountComputop starts Paygate.
func mountComputop(cfg Config, base string, accounts []*account.Account) (mount, error) {
	merchants, err := computopMerchants(accounts)
	if err != nil {
		return mount{}, err
	}
	rules, err := autopilot(cfg.Autopilot)
	if err != nil {
		return mount{}, err
	}
	sim, err := computopsim.New(computopsim.Config{
		Merchants: merchants, BaseURL: base, Seed: cfg.Seed, TimeScale: cfg.TimeScale,
		RelaxURLs: cfg.RelaxURLs, Latency: cfg.Latency,
	})
	if err != nil {
		return mount{}, err
	}
	if err := sim.SetAutopilot(rules...); err != nil {
		sim.Close()
		return mount{}, err
	}
	return mount{
		provider: payment.Computop, handlers: map[string]http.Handler{"/": sim.Handler()},
		collector: newCollector(payment.Computop, func() counts {
			s := sim.Stats()
			return counts{
				payments: s.Payments, calls: named(s.Calls), refusals: named(s.Refusals),
				sent: s.NotifiesSent, answered: s.NotifiesAnswered, givenUp: s.NotifiesGivenUp, underWay: s.UnderWay,
			}
		}),
		close: sim.Close,
	}, nil
}

func computopMerchants(accounts []*account.Account) ([]computopsim.Merchant, error) {
	return each(accounts, func(m computopsim.Merchant) string { return "merchant_id " + m.ID }, computopMerchant)
}

// computopMerchant returns the merchant of an account. Paygate itself knows one
// password of each kind: the one that is in use.
func computopMerchant(a *account.Account) (computopsim.Merchant, error) {
	cipher, _ := a.Secrets.Current("cipher")
	mac, _ := a.Secrets.Current("mac")
	least, err := strconv.ParseInt(cmp.Or(a.Setting("min_amount"), "100"), 10, 64)
	if err != nil {
		return computopsim.Merchant{}, errors.New("settings.min_amount is no whole number")
	}
	return computopsim.Merchant{
		ID: a.Setting("merchant_id"), Cipher: paygate.Cipher(a.Setting("cipher")),
		CipherKey: cipher.Reveal(), MACKey: mac.Reveal(), SmallAmounts: least < 100,
	}, nil
}

// autopilot reads one decision for all buyers, or a list of rules in JSON.
func autopilot(text string) ([]computopsim.AutopilotRule, error) {
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return nil, nil
	case !strings.HasPrefix(text, "["):
		return checkRules([]computopsim.AutopilotRule{{Decision: computopsim.Decision(text)}})
	}
	var rules []computopsim.AutopilotRule
	if err := json.Unmarshal([]byte(text), &rules); err != nil {
		return nil, fmt.Errorf("is no list of rules: %w", err)
	}
	return checkRules(rules)
}

func checkRules(rules []computopsim.AutopilotRule) ([]computopsim.AutopilotRule, error) {
	for _, r := range rules {
		switch r.Decision {
		case computopsim.Approve, computopsim.Decline, computopsim.Delay, computopsim.Abandon, computopsim.Review, "":
		default:
			return nil, fmt.Errorf("has the unknown decision %q", r.Decision)
		}
	}
	return rules, nil
}
