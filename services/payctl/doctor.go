package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/projection"
	"github.com/payloom/payloom/services/payctl/internal/console"
	"github.com/payloom/payloom/services/payctl/internal/doctor"
)

func (a *app) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "What is not as it should be, and what to do about it",
		Long: `Doctor looks at the broker, the database, the accounts and the keys, and changes nothing. It prints
a line for each finding: ok, warn (see to it this week) or FAIL (see to it now), its name, what is,
and what to do. docs/operations.md has a section for each name.

The exit code is 0 when all is well, 1 with a warning, 2 with a failure.`,
		Example: `  payctl doctor
  payctl doctor --json | jq '.findings[] | select(.level != "ok")'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.brief(cmd.Context(), a.examine)
		},
	}
}

// diagnosis is the error of a doctor that has found something: how the process ends.
type diagnosis struct{ code int }

// Error implements error.
func (diagnosis) Error() string { return "not all is well" }

func (a *app) examine(ctx context.Context) error {
	sources, done, err := a.sources(ctx)
	if err != nil {
		return err
	}
	defer done()
	all := doctor.Judge(doctor.Look(ctx, sources))
	if err := a.printFindings(all); err != nil {
		return err
	}
	switch doctor.Worst(all) {
	case doctor.Warn:
		return diagnosis{exitFailed}
	case doctor.Fail:
		return diagnosis{exitUsage}
	case doctor.OK:
	}
	return nil
}

// sources connects to what there is. What is not there is a finding, not an error.
func (a *app) sources(ctx context.Context) (doctor.Sources, func(), error) {
	s, err := a.settings()
	if err != nil {
		return doctor.Sources{}, nil, err
	}
	environ, err := a.surroundings()
	if err != nil {
		return doctor.Sources{}, nil, err
	}
	out := doctor.Sources{Config: s.Bus, Accounts: s.Accounts, Secrets: secretFiles(s)}
	out.Config.Durability = environ["PAYLOOM_DURABILITY"] // settings say laptop, because payctl only looks
	if out.Broker, err = bus.Inspect(ctx, s.Bus, "payctl", zap.NewNop()); err != nil {
		out.Broker, out.BrokerErr = nil, err
	}
	if s.DatabaseURL != "" {
		if out.Pool, err = projection.Open(ctx, s.DatabaseURL.Reveal(), "payctl"); err != nil {
			out.Pool, out.PoolErr = nil, err
		}
	}
	return out, func() {
		if out.Broker != nil {
			out.Broker.Close()
		}
		if out.Pool != nil {
			out.Pool.Close()
		}
	}, nil
}

// secretFiles returns the files with keys of this program's own settings.
func secretFiles(s settings) []string {
	var all []string
	for _, path := range []string{s.Bus.NKeyFile, s.Bus.KeyFile} {
		if path != "" {
			all = append(all, path)
		}
	}
	for _, key := range s.Bus.DataKeys {
		if _, path, ok := strings.Cut(key, "=file:"); ok {
			all = append(all, path)
		}
	}
	return all
}

func (a *app) printFindings(all []doctor.Finding) error {
	if a.asJSON {
		return a.console.Object(map[string]any{"worst": doctor.Worst(all), "findings": all})
	}
	styles := map[doctor.Level]console.Style{doctor.OK: console.Green, doctor.Warn: console.Yellow, doctor.Fail: console.Red}
	for _, f := range all {
		a.console.Printf("%s %-26s %s\n", a.console.Paint(styles[f.Level], pad(string(f.Level))), f.ID, f.Is)
		if f.Do != "" {
			a.console.Printf("     %-26s → %s\n", "", f.Do)
		}
	}
	return nil
}

// pad makes levels equally wide.
func pad(level string) string { return level + strings.Repeat(" ", max(4-len(level), 0)) }

// exitCode returns how the process ends after err, if a doctor says so.
func exitCode(err error) (int, bool) {
	var d diagnosis
	if errors.As(err, &d) {
		return d.code, true
	}
	return 0, false
}
