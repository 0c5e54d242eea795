package ecommpaysim

import (
	"testing"

	"github.com/payloom/payloom/pkg/provider/ecommpay/gate"
)

// TestRetire: during a rotation both secrets are good and the former signs; after it
// the next is the only one.
func TestRetire(t *testing.T) {
	t.Parallel()
	const next = "next-secret"
	r := newRig(t, func(c *Config) { c.Projects[0].Next = next })
	refused := func(id, with string) string {
		m, err := gate.Parse(mustJSON(r.request(id, 150000)))
		if err != nil {
			t.Fatal(err)
		}
		body, err := m.Signed(with, gate.InGeneral)
		if err != nil {
			t.Fatal(err)
		}
		return r.post(payoutPath, body).refusal()
	}
	signs := func(id string) map[string]bool {
		by := map[string]bool{}
		for _, raw := range r.shop.all() {
			m, err := gate.Parse(raw)
			if name, _ := m.Get("payment", "id").Text(); err != nil || name != id {
				continue
			}
			for _, s := range []string{secret, next} {
				if _, err := m.Verify(s); err == nil {
					by[s] = true
				}
			}
		}
		return by
	}
	if a, b := refused("A", secret), refused("B", next); a != "" || b != "" {
		t.Errorf("during a rotation: %q, %q", a, b)
	}
	r.quiet()
	if by := signs("B"); !by[secret] || by[next] {
		t.Errorf("during a rotation callbacks are signed with %v", by)
	}
	var out struct{ Retired int }
	if status := r.control("POST", "/retire", "", &out); status != 200 || out.Retired != 1 {
		t.Errorf("%d, %d retired", status, out.Retired)
	}
	if a, b := refused("C", secret), refused("D", next); a != codeSignature || b != "" {
		t.Errorf("after a rotation: %q, %q", a, b)
	}
	r.quiet()
	if by := signs("D"); by[secret] || !by[next] {
		t.Errorf("after a rotation callbacks are signed with %v", by)
	}
}
