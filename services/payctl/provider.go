package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/services/internal/providers"
	"github.com/payloom/payloom/services/payctl/internal/console"
)

func (a *app) providerCommand() *cobra.Command {
	list := &cobra.Command{
		Use:   "list",
		Short: "What each provider can do, and how doubt about an outcome is resolved",
		Long: `List shows the capability table of every provider. Recovery classes: T0 moves no money and
is given up; T1 suppresses repeats of a key and is sent again; T2 refuses duplicates and is
sent again; T3 is inquired about until found, or settled as never executed; T4 waits for a person.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.listProviders() },
	}
	return group("provider", "Look at payment providers, and pause them",
		list, a.providerStatusCommand(), a.pauseCommand(), a.resumeCommand(), a.drainCommand())
}

// ability is one operation of a provider.
type ability struct {
	Provider  payment.Provider `json:"provider"`
	Operation payment.Kind     `json:"operation"`
	Method    string           `json:"method,omitempty"`
	Class     string           `json:"recovery"`
	HorizonS  float64          `json:"horizon_s,omitempty"`
	SettleS   float64          `json:"settle_s,omitempty"`
}

func (a *app) listProviders() error {
	all := []ability{}
	for _, p := range payment.Providers() {
		if c, ok := providers.Capabilities()[p]; ok {
			all = append(all, abilities(c)...)
		}
	}
	if a.asJSON {
		return a.console.Object(map[string]any{"operations": all})
	}
	var rows [][]console.Cell
	for _, b := range all {
		rows = append(rows, []console.Cell{
			console.Text(b.Provider), console.Text(b.Operation), console.Text(b.Method),
			console.Text(b.Class), console.Text(orNone(b.HorizonS)), console.Text(orNone(b.SettleS)),
		})
	}
	a.console.Table([]string{"provider", "operation", "method", "recovery", "key valid", "settle"}, rows)
	for _, p := range payment.Providers() {
		if c, ok := providers.Capabilities()[p]; ok {
			a.console.Printf("\n%s\n", limitsOf(c))
		}
	}
	return nil
}

func orNone(seconds float64) string {
	if seconds == 0 {
		return "-"
	}
	return time.Duration(seconds * float64(time.Second)).String()
}

func abilities(c provider.Capability) []ability {
	var all []ability
	for _, k := range c.Rules.Kinds {
		if k == payment.Sync {
			all = append(all, ability{Provider: c.Provider, Operation: k, Class: "-"})
			continue
		}
		methods := []payment.Method{""}
		if k == payment.Authorize {
			methods = c.Methods
		}
		for _, m := range methods {
			r := c.RecoveryOf(k, m)
			all = append(all, ability{c.Provider, k, string(m), r.Class.String(), r.Horizon.Seconds(), r.Settle.Seconds()})
		}
	}
	return all
}

func limitsOf(c provider.Capability) string {
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	if c.Limits.PaymentID != nil {
		add("payment id %s", c.Limits.PaymentID)
	}
	if w, ok := c.Limits.Amount[""]; ok {
		add("amounts %d to %d minor units", w.Min, w.Max)
	}
	if len(c.Limits.Currencies) > 0 {
		add("currencies %s", strings.Join(words(c.Limits.Currencies), " "))
	}
	if len(c.Limits.Countries) > 0 {
		add("countries %s", strings.Join(c.Limits.Countries, " "))
	}
	if n := c.Rules.MaxCaptures; n > 0 {
		add("%d capture(s) per payment", n)
	}
	if c.Rules.CallbackFirst {
		add("the first callback is answered before follow-ups")
	}
	slices.Sort(lines)
	return string(c.Provider) + ": " + strings.Join(lines, "; ")
}
