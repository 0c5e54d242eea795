package computop

import (
	"fmt"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
)

// good returns the result of an answer that is a success.
func good(answer reply) payment.Result {
	return payment.Result{
		Status: payment.Approved, Ref: answer.get("XID"), Refs: answer.refs(),
		Code: string(answer.code()), Totals: answer.totals(),
	}
}

// conclude returns what an answer that is no success says about the operation.
func conclude(call provider.Call, answer reply, v verdict) (payment.Result, error) {
	if answer.open && onlyRefusal(v) == (verdict{}) {
		v = doubt
	}
	r := payment.Result{Reason: v.reason, Code: string(answer.code())}
	switch again(call, r.Code, v).class {
	case declined:
		r.Status, r.Ref = payment.Declined, answer.get("XID")
	case failed:
		r.Status, r.Ref = payment.Failed, answer.get("XID")
	case pending, buyer:
		r.Status, r.Reason = payment.Pending, ""
		r.Ref, r.Refs = answer.get("XID"), answer.refs()
	case rejected:
		return payment.Result{}, refusal(provider.Rejected, answer, v)
	case refused:
		return payment.Result{}, refusal(provider.NotSent, answer, v)
	case misconfigured:
		e := refusal(provider.NotSent, answer, v)
		e.Err = fmt.Errorf("%w: %w", provider.ErrConfiguration, e.Err)
		return payment.Result{}, e
	case unclear, success, active, unlisted:
		return payment.Result{}, refusal(provider.Unknown, answer, doubt)
	}
	return r, nil
}

// refusal returns the error for an answer. Its texts are Paygate's for people,
// and may quote what was sent: only the code goes into the error.
func refusal(f provider.Failure, answer reply, v verdict) *provider.Error {
	return &provider.Error{
		Failure: f, Reason: v.reason, Code: string(answer.code()), Answered: true,
		Err: fmt.Errorf("answered with status %s", printableStatus(answer.status())),
	}
}

// printableStatus returns a status that is one, and nothing of what is not.
func printableStatus(s string) string {
	if classNames.MatchString(s) && len(s) > 0 && len(s) <= 50 {
		return s
	}
	return "that cannot be read"
}

// maxLooks is how many attempts are inquired about because an earlier one might
// have caused the refusal.
const maxLooks = 3

// again reads the verdict on code in the light of the attempts before.
func again(call provider.Call, code string, v verdict) verdict {
	a := call.Operation.Attempt
	// Of attempts that Paygate refused in words nothing is left.
	haunted := a.Number-1 > call.Operation.Refused && a.Number <= maxLooks
	switch {
	case v.class == unlisted && a.Number > 1 && call.Operation.Code == code:
		return verdict{failed, v.reason} // inquired about once: its code is the operation's last
	case v.class == active && !haunted:
		return verdict{refused, v.reason}
	case v.class == rejected && haunted && (v.reason == payment.ReasonState || v.reason == payment.ReasonAmount):
		return doubt
	}
	return v
}
