package axervesim

import (
	"maps"

	"github.com/payloom/payloom/pkg/provider/axerve/gestpay"
)

// Stats counts what happened since the simulator was made.
type Stats struct {
	Payments         int                  `json:"payments"`
	Calls            map[Op]int           `json:"calls"`
	Refusals         map[gestpay.Code]int `json:"refusals"`
	NotifiesSent     int                  `json:"notifies_sent"` // deliveries tried, lost ones included
	NotifiesAnswered int                  `json:"notifies_answered"`
	NotifiesGivenUp  int                  `json:"notifies_given_up"`
	NotifiesForged   int                  `json:"notifies_forged"`
	NotifiesVanished int                  `json:"notifies_vanished"`
	UnderWay         int                  `json:"under_way"` // notifications, refunds, nights and repeats still to come
}

func newStats() Stats {
	return Stats{Calls: map[Op]int{}, Refusals: map[gestpay.Code]int{}}
}

// Stats returns the counters.
func (s *Simulator) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	st.Calls, st.Refusals = maps.Clone(st.Calls), maps.Clone(st.Refusals)
	st.Payments, st.UnderWay = len(s.book.payments), s.busy.Count()
	return st
}
