package computopsim

import (
	"net/http"

	"github.com/payloom/payloom/pkg/provider/computop/paygate"
)

// servePaygate answers one .aspx call. Business refusals are answers with
// status 200, as Paygate gives them.
func (s *Simulator) servePaygate(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost && r.Method != http.MethodGet {
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	c := s.decode(r)
	if !s.trouble.Admit(w, r) {
		return
	}
	fault, hit := s.faults.forCall(c)
	if hit && s.failBefore(w, r, c, fault) {
		return
	}
	answer := s.execute(c)
	if hit && s.failAfter(w, r, c, fault) {
		return
	}
	s.writeAnswer(w, c, answer)
}

// execute does what was asked, atomically.
func (s *Simulator) execute(c *call) paygate.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Calls[c.op]++
	answer, refused := s.run(c)
	if refused != nil {
		s.stats.Refusals[refused.code]++
		return s.answerRefused(c, refused)
	}
	return answer
}

func (s *Simulator) run(c *call) (paygate.Message, *refusal) {
	if c.refused != nil {
		return nil, c.refused
	}
	switch c.op {
	case OpInit:
		return s.open(c)
	case OpUpdate:
		return s.update(c)
	case OpCharge:
		return s.chargeAgain(c)
	case OpCapture:
		return s.once(c, s.capture)
	case OpCredit:
		return s.credit(c)
	case OpReverse:
		return s.once(c, s.reverse)
	case OpInquire:
		return s.inquire(c)
	default:
		return s.inquire24(c)
	}
}

func (s *Simulator) writeAnswer(w http.ResponseWriter, c *call, answer paygate.Message) {
	w.Header().Set("Content-Type", "text/html; charset=iso-8859-1")
	if c.merchant == nil {
		// Without a merchant there is no key: the answer is in the clear.
		_, _ = w.Write([]byte(answer.String()))
		return
	}
	env, err := c.merchant.seal(answer, s.random("answer", string(c.op), c.fields.String(), answer.String()))
	if err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	_, _ = w.Write(body(env))
}
