package ecommpaysim

// Retire ends the rotation of secrets: of every project that has a next one, the
// former is refused from now on. It returns how many those are.
func (s *Simulator) Retire() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, p := range s.projects {
		if p.Next != "" {
			p.Secret, p.Next = p.Next, ""
			n++
		}
	}
	return n
}
