package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/payment"
)

func (a *app) commandCommand() *cobra.Command {
	var merchant, reqID string
	get := &cobra.Command{
		Use:   "get [COMMAND_ID]",
		Short: "What was asked, and what became of it",
		Example: `  payctl command get 3n5xw2k4q6q7v5b2a3c4d5e6f7
  payctl command get --req-id 6a1f0c9e-4711`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if (len(args) == 1) == (reqID != "") {
				return misuse("name the command by its id, or by --req-id")
			}
			id := payment.DeriveCommandID(payment.Merchant(merchant), payment.ReqID(reqID))
			if len(args) == 1 {
				id = payment.CommandID(args[0])
			}
			if err := errors.Join(payment.Merchant(merchant).Validate(), id.Validate()); err != nil {
				return misuse("%v", err)
			}
			return a.brief(cmd.Context(), func(ctx context.Context) error {
				return a.command(ctx, payment.Merchant(merchant), id)
			})
		},
	}
	merchantFlag(get, &merchant)
	get.Flags().StringVar(&reqID, "req-id", "", "the caller's idempotency key instead of the command's id")
	return group("command", "Look at commands", get)
}

// commandView is a command without personal data, and its fate.
type commandView struct {
	ID        payment.CommandID `json:"command_id"`
	Merchant  payment.Merchant  `json:"merchant"`
	Payment   payment.ID        `json:"payment_id"`
	Provider  payment.Provider  `json:"provider"`
	Kind      payment.Kind      `json:"kind"`
	Amount    int64             `json:"amount,omitempty"`
	Currency  payment.Currency  `json:"currency,omitempty"`
	Reference string            `json:"reference,omitempty"`
	Accepted  string            `json:"accepted_at"`
	Status    string            `json:"status"`
	Reason    payment.Reason    `json:"reason,omitempty"`
	Code      string            `json:"code,omitempty"`
	Attempts  int               `json:"attempts"`
}

func (a *app) command(ctx context.Context, m payment.Merchant, id payment.CommandID) error {
	b, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	c, err := b.Command(ctx, m, id)
	if errors.Is(err, bus.ErrNotFound) {
		return fmt.Errorf("merchant %s has no command %s (see --merchant; commands are kept 40 days)", m, id)
	}
	if err != nil {
		return err
	}
	head, err := b.Load(ctx, m, c.Payment)
	if err != nil {
		return err
	}
	v := commandView{
		ID: c.ID, Merchant: c.Merchant, Payment: c.Payment, Provider: c.Provider, Kind: c.Kind,
		Amount: c.Amount.Minor, Currency: c.Amount.Currency, Reference: c.Reference, Accepted: c.At.Format(timeLayout),
	}
	v.fate(head.Payment)
	if a.asJSON {
		return a.console.Object(v)
	}
	for _, line := range [][2]string{
		{"command", string(v.ID)}, {"payment", string(v.Payment)}, {"provider", string(v.Provider)}, {"kind", string(v.Kind)},
		{"amount", amountOf(c.Amount)}, {"accepted", v.Accepted}, {"status", v.Status}, {"reason", string(v.Reason)},
		{"code", v.Code}, {"attempts", fmt.Sprint(v.Attempts)},
	} {
		if line[1] != "" {
			a.console.Printf("%-10s %s\n", line[0], line[1])
		}
	}
	return nil
}

// statusAccepted is the status of a command that nobody has begun.
const statusAccepted = "accepted"

const timeLayout = "2006-01-02T15:04:05.000Z07:00"

// fate fills in what became of the command.
func (v *commandView) fate(p payment.Payment) {
	v.Status = statusAccepted
	if op, ok := p.Operation(v.ID); ok {
		v.Status, v.Reason, v.Code, v.Attempts = string(op.Status), op.Reason, op.Code, op.Attempt.Number
		return
	}
	for _, id := range p.Rejected {
		if id == v.ID {
			v.Status = string(payment.OpRejected)
		}
	}
	switch {
	case p.Synced == v.ID:
		v.Status = string(payment.OpSucceeded)
	case p.Answered(v.ID):
		v.Status = "answered" // which way, its event tells
	}
}
