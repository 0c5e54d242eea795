package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/services/payctl/internal/console"
	"github.com/payloom/payloom/services/payctl/internal/stack"
)

// stackFlags are what up, demo and bench share.
type stackFlags struct {
	ports      string
	durability string
	webhook    string
	workers    int
	secure     bool
	verbose    bool
}

func (f *stackFlags) add(cmd *cobra.Command, ports string) {
	f.ports, f.durability, f.workers = ports, bus.Laptop, 1
	cmd.Flags().StringVar(&f.durability, "durability", f.durability, "what the broker promises: laptop acknowledges before fsync, money after")
	cmd.Flags().IntVar(&f.workers, "workers", f.workers, "worker processes of each provider")
	cmd.Flags().BoolVar(&f.secure, "secure", false, "keys, permissions and TLS at the broker, as in production")
	cmd.Flags().BoolVar(&f.verbose, "verbose", false, "show the services' log lines")
	fixed(cmd, "durability", []string{bus.Laptop, bus.Money})
}

// ownStackOptions are stackOptions for what only tries things out: whatever the
// environment names, its rows are nobody else's.
func (a *app) ownStackOptions(f stackFlags) (stack.Options, error) {
	o, err := a.stackOptions(f)
	o.OwnDatabase = true
	return o, err
}

// stackOptions turns flags and environment into what the stack is told.
func (a *app) stackOptions(f stackFlags) (stack.Options, error) {
	ports, err := parsePorts(f.ports)
	if err != nil {
		return stack.Options{}, err
	}
	if f.workers < 1 || f.workers > 64 {
		return stack.Options{}, misuse("--workers: %d is not 1 to 64", f.workers)
	}
	environ := a.environment()
	o := stack.Options{
		Dir: a.dir, Ports: ports, Workers: f.workers, Durability: f.durability, Secure: f.secure, Note: a.console.Note, Webhook: f.webhook,
		NATSURL: environ["NATS_URL"], MonitorURL: environ["NATS_MONITOR_URL"], DatabaseURL: environ["DATABASE_URL"],
	}
	// Rows of another broker's streams must not meet those of a new one.
	o.OwnDatabase = o.NATSURL == ""
	if f.verbose {
		o.Verbose = a.err
	}
	return o, nil
}

// parsePorts reads "default", "auto", or four ports in the order ingress,
// notify-receiver, state-tracker, simulator.
func parsePorts(text string) (stack.Ports, error) {
	switch text {
	case "default":
		return stack.DefaultPorts(), nil
	case "auto":
		return stack.Ports{}, nil
	}
	parts := strings.Split(text, ",")
	var n [4]int
	if len(parts) != len(n) {
		return stack.Ports{}, misuse("--ports: want default, auto, or four ports such as 8080,8081,8082,8083")
	}
	for i, part := range parts {
		port, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil || port < 0 || port > 65535 {
			return stack.Ports{}, misuse("--ports: %q is no port", part)
		}
		n[i] = port
	}
	return stack.Ports{Ingress: n[0], Notify: n[1], Tracker: n[2], Simulator: n[3]}, nil
}

func (a *app) upCommand() *cobra.Command {
	var f stackFlags
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Run the whole system on this machine until Ctrl-C",
		Long: `Up starts a broker and a Postgres of its own (unless NATS_URL and DATABASE_URL name others; with
DATABASE_URL alone it makes a database of its own on that server), lays them out, starts every service as a process of its own with the simulator in the place
of the providers, and prints where they are. A service that dies is started again. Without
--dir everything is gone at the end; with it, the next run goes on where this one ended.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.up(cmd.Context(), f) },
	}
	f.add(cmd, "default")
	cmd.Flags().StringVar(&f.webhook, "webhook", "", "URL that is told what became of operations, such as http://127.0.0.1:9000/hook")
	cmd.Flags().StringVar(&f.ports, "ports", f.ports, "default (8080 to 8083), auto, or four ports: ingress, notify-receiver, state-tracker, simulator")
	fixed(cmd, "ports", []string{"default", "auto"})
	return cmd
}

func (a *app) up(ctx context.Context, f stackFlags) error {
	o, err := a.stackOptions(f)
	if err != nil {
		return err
	}
	s, err := stack.Start(ctx, o)
	if err != nil {
		return err
	}
	if err := a.printStack(s); err != nil {
		_ = s.Stop() // the error above says more
		return err
	}
	<-ctx.Done()
	a.console.Note("stopping")
	return s.Stop()
}

func (a *app) printStack(s *stack.Stack) error {
	u := s.URLs()
	client, _ := s.BrokerURL()
	if a.asJSON {
		return a.console.Line(map[string]any{
			"dir": s.Dir(), "ingress": u.Ingress, "query": u.Tracker, "notify": u.Notify, "simulator": u.Simulator,
			"nats": client, "api_key": s.APIKey(), "merchant": stack.Merchant, "env_file": s.EnvironFile(),
		})
	}
	c := a.console
	c.Printf("\n%s\n\n", c.Paint(console.Bold, "Payloom is up"))
	for _, line := range [][2]string{
		{"commands (ingress)", u.Ingress}, {"queries (state-tracker)", u.Tracker}, {"callbacks (notify-receiver)", u.Notify},
		{"simulator and shop", u.Simulator}, {"broker", client}, {"durability", s.Durability()},
		{"API key of merchant " + stack.Merchant, s.APIKey()}, {"data, keys and logs", s.Dir()},
		{"accounts", strings.Join(s.Accounts(), ", ")},
	} {
		c.Printf("  %-28s %s\n", line[0], c.Paint(console.Cyan, line[1]))
	}
	if hook := s.Webhook(); hook != "" {
		c.Printf("  %-28s %s, signed with the secret in %s\n", "webhooks", c.Paint(console.Cyan, hook), s.WebhookSecretFile())
	}
	c.Printf("\n%s\n\n", c.Paint(console.Bold, "Processes"))
	for _, p := range s.Services() {
		c.Printf("  %-28s pid %-8d http://%s/readyz\n", p.Name, p.PID, p.Admin)
	}
	printExamples(c.Out, u, s)
	c.Printf("\nCtrl-C stops everything.\n")
	return nil
}

// printExamples shows how a payment is driven by hand.
func printExamples(out io.Writer, u stack.URLs, s *stack.Stack) {
	fmt.Fprintf(out, `
A payment by hand:

  export KEY=%[1]s
  # open it
  curl -sS %[2]s/v1/payments -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' -H 'Idempotency-Key: open-1' -d '{
    "payment_id": "order-1", "provider": "computop", "method": "button", "capture": "manual", "country": "EU",
    "amount": {"value": 4999, "currency": "EUR"}, "return_urls": {"success": "https://shop.example/done"}}'
  # the buyer confirms, on the simulator's page or here
  curl -sS -X POST %[4]s/control/computop/payments/order-1/approve
  # take the money
  curl -sS %[2]s/v1/payments/order-1/captures -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' -H 'Idempotency-Key: capture-1' \
    -d '{"amount": {"value": 4999, "currency": "EUR"}}'
  # look
  curl -sS "%[3]s/v1/payments/order-1" -H "Authorization: Bearer $KEY"

A payout by hand:

  curl -sS %[2]s/v1/payouts -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' -H 'Idempotency-Key: payout-1' -d '{
    "payment_id": "payout-1", "provider": "ecommpay", "amount": {"value": 10000, "currency": "INR"}, "description": "Demo",
    "beneficiary": {"customer_id": "c-1", "ip_address": "203.0.113.7", "first_name": "Test", "last_name": "Person",
      "email": "person@example.com", "address": "1 Example Street, Example Town", "account_number": "9100000000"}}'

In another terminal:

  payctl --dir %[5]s payment timeline order-1
  payctl --dir %[5]s events --follow --brief
  payctl --dir %[5]s verify
`, s.APIKey(), u.Ingress, u.Tracker, u.Simulator, s.Dir())
}
