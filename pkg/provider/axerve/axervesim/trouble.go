package axervesim

import "net/http"

// garbage is an answer that broke off on its way.
const garbage = `<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><call`

// failBefore plays the faults that come before the effect. It reports whether
// the call is over.
func (s *Simulator) failBefore(w http.ResponseWriter, r *http.Request, c *call, rule Rule) bool {
	switch rule.Fault {
	case FaultCodeBefore:
		s.write(w, c, c.refused(refuse(rule.code())))
		return true
	case FaultSOAPBefore:
		busy(c).write(w)
		return true
	case FaultTimeoutLate:
		s.timers.After(rule.Delay, func() { s.execute(c, rule) })
	default:
	}
	return s.trouble.Before(w, r, rule.Fault, rule.Delay)
}

// failAfter plays the faults that come after the effect. It reports whether
// the call is over.
func (s *Simulator) failAfter(w http.ResponseWriter, r *http.Request, c *call, rule Rule) bool {
	switch rule.Fault {
	case FaultCodeAfter:
		s.write(w, c, c.refused(refuse(rule.code())))
		return true
	case FaultSOAPAfter:
		busy(c).write(w)
		return true
	default:
	}
	return s.trouble.After(w, r, rule.Fault, rule.Delay)
}

func busy(c *call) *soapFault { return &soapFault{version: c.version, reason: "temporary"} }
