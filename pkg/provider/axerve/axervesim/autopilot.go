package axervesim

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/payloom/payloom/pkg/provider/simkit"
)

// AutopilotRule decides for the buyers of new pages, so that load can be run
// without a browser.
type AutopilotRule struct {
	Suffix   string        `json:"shop_transaction_id_suffix,omitempty"` // "" for all
	Decision Decision      `json:"decision"`                             // "" leaves the page to a person
	Delay    time.Duration `json:"-"`                                    // real time after Encrypt; "delay" in JSON, as "20ms"
}

// SetAutopilot replaces the rules; for a page the first that matches counts. No
// rules switch it off. Pages that are open already are left alone.
func (s *Simulator) SetAutopilot(rules ...AutopilotRule) error {
	for _, r := range rules {
		if r.Decision != "" && !decisions[r.Decision] {
			return fmt.Errorf("%w: %q", ErrDecision, r.Decision)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.autopilot = append([]AutopilotRule{}, rules...)
	return nil
}

// startAutopilot takes over a new page. The caller holds the lock.
func (s *Simulator) startAutopilot(p *payment) {
	for _, r := range s.autopilot {
		if !strings.HasSuffix(p.shopID, r.Suffix) {
			continue
		}
		if r.Decision != "" {
			s.timers.After(r.Delay, func() { s.steer(p, r.Decision) })
		}
		return
	}
}

// steer decides unless a person was faster.
func (s *Simulator) steer(p *payment, d Decision) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = s.decide(p, d)
}

type autopilotJSON AutopilotRule

// MarshalJSON writes the delay as text, such as "20ms".
func (r AutopilotRule) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		autopilotJSON
		Delay string `json:"delay"`
	}{autopilotJSON(r), r.Delay.String()})
}

// UnmarshalJSON reads the delay as text, such as "20ms".
func (r *AutopilotRule) UnmarshalJSON(raw []byte) error {
	var in struct {
		autopilotJSON
		Delay string `json:"delay"`
	}
	if err := simkit.DecodeStrict(raw, &in); err != nil {
		return err
	}
	*r = AutopilotRule(in.autopilotJSON)
	d, err := simkit.ParseDelay(in.Delay)
	r.Delay = d
	return err
}
