package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider/computop/computopsim"
	"github.com/payloom/payloom/pkg/provider/computop/paygate"
)

// errAccounts marks what keeps an account from being played.
var errAccounts = errors.New("accounts")

// mountComputop starts Paygate. It serves every path that nobody else does: its
// merchants call it at any base, and spell its paths in any case.
func mountComputop(cfg Config, book *account.Book) (mount, error) {
	merchants, err := computopMerchants(book, cfg.base())
	if err != nil {
		return mount{}, err
	}
	rules, err := autopilot(cfg.Autopilot)
	if err != nil {
		return mount{}, err
	}
	sim, err := computopsim.New(computopsim.Config{
		Merchants: merchants, BaseURL: cfg.base(), Seed: cfg.Seed, TimeScale: cfg.TimeScale,
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
		provider: payment.Computop, pattern: "/", handler: sim.Handler(),
		collector: newComputopCollector(sim), close: sim.Close,
	}, nil
}

// computopMerchants are the merchants at Paygate whose account's endpoint is
// below base.
func computopMerchants(book *account.Book, base string) ([]computopsim.Merchant, error) {
	var all []computopsim.Merchant
	var errs []error
	for a := range book.Accounts() {
		if a.Provider != payment.Computop || !below(a.Endpoint, base) {
			continue
		}
		m, err := computopMerchant(a)
		if err == nil {
			all, err = addMerchant(all, m)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%w: %s of %s, line %d: %w", errAccounts, a.Name, a.Merchant, a.Line, err))
		}
	}
	if len(all)+len(errs) == 0 {
		return nil, fmt.Errorf("%w: no account at %s has an endpoint below %s", errAccounts, payment.Computop, base)
	}
	return all, errors.Join(errs...)
}

// below tells whether endpoint is base or a path under it.
func below(endpoint, base string) bool {
	e, err := url.Parse(endpoint)
	if err != nil {
		return false
	}
	b, err := url.Parse(base)
	if err != nil {
		return false
	}
	return e.Scheme == b.Scheme && strings.EqualFold(e.Host, b.Host) &&
		strings.HasPrefix(strings.TrimRight(e.Path, "/")+"/", strings.TrimRight(b.Path, "/")+"/")
}

// computopMerchant returns the merchant of an account. Paygate itself knows one
// password of each kind: the one that is in use.
func computopMerchant(a *account.Account) (computopsim.Merchant, error) {
	if a.Live {
		return computopsim.Merchant{}, errors.New("live is set, and its endpoint is a simulator")
	}
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

// addMerchant adds m unless it is there: two accounts may share a MerchantID, but
// not differ about its passwords.
func addMerchant(all []computopsim.Merchant, m computopsim.Merchant) ([]computopsim.Merchant, error) {
	for _, other := range all {
		if other.ID == m.ID && other != m {
			return all, fmt.Errorf("merchant_id %s is there twice, with other settings or secrets", m.ID)
		}
		if other.ID == m.ID {
			return all, nil
		}
	}
	return append(all, m), nil
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
