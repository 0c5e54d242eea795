package guard

import (
	"slices"
	"strings"
	"time"

	"github.com/payloom/payloom/pkg/protection"
)

// turn takes note of an operator's switch.
func (g *Guard) turn(a protection.Account, value []byte, rev uint64) error {
	s, err := decode[protection.Switch](value, rev)
	if err != nil {
		return err
	}
	g.mu.Lock()
	if rev <= g.switches[a].rev {
		g.mu.Unlock()
		return nil
	}
	g.switches[a] = s
	close(g.turned)
	g.turned = make(chan struct{})
	g.mu.Unlock()
	g.o.Changed()
	return nil
}

// Held tells whether the provider as a whole is paused, so that nothing is to be
// pulled for it, and returns a channel that is closed when that may have changed.
func (g *Guard) Held() (bool, <-chan struct{}) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.switches[protection.Account{Provider: g.o.Provider}].value.Mode == protection.Paused, g.turned
}

// switched returns how long a call has to wait for an operator.
func (g *Guard) switched(a protection.Ask, t *gate) protection.Wait {
	g.mu.RLock()
	whole, own := g.switches[protection.Account{Provider: g.o.Provider}].value, g.switches[a.Account].value
	g.mu.RUnlock()
	for _, s := range []protection.Switch{whole, own} {
		if !s.Lets(a.Purpose) {
			return protection.Wait{For: t.turn(a.Now, a.Now.Add(patience(a.Now.Sub(s.Since)))), Until: protection.ForOperator}
		}
	}
	return protection.Wait{}
}

// patience is how long a command is set aside that waits for an operator: longer,
// the longer it has taken already. Nobody tells commands one by one to come back.
func patience(off time.Duration) time.Duration {
	return min(max(off/4, 5*time.Second), time.Minute)
}

// Summary says in one line what an operator has switched off, for people.
func (g *Guard) Summary() string {
	g.mu.RLock()
	defer g.mu.RUnlock()
	var lines []string
	for a, s := range g.switches {
		if s.value.On() {
			continue
		}
		lines = append(lines, a.String()+" is "+string(s.value.Mode)+" since "+s.value.Since.UTC().Format(time.RFC3339)+" by "+s.value.By)
	}
	if len(lines) == 0 {
		return "running"
	}
	slices.Sort(lines)
	return strings.Join(lines, "; ")
}
