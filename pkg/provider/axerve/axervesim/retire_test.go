package axervesim

import "testing"

// TestRetire: during a rotation both keys are good, after it the next is the only
// one.
func TestRetire(t *testing.T) {
	t.Parallel()
	const next = "NEXT-not-a-secret"
	r := newRig(t, func(c *Config) { c.Shops[0].NextKey = next })
	unknown := func(key string) bool {
		other := *r
		other.shop.APIKey = key
		return string(other.read("P").ErrorCode) == string(codeAPIKey)
	}
	if unknown(apiKey) || unknown(next) || !unknown("guess") || !unknown("") {
		t.Errorf("during a rotation: %v, %v", unknown(apiKey), unknown(next))
	}
	if n := r.sim.Retire(); n != 1 {
		t.Errorf("%d retired", n)
	}
	if !unknown(apiKey) || unknown(next) || !unknown("") {
		t.Errorf("after a rotation: %v, %v", unknown(apiKey), unknown(next))
	}
}
