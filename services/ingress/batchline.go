package main

import (
	"context"

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
	if p.Readable {
		b.place(ctx, book, p)
	}
	if len(p.Faults.List) > 0 {
		b.count(p.Command, false, invalid(*p.Faults))
		return p.Result(payouts.Rejected), ""
	}
	within, cancel := context.WithTimeout(ctx, b.api.timeout)
	defer cancel()
	stored, replayed, refused := b.api.accept(within, p.Command)
	b.count(p.Command, replayed, refused)
	p.Command = stored
	switch {
	case refused == nil && replayed:
		return p.Result(payouts.Replayed), ""
	case refused == nil:
		return p.Result(payouts.Accepted), ""
	case refused.result == resultReused:
		return reusedLine(p), ""
	case refused.result == resultUnavailable:
		return p.Result(payouts.Unavailable), payouts.ReasonUnavailable
	}
	b.api.rt.Log.Error("batch", service.CommandID(string(stored.ID)), zap.Error(refused.cause))
	return p.Result(payouts.Unavailable), payouts.ReasonFailed
}

// place finds the account that the line's payout is for, and checks what its provider
// would refuse.
func (b *batch) place(ctx context.Context, book *account.Book, p *payouts.Payout) {
	if p.Project != "" && !p.Faults.Has("account") {
		b.placeProject(book, p)
	}
	c := call{api: b.api, book: book, route: route{kind: payment.Payout}, merchant: b.access.Merchant}
	// What opens a payment is refused by its fields or not at all.
	_ = c.check(ctx, p.Request)
}

// placeProject chooses the account that has the project's number.
func (b *batch) placeProject(book *account.Book, p *payouts.Payout) {
	for a := range book.Accounts() {
		if a.Merchant == b.access.Merchant && a.Setting("project_id") == p.Project {
			p.Named, p.Unnamed, p.Command.Account = a.Provider, false, a.Name
			return
		}
	}
	p.Faults.Add("account", "unknown_value", "the merchant has no account with this project")
}

func reusedLine(p *payouts.Payout) payouts.Result {
	r := p.Result(payouts.Unavailable)
	r.Status, r.CommandID = payouts.Rejected, ""
	r.Errors = []service.FieldError{{
		Field: "req_id", Code: "idempotency_key_reused", Detail: "another payout was accepted under this key before",
	}}
	return r
}

func (b *batch) count(c payment.Command, replayed bool, refused *refusal) {
	b.api.metrics.count(payment.Payout, answer{command: c, replayed: replayed, refusal: refused})
}
