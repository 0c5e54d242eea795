package computopsim

import "github.com/payloom/payloom/pkg/provider/computop/paygate"

// once applies the rule of ReqId, which holds for capture and reverse: the same
// ReqId again is not executed but answered with the status of the original,
// provided that one is final. While it is open, the repeat is processed
// regularly and may be executed twice. A ReqId lives 12 months.
//
// Only what reached the action counts: a request refused for its format or MAC
// leaves no trace.
func (s *Simulator) once(c *call, act func(*call) (paygate.Message, bool, *refusal)) (paygate.Message, *refusal) {
	key := reqKey{c.merchant.ID, c.get("ReqId")}
	if before, known := s.book.actions[key]; known && before.final && !s.past(before.at, reqIDLife) {
		s.stats.Replays++
		if s.cfg.DuplicateReqIDCode != "" {
			return nil, &refusal{code: s.cfg.DuplicateReqIDCode, description: "REQID ALREADY USED"}
		}
		return before.answer, nil
	}
	answer, final, refused := act(c)
	if refused == nil && key.reqID != "" {
		s.book.actions[key] = action{answer: answer, final: final, at: c.at}
	}
	return answer, refused
}

// finish marks the action of a ReqId as final, with the answer that a repeat
// gets from now on.
func (s *Simulator) finish(m *merchant, reqID string, answer paygate.Message) {
	if reqID == "" {
		return
	}
	key := reqKey{m.ID, reqID}
	if a, known := s.book.actions[key]; known {
		a.final, a.answer = true, answer
		s.book.actions[key] = a
	}
}
