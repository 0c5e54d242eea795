package demo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider/ecommpay/ecommpaysim"
	"github.com/payloom/payloom/pkg/provider/simkit"
	"github.com/payloom/payloom/services/payctl/internal/api"
)

// The simulator goes by the last digits of a payout's amount: see
// ecommpaysim.BuiltIn.
const (
	payoutPaid     = 150000
	payoutDeclined = 150091
	payoutRefused  = 150093
)

func plainECommPay() []scenario {
	return []scenario{
		{"payout", payment.ECommPay, 1, paidOut},
		{"payout, declined by the wallet", payment.ECommPay, 1, payoutTo(payoutDeclined, "declined")},
		{"payout, refused after acceptance", payment.ECommPay, 1, payoutTo(payoutRefused, "failed")},
		{"payout, taken back after success", payment.ECommPay, 1, takenBack},
	}
}

func troubledECommPay() []scenario {
	return []scenario{
		{"payout, no answer", payment.ECommPay, 1, under(paidOut, atECommPay(ecommpaysim.Rule{Operation: ecommpaysim.OpPayout, Fault: simkit.FaultTimeoutAfter}))},
		{"payout, reset after effect", payment.ECommPay, 1, under(paidOut, atECommPay(ecommpaysim.Rule{Operation: ecommpaysim.OpPayout, Fault: simkit.FaultResetAfter}))},
		{"payout, callback after a forged one", payment.ECommPay, 1, under(paidOut, atECommPay(ecommpaysim.Rule{Operation: ecommpaysim.OpCallbackSuccess, Fault: simkit.FaultForged}))},
	}
}

// once lists what is run a single time.
func once() []scenario {
	return []scenario{{"batch of payouts, two bad lines", payment.ECommPay, batchLines - len(badLines()), batch}}
}

// rupees is a payout of so many minor units to somebody who does not exist.
func rupees(id string, minor int64) api.Payout {
	return api.Payout{
		PaymentID: id, Provider: string(payment.ECommPay), Amount: api.Money{Value: minor, Currency: "INR"}, Description: "demo",
		Beneficiary: api.Beneficiary{
			CustomerID: "c-1009", IPAddress: "203.0.113.7", FirstName: "Test", LastName: "Person",
			Email: "person@example.com", Address: "1 Example Street, Example Town", AccountNumber: "9100000000",
		},
	}
}

// payOut sends one payout and waits for its end.
func (r *runner) payOut(ctx context.Context, minor int64, state string) (string, error) {
	id := r.newID()
	if _, err := r.send(ctx, "/v1/payouts", rupees(id, minor)); err != nil {
		return id, err
	}
	_, err := r.reach(ctx, id, state)
	return id, err
}

func paidOut(ctx context.Context, r *runner) error {
	id, err := r.payOut(ctx, payoutPaid, "paid")
	r.expect(id, kindPayout, payoutPaid)
	return err
}

func payoutTo(minor int64, state string) func(context.Context, *runner) error {
	return func(ctx context.Context, r *runner) error {
		_, err := r.payOut(ctx, minor, state)
		return err
	}
}

func takenBack(ctx context.Context, r *runner) error {
	id, err := r.payOut(ctx, payoutPaid, "paid")
	if err != nil {
		return err
	}
	r.expect(id, kindPayout, payoutPaid)
	r.expect(id, kindReversal, payoutPaid)
	if err := r.env.ECommPay.Act(ctx, r.key(id), ecommpaysim.ActReverse); err != nil {
		return fmt.Errorf("%w: take %s back: %w", ErrWrong, id, err)
	}
	_, err = r.reach(ctx, id, "reversed")
	return err
}

const batchLines = 20

// badLines are the lines of the batch that must be refused, and the field for
// which.
func badLines() map[int]string {
	return map[int]string{7: "beneficiary.email", 13: "amount.value"}
}

// batch sends twenty payouts at once, of which two cannot be sent.
func batch(ctx context.Context, r *runner) error {
	var all []api.Payout
	for n := 1; n <= batchLines; n++ {
		p := rupees(r.name+"-x"+strconv.Itoa(n), payoutPaid)
		switch badLines()[n] {
		case "":
			p.PaymentID = r.newID()
			r.expect(p.PaymentID, kindPayout, payoutPaid)
		case "amount.value":
			p.Amount.Value = 0
		default:
			p.Beneficiary.Email = ""
		}
		all = append(all, p)
	}
	lines, repeated, err := r.sendBatch(ctx, all)
	if err != nil {
		return fmt.Errorf("%w: batch: %w", ErrWrong, err)
	}
	if err := checkLines(lines, repeated); err != nil {
		return err
	}
	for _, id := range r.ids {
		if _, err := r.reach(ctx, id, "paid"); err != nil {
			return err
		}
	}
	return nil
}

// sendBatch sends a batch and, when it breaks off, sends it again under the same key,
// as a client must: until every line has had its answer.
func (r *runner) sendBatch(ctx context.Context, all []api.Payout) (lines []api.BatchLine, repeated bool, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.patience, ErrStuck)
	defer cancel()
	for {
		lines, err = r.env.API.SendBatch(ctx, r.name, all)
		if p, refused := errors.AsType[*api.Problem](err); err == nil || refused && !p.Again() {
			return lines, repeated, err
		}
		repeated = true
		select {
		case <-ctx.Done():
			return nil, repeated, errors.Join(context.Cause(ctx), err)
		case <-time.After(reloadPause):
		}
	}
}

// checkLines checks what became of each line of the batch. Of one that was repeated
// some lines had been stored before.
func checkLines(lines []api.BatchLine, repeated bool) error {
	if len(lines) != batchLines {
		return fmt.Errorf("%w: the batch has %d results, must have %d", ErrLost, len(lines), batchLines)
	}
	for _, l := range lines {
		field := badLines()[l.Line]
		named := slices.Contains(l.Errors, api.BatchFault{Field: field})
		before := repeated && field == "" && l.Status == "replayed"
		if want := either(field == "", "accepted", "rejected"); !before && l.Status != want || field != "" && !named {
			return fmt.Errorf("%w: line %d of the batch is %s (%+v), must be %s %s", ErrWrong, l.Line, l.Status, l.Errors, want, field)
		}
	}
	return nil
}
