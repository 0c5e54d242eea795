package main

import (
	"context"
	"strings"

	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/service"
	"github.com/payloom/payloom/services/internal/payouts"
)

// take carries one line to the broker and returns its result, and why the batch
// cannot go on after it, if that is so.
func (b *batch) take(ctx context.Context, book *account.Book, line payouts.Line, t turn) (payouts.Result, payouts.Reason) {
	p := b.read.Read(line)
	defer t.await(p.Command.ReqID)()
	within, cancel := context.WithTimeout(ctx, b.api.timeout)
	defer cancel()
	var said payment.Command
	if p.Readable {
		said = b.place(within, book, p)
	}
	ans := answer{command: p.Command}
	ans.refusal = checkRights(b.caller, account.ScopePayout, p.Command)
	if len(p.Faults.List) > 0 {
		ans.refusal = invalid(*p.Faults)
	}
	ans.settle(within, b.api, said)
	b.api.metrics.count(payment.Payout, ans)
	return b.resultOf(p, ans)
}

// resultOf returns what ans is in a batch's answer.
func (b *batch) resultOf(p *payouts.Payout, ans answer) (payouts.Result, payouts.Reason) {
	if ans.refusal == nil || ans.refusal.result != resultInvalid && ans.refusal.result != resultAbove {
		p.Command = ans.command
	}
	switch ans.result() {
	case resultReplayed:
		return p.Result(payouts.Replayed), ""
	case resultAccepted:
		return p.Result(payouts.Accepted), ""
	case resultInvalid:
		return p.Result(payouts.Rejected), ""
	case resultReused:
		return reusedLine(p), ""
	case resultAbove:
		return aboveLine(p, ans.refusal), ""
	case resultUnavailable:
		return p.Result(payouts.Unavailable), payouts.ReasonUnavailable
	}
	b.api.rt.Log.Error("batch", service.CommandID(string(ans.command.ID)), zap.Error(ans.refusal.cause))
	return p.Result(payouts.Unavailable), payouts.ReasonFailed
}

// place finds the account that the line's payout is for, and checks what its provider
// would refuse. It returns what the line says by itself. A project that is no
// account's any more says nothing.
func (b *batch) place(ctx context.Context, book *account.Book, p *payouts.Payout) (said payment.Command) {
	if p.Project != "" && !p.Faults.Has("account") {
		b.placeProject(book, p)
	}
	said = spoken(p.Request)
	c := call{api: b.api, book: book, route: route{kind: payment.Payout}, caller: b.caller}
	// What opens a payment is refused by its fields or not at all.
	_ = c.check(ctx, p.Request)
	return said
}

// placeProject chooses the account that has the project's number.
func (b *batch) placeProject(book *account.Book, p *payouts.Payout) {
	for a := range book.Accounts() {
		if a.Merchant == b.caller.Merchant && a.Setting("project_id") == p.Project {
			p.Named, p.Unnamed, p.Command.Account = a.Provider, false, a.Name
			return
		}
	}
	p.Faults.Add("account", "unknown_value", "the merchant has no account with this project")
}

// aboveLine returns the result of a line whose amount the key may not ask for.
func aboveLine(p *payouts.Payout, f *refusal) payouts.Result {
	p.Faults.Add("amount", strings.TrimPrefix(f.Type, typeOf("")), "%s", f.Detail)
	return p.Result(payouts.Rejected)
}

func reusedLine(p *payouts.Payout) payouts.Result {
	r := p.Result(payouts.Unavailable)
	r.Status, r.CommandID = payouts.Rejected, ""
	r.Errors = []service.FieldError{{
		Field: "req_id", Code: "idempotency_key_reused", Detail: "another payout was accepted under this key before",
	}}
	return r
}
