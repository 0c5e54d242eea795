package stack

import (
	"cmp"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// The ends of connections, as Options.Relay is told of them, besides the names of
// services and broker nodes.
const (
	Workers  = "workers"
	Provider = "provider"
	Postgres = "postgres"
)

// relayed returns where address is to be reached by from.
func (s *Stack) relayed(from, to, address string) (string, error) {
	if s.opts.Relay == nil {
		return address, nil
	}
	port, err := s.portsLeft.take(0, from)
	if err != nil {
		return "", err
	}
	return local(port), s.opts.Relay(from, to, local(port), address)
}

// planRelays settles the addresses that workers and providers know each other by.
func (s *Stack) planRelays() error {
	to, err := s.relayed(Workers, Provider, local(s.ports.Simulator))
	if err != nil {
		return err
	}
	back, err := s.relayed(Provider, Receiver, local(s.ports.Notify))
	if err != nil {
		return err
	}
	s.providerURL, s.notifyURL = "http://"+to, cmp.Or(s.opts.Callbacks, "http://"+back)
	return nil
}

// waysOf returns where a service reaches broker and database, as it needs them.
func (s *Stack) waysOf(program, name string) (broker, database string, err error) {
	if program != Simulator {
		if broker, err = s.brokerFor(name); err != nil {
			return "", "", err
		}
	}
	if program == Tracker || program == Sender {
		database, err = s.databaseFor(name)
	}
	return broker, database, err
}

// brokerFor returns the URLs of the broker's nodes, in an order of the service's
// own, so that not all connect to the first.
func (s *Stack) brokerFor(name string) (string, error) {
	urls := strings.Split(s.broker.url, ",")
	for i, text := range urls {
		u, err := url.Parse(text)
		if err != nil || s.opts.Relay == nil {
			continue
		}
		if u.Host, err = s.relayed(name, nodeName(i), u.Host); err != nil {
			return "", err
		}
		urls[i] = u.String()
	}
	turn := len(name) % len(urls)
	return strings.Join(slices.Concat(urls[turn:], urls[:turn]), ","), nil
}

// databaseFor returns the database's URL for a service.
func (s *Stack) databaseFor(name string) (string, error) {
	if s.opts.Relay == nil {
		return s.database, nil
	}
	c, err := pgconn.ParseConfig(s.database)
	if err != nil {
		return "", err
	}
	u, err := url.Parse(s.database)
	if err != nil {
		return "", err
	}
	u.Host, err = s.relayed(name, Postgres, net.JoinHostPort(c.Host, u.Port()))
	return u.String(), err
}
