package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/protection"
)

// turning is the command that turns a switch.
type turning struct {
	mode    protection.Mode
	account string
	wait    time.Duration
	operator
}

func (a *app) pauseCommand() *cobra.Command {
	return a.turnCommand(protection.Paused, &cobra.Command{
		Use:   "pause PROVIDER",
		Short: "Make no call to a provider, or an account at it, until it is resumed",
		Long: `Pause stops all calls to a provider, of every replica, and what is waiting stays in the
queue. With --account it stops calls to that account only; its commands are set on timers and
look again within a minute. Calls that are under way are finished. Callbacks are still taken.
It lasts until "payctl provider resume", over restarts, too.`,
		Example: `  payctl provider pause computop --reason "maintenance until 04:00"
  payctl provider pause ecommpay --account shop-7/in --reason "key leaked, waiting for a new one"`,
	})
}

func (a *app) resumeCommand() *cobra.Command {
	return a.turnCommand(protection.Running, &cobra.Command{
		Use:     "resume PROVIDER",
		Short:   "End a pause, or a drain",
		Long:    `Resume lets calls be made again. What has waited comes back in turn, not all at once.`,
		Example: `  payctl provider resume computop --reason "maintenance is over"`,
	})
}

func (a *app) drainCommand() *cobra.Command {
	return a.turnCommand(protection.Draining, &cobra.Command{
		Use:   "drain PROVIDER",
		Short: "Begin nothing new at a provider, or an account at it, and finish what was begun",
		Long: `Drain lets no operation begin and finishes those that did: they are sent again where they
were not executed, and asked about where nobody knows. It waits until nothing is in flight and
fails when that takes longer than --wait; the provider is then still being drained. What the
provider has accepted, and finishes in its own time, is not waited for. Without a database it
cannot see what is in flight, and fails.`,
		Example: `  payctl provider drain axerve --account demo/it --reason "moving to another shop login"`,
	})
}

func (a *app) turnCommand(m protection.Mode, cmd *cobra.Command) *cobra.Command {
	t := turning{mode: m}
	cmd.Args, cmd.ValidArgs = cobra.ExactArgs(1), words(payment.Providers())
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		at, err := t.target(args[0])
		if err != nil {
			return err
		}
		if err := t.check(); err != nil {
			return err
		}
		return a.turn(cmd.Context(), t, at)
	}
	cmd.Flags().StringVar(&t.account, "account", "", "only this account of the provider's, as MERCHANT/ACCOUNT")
	if m == protection.Draining {
		cmd.Flags().DurationVar(&t.wait, "wait", 5*time.Minute, "how long to wait until nothing is in flight; 0: not at all")
	}
	operatorFlags(cmd, &t.operator)
	return cmd
}

// target returns what a command line is about.
func (t turning) target(name string) (protection.Account, error) {
	a := protection.Account{Provider: payment.Provider(name)}
	if !a.Provider.Known() {
		return a, misuse("%q is no provider; there are %s", name, strings.Join(words(payment.Providers()), ", "))
	}
	if t.account == "" {
		return a, nil
	}
	merchant, account, _ := strings.Cut(t.account, "/")
	a.Merchant, a.Name = payment.Merchant(merchant), account
	if a.Merchant.Validate() != nil || payment.Merchant(account).Validate() != nil {
		return a, misuse("--account: %q must be MERCHANT/ACCOUNT", t.account)
	}
	return a, nil
}

// turned is what turning a switch came to.
type turned struct {
	protection.Account
	Mode    protection.Mode `json:"mode"`
	Before  protection.Mode `json:"before"`
	Drained *bool           `json:"drained,omitempty"`
}

func (a *app) turn(ctx context.Context, t turning, at protection.Account) error {
	b, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	out := turned{Account: at, Mode: t.mode}
	if out.Before, err = t.store(ctx, b, at); err != nil {
		return err
	}
	if t.wait > 0 {
		err = a.awaitDrained(ctx, at, t.wait)
		drained := err == nil
		out.Drained = &drained
	}
	if a.asJSON {
		return errors.Join(a.console.Object(out), err)
	}
	a.console.Printf("%s is %s (was %s)\n", at, t.mode, out.Before)
	if out.Drained != nil && *out.Drained {
		a.console.Printf("nothing is in flight\n")
	}
	return err
}

// store turns the switch, between two records of the audit, and returns how it
// stood before.
func (t turning) store(ctx context.Context, b *bus.Bus, at protection.Account) (before protection.Mode, err error) {
	shared, err := b.Shared(ctx)
	if err != nil {
		return "", err
	}
	key := protection.Key(protection.SwitchRecord, at)
	data, rev, err := shared.Get(ctx, key)
	if err != nil {
		return "", err
	}
	old := protection.Switch{Mode: protection.Running}
	if len(data) > 0 {
		if err := json.Unmarshal(data, &old); err != nil {
			return "", fmt.Errorf("%s: %w", key, err)
		}
	}
	if old.Mode == t.mode {
		return old.Mode, nil
	}
	next := protection.Switch{Mode: t.mode, By: t.actor, Reason: t.reason}
	if next.Since, err = b.Now(ctx); err != nil {
		return "", err
	}
	if data, err = json.Marshal(next); err != nil {
		return "", err
	}
	r := t.record("provider." + map[protection.Mode]string{
		protection.Paused: "pause", protection.Draining: "drain", protection.Running: "resume",
	}[t.mode])
	r.Provider, r.Merchant, r.Object, r.Old, r.New = at.Provider, at.Merchant, at.Name, string(old.Mode), string(t.mode)
	return old.Mode, b.Audited(ctx, r, func(ctx context.Context) (string, error) {
		_, err := shared.CompareAndSet(ctx, key, data, rev)
		if errors.Is(err, bus.ErrConflict) {
			return "", fmt.Errorf("somebody else has just turned it; look at payctl provider status: %w", err)
		}
		return at.String() + " is " + string(t.mode), err
	})
}

// awaitDrained waits until nothing is in flight, seen twice: rows follow events a
// moment later.
func (a *app) awaitDrained(ctx context.Context, at protection.Account, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	pool, err := a.database(ctx)
	if err != nil {
		return fmt.Errorf("whether anything is in flight is not known: %w", err)
	}
	defer pool.Close()
	for quiet := 0; quiet < 2; {
		all, err := inFlight(ctx, pool)
		if err != nil {
			return err
		}
		n := 0
		for _, f := range all {
			if at == f.Account || at.Whole() && at.Provider == f.Provider {
				n += f.InFlight
			}
		}
		if quiet++; n > 0 {
			quiet = 0
			a.console.Note(fmt.Sprintf("%d operation(s) of %s in flight", n, at))
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return fmt.Errorf("%d operation(s) of %s are still in flight after %s; it is still being drained", n, at, limit)
		}
	}
	return nil
}
