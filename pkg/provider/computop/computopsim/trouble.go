package computopsim

import (
	"net/http"
)

// garbage is an answer as a broken proxy gives it.
const garbage = "<html><head><title>Object moved</title></head><body>\x00\xff&Len=zz&Data=</body></html>"

// failBefore plays the faults that come before the effect. It reports whether
// the call is over.
func (s *Simulator) failBefore(w http.ResponseWriter, r *http.Request, c *call, rule Rule) bool {
	switch rule.Fault {
	case FaultBusy:
		s.writeAnswer(w, c, s.answerRefused(c, failed(catAmazon, detBusy, "MERCHANT BUSY")))
		return true
	case FaultCodeBefore:
		s.writeAnswer(w, c, s.answerRefused(c, &refusal{code: rule.Code, description: "SIMULATED"}))
		return true
	case FaultTimeoutLate:
		s.timers.After(rule.Delay, func() { s.execute(c) })
	default: // played the same way by every simulator
	}
	return s.trouble.Before(w, r, rule.Fault, rule.Delay)
}

// failAfter plays the faults that come after the effect. It reports whether
// the call is over.
func (s *Simulator) failAfter(w http.ResponseWriter, r *http.Request, c *call, rule Rule) bool {
	if rule.Fault == FaultCodeAfter {
		s.writeAnswer(w, c, s.answerRefused(c, &refusal{code: rule.Code, description: "SIMULATED"}))
		return true
	}
	return s.trouble.After(w, r, rule.Fault, rule.Delay)
}
