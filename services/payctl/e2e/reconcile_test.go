package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/testkit"
	"github.com/payloom/payloom/services/internal/reconcile"
	"github.com/payloom/payloom/services/internal/statement"
	"github.com/payloom/payloom/services/payctl/internal/api"
	"github.com/payloom/payloom/services/payctl/internal/stack"
)

// clerk does something in a provider's back office.
func (x *abroad) clerk(provider, id, what string) {
	x.Helper()
	url := fmt.Sprintf("%s/control/%s/payments/%s/%s", x.stack.URLs().Simulator, provider, id, what)
	r, err := http.NewRequestWithContext(x.Context(), http.MethodPost, url, nil)
	if err != nil {
		x.Fatal(err)
	}
	res, err := new(http.Client).Do(r)
	if err != nil {
		x.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		x.Fatalf("%s: status %d", url, res.StatusCode)
	}
}

// reconciled has everything compared, and returns the report once no payment waits
// and so many breaks are open.
func (x *abroad) reconciled(open int) reconcile.Report {
	x.Helper()
	payctl(x.T, x.stack, 0, "reconcile", "run", "--everything", "--wait", "--reason", "test", "--actor", "alex")
	var r reconcile.Report
	testkit.Eventually(x.T, 30*time.Second, func() error {
		// Its exit code says whether there are open breaks.
		cmd := exec.CommandContext(x.Context(), filepath.Join(binaries(x.T), "payctl"), "--dir", x.stack.Dir(), "reconcile", "report", "--json")
		out, runErr := cmd.Output()
		if err := json.Unmarshal(out, &r); err != nil {
			return err
		}
		if (runErr != nil) != (len(r.Breaks) > 0) {
			x.Fatalf("%d open breaks, and it ends with %v", len(r.Breaks), runErr)
		}
		for _, l := range r.Lines {
			if l.Waiting > 0 || l.Unreachable > 0 {
				return fmt.Errorf("not compared yet: %+v", r.Lines)
			}
		}
		if len(r.Breaks) != open {
			return fmt.Errorf("%d open breaks, want %d: %+v", len(r.Breaks), open, r.Breaks)
		}
		return nil
	})
	return r
}

// TestReconcile_ByHandAtEveryProvider has clerks act at all three providers: each
// difference is found once, told once, and ends when it is gone or accepted.
func TestReconcile_ByHandAtEveryProvider(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{Dir: t.TempDir(), Env: map[string]string{"RECONCILE_AFTER": "0s", "RECONCILE_LOOK": "200ms"}})
	x := newAbroad(t, s)
	x.mustOpen("co-1", "manual", "authorized", nil)
	x.mustSend("/v1/payments/co-1/captures", api.FollowUp{Amount: amount(5000)})
	x.mustReach("co-1", "captured")
	x.authorized("ax-1")
	x.mustSend("/v1/payouts", api.Payout{
		PaymentID: "out-1", Provider: "ecommpay", Amount: api.Money{Value: 150000, Currency: "INR"}, Description: "test",
		Beneficiary: api.Beneficiary{
			CustomerID: "c-1", IPAddress: "203.0.113.7", FirstName: "Test", LastName: "Person",
			Email: "person@example.com", Address: "1 Example Street, Example Town", AccountNumber: "9100000000",
		},
	})
	x.mustReach("out-1", "paid")
	if r := x.reconciled(0); len(r.Lines) != 3 {
		t.Fatalf("lines of three accounts: %+v", r.Lines)
	}
	x.clerk("computop", "co-1", "back-refund?amount=1500")
	x.clerk("axerve", "ax-1", "back-settle")
	x.clerk("ecommpay", "out-1", "take-back")
	for range 2 { // the second run finds the same again, and tells nothing
		found := map[payment.ID]reconcile.Break{}
		for _, b := range x.reconciled(3).Breaks {
			found[b.Payment] = b
		}
		for id, want := range map[payment.ID]payment.BreakKind{"co-1": payment.MissingHere, "ax-1": payment.MissingHere, "out-1": payment.StateDiffers} {
			if b := found[id]; len(found) != 3 || b.Kind != want {
				t.Errorf("%s: %+v, want %s", id, b, want)
			}
		}
	}
	x.clerk("computop", "co-1", "back-reverse")
	for _, b := range x.reconciled(2).Breaks {
		payctl(t, s, 0, "reconcile", "close", b.ID, "--reason", "known to us", "--actor", "alex")
	}
	x.reconciled(0)
	for id, state := range map[string]string{"co-1": "captured", "ax-1": "authorized", "out-1": "paid"} {
		x.mustReach(id, state) // nothing was corrected
	}
	for _, id := range []string{"co-1", "ax-1", "out-1"} {
		events, _ := payctl(t, s, 0, "events", "--payment", id)
		if n := strings.Count(events, `"reconcile_break":`); n != 2 {
			t.Errorf("%d events of the one break of %s, want found and ended:\n%s", n, id, events)
		}
	}
}

// statement compares ECommPay's listing with the ledgers, and wants so many findings.
func (x *abroad) statement(findings int) map[string]statement.Finding {
	x.Helper()
	code := 0
	if findings > 0 {
		code = 1
	}
	out, _ := payctl(x.T, x.stack, code, "reconcile", "statement", "--provider", "ecommpay", "--settle", "1ms", "--json")
	var s statement.Report
	if err := json.Unmarshal([]byte(out), &s); err != nil || len(s.Findings) != findings || len(s.Places) != 1 || !s.Places[0].Listed {
		x.Fatalf("%v: want %d findings: %s", err, findings, out)
	}
	found := map[string]statement.Finding{}
	for _, f := range s.Findings {
		found[f.Key] = f
	}
	return found
}

// TestStatement_FindsWhatNobodyAskedFor has somebody pay out in the Dashboard, and the
// platform lose a payout of ours.
func TestStatement_FindsWhatNobodyAskedFor(t *testing.T) {
	t.Parallel()
	x := newAbroad(t, start(t, stack.Options{Dir: t.TempDir()}))
	for _, id := range []string{"out-1", "out-2"} {
		x.mustSend("/v1/payouts", api.Payout{
			PaymentID: id, Provider: "ecommpay", Amount: api.Money{Value: 150000, Currency: "INR"}, Description: "test",
			Beneficiary: api.Beneficiary{
				CustomerID: "c-1", IPAddress: "203.0.113.7", FirstName: "Test", LastName: "Person",
				Email: "person@example.com", Address: "1 Example Street, Example Town", AccountNumber: "9100000000",
			},
		})
		x.mustReach(id, "paid")
	}
	x.statement(0)
	x.clerk("ecommpay", "by-hand-1", "pay-by-hand?project=818&amount=77700")
	f := x.statement(1)["by-hand-1"]
	if f.Kind != statement.MissingHere || f.Theirs != "paid" || f.Amount != 77700 || f.Currency != "INR" {
		t.Errorf("by hand: %+v", f)
	}
	x.clerk("ecommpay", "out-2", "forget")
	if f := x.statement(2)["out-2"]; f.Kind != statement.MissingThere || f.Ours != "paid" || f.Amount != 150000 {
		t.Errorf("lost: %+v", f)
	}
	x.mustReach("out-2", "paid") // nothing was corrected
}
