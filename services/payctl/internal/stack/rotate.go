package stack

import (
	"errors"
	"fmt"
	"strings"
)

// first is the generation of secrets that a stack begins with.
const first = "1"

// generation names the secret that takes the place of another: the first has the
// name itself.
func generation(name, g string) string {
	if g == first {
		return name
	}
	return name + "-" + g
}

// steady are the secrets that stay: addresses, and those of which the simulator knows
// one each: Paygate's passwords and the token of ECommPay's data.
func steady(name string) bool {
	return strings.HasSuffix(name, "-callback-key") || strings.HasPrefix(name, "computop-") || strings.HasPrefix(name, "ecommpay-data-")
}

// generationsOf returns the generations of a secret that are good, the one in use
// first.
func (s *Stack) generationsOf(name string) []string {
	if steady(name) || len(s.generations) == 0 {
		return []string{first}
	}
	return s.generations
}

// Rotate makes secrets of some generations good, the one in use first, and no others:
// the merchant's API keys, those of Axerve and ECommPay, the webhooks', and the data
// keys. Services follow the accounts at once, and learn of data keys when they start
// again. It must not run beside other methods.
func (s *Stack) Rotate(generations ...string) error {
	s.generations = generations
	if err := errors.Join(s.writeAccounts(), s.saveEnviron()); err != nil {
		return fmt.Errorf("rotate: %w", err)
	}
	for _, c := range s.all() {
		c.setEnv("PAYLOOM_DATA_KEYS", s.dataKeys())
	}
	return nil
}

// setEnv has the child start with another value of a variable, if it has it at all,
// from its next start on.
func (c *child) setEnv(name, value string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, line := range c.env {
		if strings.HasPrefix(line, name+"=") {
			c.env[i] = name + "=" + value
		}
	}
}

// KeysDir returns the folder of the broker's installation of keys, see package
// natsconf.
func (s *Stack) KeysDir() string { return s.broker.keys }

// ReloadBroker has the own broker read its keys and permissions again, as an
// operator does after a rotation.
func (s *Stack) ReloadBroker() error {
	o, err := brokerOptions(s.broker.dir, s.opts.Durability, s.broker.keys)
	if err != nil {
		return err
	}
	return s.broker.server.ReloadOptions(o)
}
