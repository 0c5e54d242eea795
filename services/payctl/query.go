package main

import (
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/payloom/payloom/pkg/conf"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/services/payctl/internal/api"
)

// access is where the query API is and whose payments are asked about.
type access struct {
	Query  string      `env:"PAYLOOM_QUERY" envDefault:"http://localhost:8082" desc:"base URL of the query API"`
	APIKey conf.Secret `env:"PAYLOOM_API_KEY" desc:"an API key with the scope read"`
}

// query returns a client of the query API.
func (a *app) query() (*api.Client, error) {
	environ, err := a.surroundings()
	if err != nil {
		return nil, err
	}
	var s access
	if err := conf.Load(&s, environ); err != nil {
		return nil, err
	}
	if s.APIKey == "" {
		return nil, errors.New("PAYLOOM_API_KEY is not set: set it to a key with the scope read (file:PATH reads it from a file), or --dir to the folder of a running payctl up")
	}
	return api.New("", strings.TrimSuffix(s.Query, "/"), s.APIKey.Reveal(), 1), nil
}

// chosen are the flags that choose payments.
type chosen struct{ from, to, state, kind, provider, currency, q string }

// period adds the flags that statistics know as well.
func (o *chosen) period(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.from, "from", "", "only payments created at this time or later: 2026-05-01, its beginning in UTC, or 2026-05-01T12:00:00Z")
	cmd.Flags().StringVar(&o.to, "to", "", "only payments created before this time; written as --from")
	cmd.Flags().StringVar(&o.provider, "provider", "", "only payments at this provider")
	cmd.Flags().StringVar(&o.currency, "currency", "", "only payments in this currency")
	fixed(cmd, "provider", words(payment.Providers()))
}

// values returns the flags as parameters of the query API, which checks them.
func (o *chosen) values() (url.Values, error) {
	v := url.Values{}
	for _, p := range []struct{ name, value string }{
		{"state", o.state}, {"kind", o.kind}, {"provider", o.provider}, {"currency", o.currency}, {"q", o.q},
	} {
		if p.value != "" {
			v.Set(p.name, p.value)
		}
	}
	for _, p := range []struct{ name, value string }{{"from", o.from}, {"to", o.to}} {
		if p.value == "" {
			continue
		}
		at, err := readTime(p.value)
		if err != nil {
			return nil, misuse("--%s: %q is no time such as 2026-05-01 or 2026-05-01T12:00:00Z", p.name, p.value)
		}
		v.Set(p.name, at.UTC().Format(time.RFC3339Nano))
	}
	return v, nil
}

// readTime reads a time, or a day as its beginning in UTC.
func readTime(text string) (time.Time, error) {
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day, nil
	}
	return time.Parse(time.RFC3339, text)
}
