package ecommpay

import (
	"regexp"
	"strings"

	"github.com/payloom/payloom/pkg/payment"
)

// class is what a code means for the payout it is about. It never says whether a
// payout is over: payment.status does. The zero value is the dangerous one.
type class int

const (
	query     class = iota // nobody can tell from the code: inquire
	fine                   // success
	wait                   // being worked on
	transient              // not now, or not in time, which does not tell whether it began
	limit                  // a limit of amount or number is reached
	invalid                // what was asked for is wrong
	misset                 // our settings or balance at the provider: a person must act
	refused                // risk, compliance, or the recipient: no
	manual                 // a person must find out whether money moved
)

type verdict struct {
	class  class
	reason payment.Reason
}

var unclear = verdict{query, payment.ReasonUnclear}

// Codes that are told apart by more than their class.
const (
	codeSuccess   = "0"
	codeDuplicate = "3041" // the payment_id is used already
	codeNotFound  = "3061" // no such payment
)

var codePattern = regexp.MustCompile(`^[0-9]{1,6}$`)

// judge says what a code means. Codes that are not listed are unclear.
func judge(code string) verdict {
	if v, ok := codes[code]; ok {
		return v
	}
	switch {
	case len(code) == 4 && strings.HasPrefix(code, "14"): // 1401 to 1499, risk management
		return verdict{refused, payment.ReasonDeclined}
	case len(code) == 5 && strings.HasPrefix(code, "10"):
		// What cards are refused with has a twin for the other methods.
		if v, ok := codes["20"+code[2:]]; ok {
			return v
		}
	}
	return unclear
}

// codes are the platform's response codes as far as they may concern a payout
// (ECommPay documentation, Unified codes).
var codes = table(map[verdict][]string{
	{fine, ""}: {codeSuccess},
	{wait, ""}: {"9999", "19999", "29999", "20802", "20899"},
	{transient, payment.ReasonUnavailable}: {
		"301", "314", "601", "602", "2147", "20601", "20602", "20603", "20202", "20206", "20450",
	},
	{limit, payment.ReasonAmount}: {
		"3106", "3108", "3109", "3110", "3111", "3112", "3297", "3298", "20101",
		"3317", "3318", "3319", "3320", "3321", "3322", "3335", "3336", "3337", "3338", "3339", "3340", "3450",
	},
	{invalid, payment.ReasonAmount}: {"309", "2642", "3104", "3358"},
	{invalid, payment.ReasonInvalid}: {
		"319", "502", "702", "2003", "2004", "2124", "2154", "2261", "2426", "2610", "2611", "3024", "3242", "3243",
		"20451", "20502", "20701", "20702",
	},
	{invalid, payment.ReasonUnsupported}: {"3023", "3119", "3121"},
	{misset, payment.ReasonConfiguration}: {
		"100", "303", "310", "504", "603", "2442", "2541", "2606", "2701", "3026", "3028", "3261", "3262", "3291", "3293", "3299",
		"20501", "20503", "20504", "20604", "20703", "20705", "20706",
		"30000", "30100", "30301", "30302", "30303",
	},
	{refused, payment.ReasonDeclined}: {
		"20000", "20100", // without a reason
		"402", "3199", "20401", "20402", "20102", "20105", "20106", "20107", "20201", "20203", "20204", "20205", "20301", "20303",
	},
	{query, payment.ReasonUnclear}: {
		"501", "1409", "1434", codeDuplicate, "3060", codeNotFound, "3062", "3081", "3613",
	},
	{manual, payment.ReasonUnclear}: {
		"20801", // the provider approved it and did not execute it
		"20812", // the provider did not confirm that it was credited
	},
})

func table(byVerdict map[verdict][]string) map[string]verdict {
	t := map[string]verdict{}
	for v, list := range byVerdict {
		for _, code := range list {
			t[code] = v
		}
	}
	return t
}

// state is what a report says about the payout as a whole. The zero value leaves
// it open.
type state int

const (
	pending   state = iota
	succeeded       // paid out
	declined        // will not be paid out
	failed          // was never registered
	reversed        // was paid out and taken back
	silent          // says nothing about the payout
	doubtful        // a person must find out
)

// status spells a status as the documentation does.
func status(text string) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimSpace(text)), "_", " ")
}

// judge says where the payout stands. payment.status decides; a success counts
// only when the payout's last operation says so as well. Statuses that are not
// listed here, such as processing, awaiting retry, internal error or one that
// nobody has seen yet, are not the end.
func (r report) judge() (state, string) {
	switch status(r.status) {
	case "success":
		return r.judgeSuccess()
	case "decline":
		return r.judgeDecline()
	case "error":
		return r.judgeError()
	case "reversed":
		return reversed, r.code()
	case "partially paid out", "partially reversed":
		return doubtful, r.code()
	}
	return pending, r.code()
}

func (r report) judgeSuccess() (state, string) {
	if op, ok := r.last(operation.reversal); ok && status(op.status) == "success" {
		return reversed, op.code
	}
	op, ok := r.last(operation.payout)
	switch {
	case !ok || status(op.status) != "success" || op.code != codeSuccess:
		return pending, op.code // they contradict each other, or it is not told
	case r.sum == nil || checkAmount(r.sum.money()) != nil:
		return doubtful, op.code
	}
	return succeeded, op.code
}

func (r report) judgeDecline() (state, string) {
	code := r.code()
	op, ok := r.last(operation.payout)
	switch {
	case ok && status(op.status) == "success":
		return pending, code
	case judge(code).class == manual:
		return doubtful, code
	}
	return declined, code
}

// judgeError is for requests that were not carried out. One that was not because
// there is such a payment already says nothing about that payment.
func (r report) judgeError() (state, string) {
	code := r.fault
	switch code {
	case codeDuplicate, codeNotFound:
		return silent, code
	case "":
		return pending, ""
	}
	if _, registered := r.last(operation.payout); registered {
		return pending, code
	}
	return failed, code
}
