package webhook

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/payment"
)

var refundedByHand = payment.Break{
	ID: "4pzr6nmykvblm2alixwmpcjq4m", Kind: payment.MissingHere, Figure: payment.FigureRefunded, Status: payment.BreakOpen,
	There: 990, Ref: payID["pay_id"], Since: time.Date(2026, 3, 1, 12, 0, 5, 0, time.UTC),
}

func healed(b payment.Break) payment.Break {
	b.Status = payment.BreakHealed
	return b
}

func TestTypeOf(t *testing.T) {
	t.Parallel()
	declined := payment.OperationDeclined{Code: "21000068", Reason: payment.ReasonDeclined}
	failed := payment.OperationFailed{Code: "x", Reason: payment.ReasonUnavailable}
	tests := map[string]struct {
		story *story
		want  Type
	}{
		"authorised":                 {authorized(t), PaymentAuthorized},
		"taken at once":              {opening(t).add("open", payment.FromCallback, payment.OperationSucceeded{Amount: 12990, Captured: true}), PaymentCaptured},
		"only a mandate":             {opening(t).add("open", payment.FromCallback, payment.OperationSucceeded{}), PaymentAgreed},
		"the mandate itself":         {authorized(t).add("open", payment.FromCallback, payment.MandateIssued{Mandate: payment.Mandate{ID: "B01", Cycle: payment.Month}}), PaymentMandateIssued},
		"the buyer's details":        {opening(t).add("open", payment.FromCallback, payment.BuyerDetailsReceived{Buyer: buyer}), ""},
		"the buyer has to act":       {opening(t), ""},
		"an intent":                  {authorized(t).start("c", payment.Capture, euros(100)), ""},
		"captured in part":           {authorized(t).done("c", payment.Capture, 990), PaymentPartiallyCaptured},
		"the rest captured":          {authorized(t).done("c", payment.Capture, 990).done("d", payment.Capture, 12000), PaymentCaptured},
		"refunded in part":           {authorized(t).done("c", payment.Capture, 12990).done("r", payment.Refund, 990), PaymentPartiallyRefunded},
		"the rest refunded":          {authorized(t).done("c", payment.Capture, 990).done("r", payment.Refund, 990), PaymentRefunded},
		"given up":                   {authorized(t).start("x", payment.Cancel, payment.Money{}).add("x", payment.FromAnswer, payment.OperationSucceeded{}), PaymentCancelled},
		"another amount":             {opening(t).done("u", payment.UpdateAmount, 13490), PaymentAmountChanged},
		"no amount":                  {opening(t).start("u", payment.UpdateAmount, euros(1)).add("u", payment.FromAnswer, declined), PaymentAmountFailed},
		"declined":                   {opening(t).add("open", payment.FromCallback, declined), PaymentDeclined},
		"failed":                     {opening(t).add("open", payment.FromInquiry, failed), PaymentFailed},
		"the buyer was too late":     {opening(t).add("open", payment.FromInquiry, payment.OperationFailed{Reason: payment.ReasonExpired}), PaymentExpired},
		"rejected without a try":     {newStory(t, payment.Computop, "p").add("open", payment.FromWorker, payment.OperationRejected{Kind: payment.Authorize, Reason: payment.ReasonInvalid}), PaymentRejected},
		"a capture declined":         {authorized(t).start("c", payment.Capture, euros(1)).add("c", payment.FromAnswer, declined), PaymentCaptureFailed},
		"a capture rejected":         {authorized(t).add("c", payment.FromWorker, payment.OperationRejected{Kind: payment.Capture, Reason: payment.ReasonAmount}), PaymentCaptureFailed},
		"a refund failed":            {authorized(t).done("c", payment.Capture, 990).start("r", payment.Refund, euros(1)).add("r", payment.FromAnswer, failed), PaymentRefundFailed},
		"a cancel failed":            {authorized(t).start("x", payment.Cancel, payment.Money{}).add("x", payment.FromAnswer, failed), PaymentCancelFailed},
		"asked, and told":            {authorized(t).add("s", payment.FromInquiry, payment.Synced{Found: true}), ""},
		"the books differ":           {authorized(t).add("s", payment.FromInquiry, payment.ReconcileBreak{Break: refundedByHand}), PaymentBreak},
		"they differ no longer":      {authorized(t).add("s", payment.FromInquiry, payment.ReconcileBreak{Break: healed(refundedByHand)}), ""},
		"a payout's books differ":    {paidOut(t).add("s", payment.FromInquiry, payment.ReconcileBreak{Break: refundedByHand}), PayoutBreak},
		"asked, and not allowed":     {authorized(t).add("s", payment.FromWorker, payment.OperationRejected{Kind: payment.Sync, Reason: payment.ReasonUnsupported}), ""},
		"nobody knows":               {opening(t).add("open", payment.FromWorker, payment.OutcomeUnknown{Attempt: 1, Reason: payment.ReasonNoAnswer}), ""},
		"a person must":              {opening(t).add("open", payment.FromWorker, payment.Parked{Attempt: 1, Reason: payment.ReasonNothingToInquire}), PaymentAttention},
		"too late":                   {opening(t).add("open", payment.FromInquiry, failed).add("open", payment.FromCallback, payment.LateOutcome{Kind: payment.Authorize, Status: payment.Approved}), PaymentAttention},
		"paid out":                   {paidOut(t), PayoutPaid},
		"a payout declined":          {payout(t).add("pay", payment.FromCallback, declined), PayoutDeclined},
		"a payout failed":            {payout(t).add("pay", payment.FromCallback, failed), PayoutFailed},
		"a payout rejected":          {payout(t).add("pay", payment.FromAnswer, payment.OperationRejected{Kind: payment.Payout, Reason: payment.ReasonInvalid}), PayoutRejected},
		"a payout taken back":        {paidOut(t).add("pay", payment.FromCallback, payment.OperationReversed{Ref: "4500001", Reason: payment.ReasonReversed}), PayoutReversed},
		"a payout parked":            {payout(t).add("pay", payment.FromWorker, payment.Parked{Attempt: 1}), PayoutAttention},
		"an outcome that came twice": {authorized(t).add("open", payment.FromCallback, declined), ""},
	}
	seen := map[Type]bool{}
	for name, tt := range tests {
		seen[tt.want] = true
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := tt.story.last()
			got, ok := TypeOf(r.Event, r.After)
			if ok != (tt.want != "") || ok && got != tt.want {
				t.Errorf("%q, %v; want %q", got, ok, tt.want)
			}
			if ok && !got.Known() {
				t.Errorf("%q is not listed", got)
			}
		})
	}
	for _, typ := range Types() {
		if !seen[typ] {
			t.Errorf("nothing is told as %s", typ)
		}
	}
}

func TestFilter(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		filter Filter
		want   func(Type) bool
	}{
		"none takes all":     {nil, func(Type) bool { return true }},
		"one type":           {Filter{"payout.paid"}, func(t Type) bool { return t == PayoutPaid }},
		"a group":            {Filter{"payout.*"}, func(t Type) bool { return strings.HasPrefix(string(t), "payout.") }},
		"a group and a type": {Filter{"payment.*", "payout.paid"}, func(t Type) bool { return t == PayoutPaid || strings.HasPrefix(string(t), "payment.") }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, typ := range Types() {
				if got := tt.filter.Allows(typ); got != tt.want(typ) {
					t.Errorf("%s: %v", typ, got)
				}
			}
		})
	}
	for _, p := range []string{"", "*", ".*", "payment", "payment.", "pay*", "payment.captured.*", "payment.paid"} {
		if ValidPattern(p) {
			t.Errorf("%q chooses something", p)
		}
	}
	if d := slices.Compact(slices.Sorted(slices.Values(Types()))); len(d) != len(Types()) {
		t.Error("a type is listed twice")
	}
}
