package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/wire"
	"github.com/payloom/payloom/services/payctl/internal/console"
)

func (a *app) auditCommand() *cobra.Command {
	return group("audit", "What operators did, and whether the record of it is whole", a.auditList(), a.auditVerify())
}

// auditFilter are the flags of audit list.
type auditFilter struct {
	since   time.Duration
	actor   string
	action  string
	payment string
}

func (f auditFilter) wants(l auditLine, now time.Time) bool {
	return (f.since == 0 || !l.At.Before(now.Add(-f.since))) && (f.actor == "" || l.Actor == f.actor) &&
		(f.action == "" || l.Action == f.action || strings.HasPrefix(l.Action, f.action+".")) &&
		(f.payment == "" || string(l.Payment) == f.payment)
}

func (a *app) auditList() *cobra.Command {
	var f auditFilter
	cmd := &cobra.Command{
		Use:   "list",
		Short: "One line for each action: who did what, to what, why, and what came of it",
		Long: `List shows one line for each action, oldest first. An action whose result says "unknown" was
begun, and nobody recorded how it ended: look at what it was about.`,
		Example: `  payctl audit list --since 24h
  payctl audit list --action dead --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.since < 0 {
				return misuse("--since: name how far to look back, such as 6h")
			}
			return a.brief(cmd.Context(), func(ctx context.Context) error { return a.listAudit(ctx, f) })
		},
	}
	cmd.Flags().DurationVar(&f.since, "since", 0, "how far to look back; 0: to the beginning")
	cmd.Flags().StringVar(&f.actor, "actor", "", "only what this operator did")
	cmd.Flags().StringVar(&f.action, "action", "", "only this action, such as dead.replay, or all that begin with it, such as dead")
	cmd.Flags().StringVar(&f.payment, "payment", "", "only what was done to this payment")
	return cmd
}

// auditLine is an action with its result.
type auditLine struct {
	At       time.Time         `json:"at"`
	ID       string            `json:"id"`
	Service  string            `json:"service"`
	Actor    string            `json:"actor"`
	Action   string            `json:"action"`
	Result   string            `json:"result"` // done, failed, or unknown
	Merchant payment.Merchant  `json:"merchant,omitempty"`
	Payment  payment.ID        `json:"payment_id,omitempty"`
	Command  payment.CommandID `json:"command_id,omitempty"`
	Provider payment.Provider  `json:"provider,omitempty"`
	Stream   string            `json:"stream,omitempty"`
	Sequence uint64            `json:"sequence,omitempty"`
	Object   string            `json:"object,omitempty"`
	Old      string            `json:"old,omitempty"`
	New      string            `json:"new,omitempty"`
	Reason   string            `json:"reason,omitempty"`
	Evidence string            `json:"evidence,omitempty"`
	Detail   string            `json:"detail,omitempty"`
}

// unknownResult stands where an intent has no result.
const unknownResult = "unknown"

func lineOf(r wire.AuditRecord, at time.Time) auditLine {
	return auditLine{
		At: at, ID: r.ID, Service: r.Service, Actor: r.Actor, Action: r.Action, Result: unknownResult, Merchant: r.Merchant,
		Payment: r.Payment, Command: r.Command, Provider: r.Provider, Stream: r.Stream, Sequence: r.Sequence, Object: r.Object,
		Old: r.Old, New: r.New, Reason: r.Reason, Evidence: r.Evidence, Detail: r.Detail,
	}
}

// about says in a few words what the action was about.
func (l auditLine) about() string {
	var words []string
	for _, w := range []string{l.Object, string(l.Provider), string(l.Merchant), string(l.Payment), string(l.Command)} {
		if w != "" {
			words = append(words, w)
		}
	}
	if l.Stream != "" {
		words = append([]string{fmt.Sprintf("%s/%d", l.Stream, l.Sequence)}, words...)
	}
	return strings.Join(words, " ")
}

// readAudit returns all actions, oldest first. It returns those before the place where
// the record does not hold together, and the error that says so.
func readAudit(ctx context.Context, b *bus.Bus) ([]auditLine, error) {
	all := []auditLine{}
	at := map[string]int{}
	err := b.ReadAudit(ctx, func(r wire.AuditRecord, m bus.Message) error {
		i, known := at[r.Intent]
		if r.Result == wire.Intended || !known { // the intent may have expired
			i = len(all)
			all, at[r.ID] = append(all, lineOf(r, m.Time)), i
		}
		if r.Result != wire.Intended {
			all[i].Result, all[i].Detail = string(r.Result), r.Detail
		}
		return nil
	})
	return all, err
}

func (a *app) listAudit(ctx context.Context, f auditFilter) error {
	b, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	now, err := b.Now(ctx)
	if err != nil {
		return err
	}
	all, broken := readAudit(ctx, b)
	if broken != nil && !errors.Is(broken, bus.ErrTampered) {
		return broken
	}
	all = slices.DeleteFunc(all, func(l auditLine) bool { return !f.wants(l, now) })
	return errors.Join(broken, a.printAudit(all))
}

func (a *app) printAudit(all []auditLine) error {
	if a.asJSON {
		return a.console.Object(map[string]any{"audit": all})
	}
	if len(all) == 0 {
		a.console.Printf("nothing was done\n")
		return nil
	}
	var rows [][]console.Cell
	for _, l := range all {
		style := console.Yellow
		if l.Result == string(wire.AuditDone) {
			style = console.Green
		}
		rows = append(rows, []console.Cell{
			console.Text(l.At.Format(time.RFC3339)), console.Text(l.Actor), console.Text(l.Action), console.Styled(style, l.Result),
			console.Text(l.about()), console.Text(l.Reason), console.Text(l.Detail),
		})
	}
	a.console.Table([]string{"time", "actor", "action", "result", "about", "reason", "what came of it"}, rows)
	return nil
}

func (a *app) auditVerify() *cobra.Command {
	return &cobra.Command{
		Use:   "verify",
		Short: "Check that no record was taken out, put in or changed",
		Long: `Verify follows the chain of records: each holds the hash of the one before it. What it cannot
see is that the newest ones are missing: compare the last record with the one you know.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.brief(cmd.Context(), a.verifyAudit)
		},
	}
}

func (a *app) verifyAudit(ctx context.Context) error {
	b, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	records, last := 0, bus.Message{}
	err = b.ReadAudit(ctx, func(_ wire.AuditRecord, m bus.Message) error {
		records, last = records+1, m
		return nil
	})
	if err != nil && !errors.Is(err, bus.ErrTampered) {
		return err
	}
	digest := ""
	if records > 0 {
		digest = fmt.Sprintf("%x", wire.Hash(last.Data))
	}
	if a.asJSON {
		problem := ""
		if err != nil {
			problem = err.Error()
		}
		printErr := a.console.Object(map[string]any{
			"ok": err == nil, "records": records, "last_sequence": last.Seq, "last_hash": digest, "problem": problem,
		})
		if err != nil {
			return errors.Join(errSaid, printErr)
		}
		return printErr
	}
	if err == nil {
		a.console.Printf("%d records hold together; the last is %d, %s\n", records, last.Seq, digest)
	}
	return err
}
