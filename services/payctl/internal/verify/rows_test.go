package verify

import (
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/projection"
	"github.com/payloom/payloom/pkg/testkit"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

// TestRun_Rows projects a payment and spoils one row.
func TestRun_Rows(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		spoil string
		want  []string
	}{
		"nothing":                         {"", nil},
		"a sum":                           {"UPDATE payments SET captured = 999", []string{"I5 wrong"}},
		"a state":                         {"UPDATE payments SET state = 'refunded'", []string{"I5 wrong"}},
		"a payment is missing":            {"DELETE FROM payments", []string{"I5 lost"}},
		"an operation":                    {"UPDATE operations SET status = 'failed' WHERE kind = 'capture'", []string{"I5 wrong"}},
		"an operation is missing":         {"DELETE FROM operations WHERE kind = 'capture'", []string{"I5 lost"}},
		"a command is missing":            {"DELETE FROM commands WHERE req_id LIKE 'capture%'", []string{"I5 lost"}},
		"a command of another payment":    {"UPDATE commands SET payment_id = 'other' WHERE req_id LIKE 'capture%'", []string{"I5 wrong"}},
		"a canary":                        {"UPDATE payments SET frozen = 'for Wilhelmina Canary'", []string{"I13 wrong"}},
		"a canary in bytes":               {"UPDATE events SET body = 'Wilhelmina Canary'::bytea WHERE version = 1", []string{"I13 wrong"}},
		"a card number":                   {"UPDATE payments SET frozen = 'card 4111 1111 1111 1111'", []string{"I13 wrong"}},
		"an event is missing":             {"DELETE FROM events WHERE version = 2", []string{"I5 lost"}},
		"a mandate is missing":            {"DELETE FROM mandates", []string{"I5 lost"}},
		"a mandate that nobody gave":      {"UPDATE mandates SET payment_id = ''", []string{"I5 wrong"}},
		"a mandate of another payment":    {"UPDATE mandates SET payment_id = 'other'", []string{"I5 wrong"}},
		"a mandate that is too young":     {"UPDATE mandates SET at = at + interval '1 second'", []string{"I5 wrong"}},
		"a mandate given before":          {"UPDATE mandates SET at = at - interval '1 day', payment_id = 'expired'", nil},
		"a checkpoint of another message": {`UPDATE checkpoints SET digest = '\x00' WHERE stream = 'EVENTS_0'`, []string{"I14 wrong"}},
		"a checkpoint after the end":      {"UPDATE checkpoints SET seq = 77 WHERE stream = 'EVENTS_0'", []string{"I14 lost"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.event(order, w.captured(order, 1000), payment.MandateIssued{Mandate: payment.Mandate{ID: "m", Cycle: payment.Month}})
			dsn := testkit.Postgres(t)
			db, err := projection.Open(t.Context(), dsn, "verify-test")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(db.Close)
			until := map[string]uint64{bus.CallbackStream: 0, bus.DeadStream: 0} // nothing came there
			for stream, all := range w.streams {
				until[stream] = uint64(len(all))
			}
			if err := projection.New(w, db, projection.Options{Until: until}).Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := db.Exec(t.Context(), tt.spoil); tt.spoil != "" && err != nil {
				t.Fatal(err)
			}
			r := w.mustRun(Inputs{Database: db, Canaries: []Canary{{"the name", "Wilhelmina Canary"}}, Patience: time.Second})
			if diff := cmp.Diff(tt.want, broken(r)); diff != "" {
				t.Errorf("-want +got:\n%s\n%+v", diff, r.Violations())
			}
		})
	}
}
