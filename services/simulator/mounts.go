package main

import (
	"errors"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/service"
	"github.com/payloom/payloom/services/simulator/internal/shop"
)

// mount is the simulator of one provider.
type mount struct {
	provider  payment.Provider
	pattern   string // of the requests that are its; more specific ones win
	handler   http.Handler
	collector prometheus.Collector
	close     func() // ends timers and notifies; may be called again
}

type mounts []mount

// players start the simulator of each provider.
func players() []func(Config, *account.Book) (mount, error) {
	return []func(Config, *account.Book) (mount, error){mountComputop}
}

func mountAll(cfg Config, book *account.Book) (mounts, error) {
	var all mounts
	for _, start := range players() {
		m, err := start(cfg, book)
		if err != nil {
			all.close()
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

func (all mounts) close() {
	for _, m := range all {
		m.close()
	}
}

// routes are the providers, the shop if there is one, and a page that says so.
func routes(rt *service.Runtime, cfg Config, all mounts) (*http.ServeMux, error) {
	mux := http.NewServeMux()
	var errs []error
	for _, m := range all {
		mux.Handle(m.pattern, m.handler)
		errs = append(errs, rt.Metrics.Register(m.collector))
	}
	mux.HandleFunc("GET /{$}", index(all, cfg.Shop.Enabled()))
	if !cfg.Shop.Enabled() {
		return mux, errors.Join(errs...)
	}
	s, err := shop.New(cfg.Shop.WithDefaults(cfg.base()), rt.Log)
	if err == nil {
		s.Register(mux)
	}
	return mux, errors.Join(append(errs, err)...)
}
