package projection

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestProjector_RowsAreWhatTheStreamsAddUpTo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	for i := range 4 {
		w.settle(t, fmt.Sprintf("p%d", i))
	}
	w.callback(t, "cb1")
	p, _ := w.project(t, w.bus, Options{})
	w.caughtUp(t, p)

	type row struct {
		State, Currency                                              string
		Settled, Attention                                           bool
		Version, Amount, Authorized, Captured, Refunded, Capt, Refnd int
		Buyer, Refs                                                  string
	}
	var got row
	err := w.pool.QueryRow(t.Context(), `SELECT state, currency, settled, attention, version, amount, authorized, captured, refunded,
		capturable, refundable, buyer->>'email', refs->>'pay_id' FROM payments WHERE payment_id = 'p2'`).
		Scan(&got.State, &got.Currency, &got.Settled, &got.Attention, &got.Version, &got.Amount, &got.Authorized, &got.Captured,
			&got.Refunded, &got.Capt, &got.Refnd, &got.Buyer, &got.Refs)
	if err != nil {
		t.Fatalf("payment: %v", err)
	}
	want := row{
		State: "partially_refunded", Currency: "EUR", Settled: true, Version: 11, Amount: 1000, Authorized: 1000,
		Captured: 600, Refunded: 200, Refnd: 400, Buyer: "buyer@example.org", Refs: "pay-p2",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("payment (-want +got):\n%s", diff)
	}
	for what, want := range map[string]int{
		"SELECT count(*) FROM payments":                                 4,
		"SELECT count(*) FROM events":                                   44,
		"SELECT count(*) FROM commands":                                 20,
		"SELECT count(*) FROM operations WHERE accepted_at IS NOT NULL": 20,
		"SELECT count(*) FROM operations WHERE status = 'succeeded'":    16,
		"SELECT count(*) FROM operations WHERE status = 'rejected' AND kind = 'cancel' AND reason = 'not_allowed_in_this_state'": 4,
		"SELECT count(*) FROM refs WHERE value = 'cap-p1' AND payment_id = 'p1'":                                                 1,
		"SELECT count(*) FROM callbacks WHERE payment_id = 'p1' AND bytes = 11":                                                  1,
		"SELECT count(*) FROM events_rest":                                                                                       0,
		"SELECT count(*) FROM commands_rest":                                                                                     0,
	} {
		if got := w.count(t, what); got != want {
			t.Errorf("%s: %d, want %d", what, got, want)
		}
	}
}
