package simkit

// Select returns the first limit entries that wanted takes, all of them when limit
// is 0. What it returns is a copy, and never nil: it goes out as JSON.
func Select[E any](entries []E, limit int, wanted func(E) bool) []E {
	taken := []E{}
	for _, e := range entries {
		if limit > 0 && len(taken) == limit {
			break
		}
		if wanted(e) {
			taken = append(taken, e)
		}
	}
	return taken
}
