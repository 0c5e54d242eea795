package main

import (
	"errors"
	"strconv"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider/ecommpay/ecommpaysim"
)

// mountECommPay starts the Gate, and the Data API at /v1 beside it. A payout names the
// address of its callbacks.
func mountECommPay(cfg Config, _ string, accounts []*account.Account) (mount, error) {
	projects, err := ecommpayProjects(accounts)
	if err != nil {
		return mount{}, err
	}
	sim, err := ecommpaysim.New(ecommpaysim.Config{
		Projects: projects, Seed: cfg.Seed, TimeScale: cfg.TimeScale, RelaxURLs: cfg.RelaxURLs,
		Intermediate: true, Latency: cfg.Latency, ProcessDelay: cfg.PayoutDelay,
	})
	if err != nil {
		return mount{}, err
	}
	return mount{
		provider: payment.ECommPay, handlers: under("/ecommpay", payment.ECommPay, sim.Handler()),
		collector: newCollector(payment.ECommPay, func() counts {
			s := sim.Stats()
			return counts{
				payments: s.Payouts, calls: named(s.Calls), refusals: named(s.Refusals),
				sent: s.CallbacksSent, answered: s.CallbacksAnswered, givenUp: s.CallbacksGivenUp, underWay: s.UnderWay,
			}
		}),
		close: sim.Close,
	}, nil
}

func ecommpayProjects(accounts []*account.Account) ([]ecommpaysim.Project, error) {
	name := func(p ecommpaysim.Project) string { return "project_id " + strconv.FormatInt(p.ID, 10) }
	return each(accounts, name, ecommpayProject)
}

// ecommpayProject returns the project of an account. The platform uses the secret
// that is in use, and takes what is signed with the second of the list.
func ecommpayProject(a *account.Account) (ecommpaysim.Project, error) {
	id, err := strconv.ParseInt(a.Setting("project_id"), 10, 64)
	if err != nil {
		return ecommpaysim.Project{}, errors.New("settings.project_id is no whole number")
	}
	secret, next := firstTwo(a, "secret")
	token, _ := a.Secrets.Current("data_token")
	tokenSecret, _ := a.Secrets.Current("data_secret")
	return ecommpaysim.Project{ID: id, Secret: secret, Next: next, Token: token.Reveal(), TokenSecret: tokenSecret.Reveal()}, nil
}
