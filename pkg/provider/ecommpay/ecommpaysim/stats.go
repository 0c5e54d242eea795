package ecommpaysim

import "maps"

// Stats counts what happened since the simulator was made.
type Stats struct {
	Payouts           int            `json:"payouts"` // that were accepted
	Calls             map[Op]int     `json:"calls"`
	Refusals          map[string]int `json:"refusals"`       // by code
	CallbacksSent     int            `json:"callbacks_sent"` // deliveries tried, lost ones included
	CallbacksAnswered int            `json:"callbacks_answered"`
	CallbacksGivenUp  int            `json:"callbacks_given_up"`
	CallbacksForged   int            `json:"callbacks_forged"`
	CallbacksVanished int            `json:"callbacks_vanished"`
	UnderWay          int            `json:"under_way"` // payouts, callbacks and repeats still to come
}

func newStats() Stats { return Stats{Calls: map[Op]int{}, Refusals: map[string]int{}} }

// Stats returns the counters.
func (s *Simulator) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	st.Calls, st.Refusals = maps.Clone(st.Calls), maps.Clone(st.Refusals)
	st.Payouts, st.UnderWay = len(s.book.order), s.busy.Count()
	return st
}
