package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/payloom/payloom/services/payctl/internal/chaos"
	"github.com/payloom/payloom/services/payctl/internal/console"
	"github.com/payloom/payloom/services/payctl/internal/stack"
)

// chaosOptions are the flags of chaos.
type chaosOptions struct {
	stackFlags
	payments     int
	seed         uint64
	faults       string
	list         bool
	storm, drain time.Duration
	journal, svg string
}

func (a *app) chaosCommand() *cobra.Command {
	o := chaosOptions{payments: 500, seed: 1, faults: chaos.All, drain: 5 * time.Minute}
	cmd := &cobra.Command{
		Use:   "chaos",
		Short: "Break everything while payments go on, and verify that nothing is lost, doubled or stuck",
		Long: `Chaos starts the whole system as "payctl up" does, with relays in every connection, drives
payments of all three providers, and meanwhile kills and freezes processes, cuts and slows
connections, crashes Postgres, fills streams, plants garbage and has the providers misbehave:
whatever --faults names. Then it heals everything, waits until all is quiet, and verifies
every invariant, with a journal of what the client was promised. It fails when anything is
lost, doubled, stuck or otherwise wrong. Everything runs on this machine and ends by itself.

With --durability money there are three broker nodes that sync every write, and at the end
every service and node is asked whether it has run so.

It breaks what it made and nothing else: NATS_URL does not count, of DATABASE_URL only the server,
on which it makes a database and drops it again, and --dir must name a folder that is empty.`,
		Example: `  payctl chaos --payments 2000 --faults all --seed 1 --svg chaos.svg
  payctl chaos --payments 10000 --faults worker,broker --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.list {
				return a.listFaults()
			}
			names, err := chaos.Select(o.faults)
			if err != nil {
				return misuse("--faults: %v", err)
			}
			if o.payments < 1 || o.payments > 100_000 {
				return misuse("--payments: %d is not 1 to 100000", o.payments)
			}
			if o.storm < 0 || o.storm > time.Hour || o.drain <= 0 || o.drain > time.Hour {
				return misuse("--storm and --drain: must be above 0 and at most an hour")
			}
			return a.chaos(cmd.Context(), o, names)
		},
	}
	o.add(cmd, "auto")
	f := cmd.Flags()
	_ = f.Set("workers", "2")
	f.Lookup("workers").DefValue = "2"
	f.IntVar(&o.payments, "payments", o.payments, "how many payments at least")
	f.Uint64Var(&o.seed, "seed", o.seed, "of the payments and of what goes wrong when; processes have a will of their own all the same")
	f.StringVar(&o.faults, "faults", o.faults, "what goes wrong, names separated by commas; see --list")
	f.BoolVar(&o.list, "list", false, "print the faults there are, and end")
	f.DurationVar(&o.storm, "storm", 0, "how long things go wrong; 0: by payments and faults, 30s to 4m")
	f.DurationVar(&o.drain, "drain", o.drain, "how long the rest may take afterwards before it counts as stuck")
	f.StringVar(&o.journal, "journal", "", "file for what the client was promised, for payctl verify --journal; default: one that vanishes")
	f.StringVar(&o.svg, "svg", "", "file for a picture of the run")
	return cmd
}

func (a *app) listFaults() error {
	if a.asJSON {
		return a.console.Object(chaos.List())
	}
	var rows [][]console.Cell
	for _, f := range chaos.List() {
		rows = append(rows, []console.Cell{console.Styled(console.Bold, f.Name), console.Text(f.What)})
	}
	a.console.Table([]string{"fault", ""}, rows)
	return nil
}

// chaosEnv hastens what otherwise takes its time: limits that protect the system are
// not what is tested, and what a callback did not tell is asked about soon.
func chaosEnv() map[string]string {
	return map[string]string{
		"RATE_LIMIT": "0", "SOURCE_RATE_LIMIT": "0", "ENDPOINT_RATE_LIMIT": "0",
		"SWEEP_CALLBACK_AFTER": "20s", "SWEEP_CALLBACK_MOST": "1m", "SWEEP_COMMAND_MOST": "1m",
		"TIME_SCALE": "10", "SETTLE_MOST": "1m", // the simulator is faster than providers, and has no nights
	}
}

// chaosStack are the options of a stack of which everything may be broken: its own
// broker, its own database, and a folder in which nothing is yet.
func (a *app) chaosStack(o chaosOptions, faults []string) (stack.Options, error) {
	options, err := a.ownStackOptions(o.stackFlags)
	if err != nil {
		return options, err
	}
	if entries, err := os.ReadDir(a.dir); a.dir != "" && err == nil && len(entries) > 0 {
		return options, misuse("--dir: there is something in %s already, and chaos breaks what it finds: name a folder that is new or empty", a.dir)
	}
	options.NATSURL, options.MonitorURL, options.Brokers = "", "", chaos.Nodes(faults, options.Durability)
	if slices.Contains(faults, "postgres") {
		options.DatabaseURL = "" // the server is killed, too
	}
	options.Env = chaosEnv()
	return options, nil
}

func (a *app) chaos(ctx context.Context, o chaosOptions, faults []string) (err error) {
	options, err := a.chaosStack(o, faults)
	if err != nil {
		return err
	}
	net := chaos.NewNet()
	defer net.Close()
	merchant, err := chaos.NewMerchant(ctx)
	if err != nil {
		return err
	}
	defer merchant.Close()
	options.Relay, options.Webhook = net.Relay, merchant.URL()
	s, err := stack.Start(ctx, options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	if err := merchant.TrustFile(s.WebhookSecretFile()); err != nil {
		return err
	}
	report, err := a.runChaos(ctx, s, net, merchant, o, faults)
	if err != nil {
		return err
	}
	return a.printChaos(report, o)
}

func (a *app) runChaos(ctx context.Context, s *stack.Stack, net *chaos.Net, merchant *chaos.Merchant, o chaosOptions, faults []string) (chaos.Report, error) {
	in, b, done, err := inputsOf(ctx, s)
	if err != nil {
		return chaos.Report{}, err
	}
	defer done()
	if o.journal == "" {
		o.journal = filepath.Join(s.Dir(), "journal.jsonl")
	}
	bar := a.console.Progress(int64(o.payments), "payments ended")
	defer bar.Done()
	return chaos.Run(ctx, chaos.Env{Stack: s, Net: net, Bus: b, Merchant: merchant, Verify: in}, chaos.Options{
		Payments: o.payments, Seed: o.seed, Faults: faults, Storm: o.storm, Drain: o.drain, Journal: o.journal,
		Note: a.console.Note, Progress: bar.Add,
	})
}

func (a *app) printChaos(r chaos.Report, o chaosOptions) error {
	if o.svg != "" {
		if err := os.WriteFile(o.svg, r.SVG(), 0o644); err != nil { //nolint:gosec // a picture, for everybody
			return err
		}
	}
	if a.asJSON {
		if err := a.console.Object(r); err != nil {
			return err
		}
	} else {
		a.printFaults(r)
	}
	if !r.OK() {
		return errSaid
	}
	return nil
}

func (a *app) printFaults(r chaos.Report) {
	c := a.console
	right := func(format string, args ...any) console.Cell {
		return console.Cell{Text: fmt.Sprintf(format, args...), Right: true}
	}
	var rows [][]console.Cell
	for _, f := range chaos.List() {
		in, chosen := r.Faults[f.Name]
		if !chosen {
			continue
		}
		var seen []string
		for _, n := range []struct {
			count int
			what  string
		}{{in.Hits, "met it"}, {in.Retries, "retries"}, {in.Unavailable, "answered 503"}} {
			if n.count > 0 {
				seen = append(seen, fmt.Sprintf("%d %s", n.count, n.what))
			}
		}
		rows = append(rows, []console.Cell{
			console.Text(f.Name), console.Number(in.Injected), right("%.1f s", in.DowntimeS), console.Text(strings.Join(seen, ", ")),
		})
	}
	c.Table([]string{"fault", "injected", "downtime", "seen meanwhile"}, rows)
	for _, v := range r.Violations {
		c.Printf("%s %s %s %s: %s\n", c.Paint(console.Red, "violated:"), v.Invariant, v.Kind, v.Subject, v.What)
	}
	style := console.Green
	if !r.OK() {
		style = console.Red
	}
	c.Printf("%d commands accepted, %d tried again, %d webhooks told; faults for %.0f s, quiet %.0f s after the last\n",
		r.Client.Accepted, r.Client.Retries, r.Webhooks.Told, r.StormS, r.DrainS)
	c.Printf("chaos: %d payments, %d settled, %d parked, %s\n", r.Payments, r.Settled, r.Parked,
		c.Paint(style, fmt.Sprintf("%d lost, %d doubled, %d stuck, %d violations", r.Lost, r.Doubled, r.Stuck, len(r.Violations))))
}
