package computopsim

import "testing"

// TestBackOffice_Walk has a clerk do over HTTP what can be done, and what cannot.
func TestBackOffice_Walk(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.opened("T-1")
	r.control("POST", "/payments/T-1/approve?merchant="+shopMID, "", nil)
	r.quiet()
	var p Payment
	for _, step := range []struct {
		act                  string
		status               int
		auth, captured, back int64
	}{
		{"back-refund", 409, 0, 0, 0},
		{"back-capture?amount=4000", 200, 10000, 4000, 0},
		{"back-refund?amount=4001", 409, 0, 0, 0},
		{"back-refund?amount=1500", 200, 10000, 4000, 1500},
		{"back-refund", 200, 10000, 4000, 4000},
		{"back-reverse", 200, 10000, 4000, 1500},
		{"back-refund?amount=x", 400, 0, 0, 0},
		{"back-forget", 200, 10000, 4000, 1500},
		{"back-refund", 404, 0, 0, 0},
	} {
		p = Payment{}
		if status := r.control("POST", "/payments/T-1/"+step.act, "", &p); status != step.status ||
			status == 200 && (p.AmountAuth != step.auth || p.AmountCap != step.captured || p.AmountCred != step.back) {
			t.Errorf("%s: %d, %d/%d/%d", step.act, status, p.AmountAuth, p.AmountCap, p.AmountCred)
		}
	}
}
