package axervesim

// Retire ends the rotation of API keys: of every shop that has a next one, the
// former is refused from now on. It returns how many those are.
func (s *Simulator) Retire() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, shop := range s.shops {
		if shop.NextKey != "" {
			shop.APIKey, shop.NextKey = shop.NextKey, ""
			n++
		}
	}
	return n
}
