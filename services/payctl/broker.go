package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/natsconf"
	"github.com/payloom/payloom/services/payctl/internal/console"
)

func (a *app) brokerCommand() *cobra.Command {
	return group("broker", "Who may do what at the broker: keys, permissions, certificates",
		a.brokerInitCommand(), a.brokerPermissionsCommand(), a.brokerRunCommand(),
		a.brokerKeyCommand("rotate CLIENT", "Give a client a new key; the old one is good until retire", natsconf.Rotate),
		a.brokerKeyCommand("retire CLIENT", "Have the broker refuse all keys of a client but the newest", natsconf.Retire))
}

func (a *app) brokerInitCommand() *cobra.Command {
	o := natsconf.Options{Public: map[string]string{}}
	var mount string
	var group int
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Make keys, certificates and the servers' configuration; again without harm",
		Long: `Init writes an installation into a folder: "broker" for the NATS servers (auth.conf, which the
servers' configuration includes, and certificates), one folder for each client (its nkey seed,
certificate and the authority), and "ca", which only the operator keeps. What is there is kept,
a certificate in the last third of its year is renewed. Afterwards have the servers reload.

Run it again, with --out alone, every month and after an upgrade of Payloom: the permissions are
written from its table. A flag that is left out stays as it was the last time. Another --shards
is refused without --force: the streams of a broker cannot be laid out anew.`,
		Example: `  payctl broker init --out /etc/payloom/nats --hosts nats-1,nats-2,nats-3 --shards 8
  payctl broker init --out /etc/payloom/nats   # every month
  payctl broker init --out ./nats --key ingress=UCHH5SDPGQ...   # its seed stays where it is`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			given := cmd.Flags().Changed
			if o.Dir == "" || given("shards") && o.Shards < 1 || given("hosts") && len(o.Hosts) == 0 || group < 0 {
				return misuse("--out is needed, --shards must be at least 1, --hosts name one host or more, --group not be negative")
			}
			if given("mount") {
				o.Mount = &mount
			}
			if given("group") {
				o.Group = &group
			}
			return a.brokerInit(o)
		},
	}
	cmd.Flags().StringVar(&o.Dir, "out", "", "folder of the installation")
	cmd.Flags().IntVar(&o.Shards, "shards", 0, "the same as for payctl provision; at first 1")
	cmd.Flags().StringSliceVar(&o.Hosts, "hosts", nil, "names and addresses by which the NATS servers are reached; at first 127.0.0.1,localhost")
	cmd.Flags().StringVar(&mount, "mount", "", "where the servers see the folder broker; at first, and when empty, where it is")
	cmd.Flags().IntVar(&group, "group", 0, "numeric group that may read the clients' keys; at first, and for 0, only this user may")
	cmd.Flags().BoolVar(&o.Reshard, "force", false, "take another --shards than the last time")
	cmd.Flags().StringToStringVar(&o.Public, "key", nil, "public keys of clients that keep their seeds themselves, as CLIENT=KEY")
	_ = cmd.MarkFlagDirname("out")
	return cmd
}

func (a *app) brokerInit(o natsconf.Options) error {
	changed, err := natsconf.Write(o)
	if errors.Is(err, natsconf.ErrOtherShards) {
		return fmt.Errorf("%w\nshards are fixed once provisioned: leave out --shards for the broker that this installation is for; "+
			"for a broker that is provisioned anew, with other shards, say --force", err)
	}
	if err != nil && len(changed) == 0 {
		return err
	}
	return errors.Join(err, a.changes(changed))
}

func (a *app) brokerKeyCommand(use, short string, change func(dir, client string, now time.Time) ([]string, error)) *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use: use, Short: short, Args: cobra.ExactArgs(1),
		Long: short + `.

The order is: rotate, have the servers reload, restart the client, retire, have the servers
reload. No request is refused in between.`,
		Example: "  payctl broker " + strings.Fields(use)[0] + " worker-computop --out /etc/payloom/nats",
		RunE: func(_ *cobra.Command, args []string) error {
			if dir == "" {
				return misuse("--out is needed: the folder of the installation")
			}
			changed, err := change(dir, args[0], time.Now())
			return errors.Join(err, a.changes(changed))
		},
	}
	cmd.Flags().StringVar(&dir, "out", "", "folder of the installation")
	_ = cmd.MarkFlagDirname("out")
	return cmd
}

func (a *app) brokerPermissionsCommand() *cobra.Command {
	var shards int
	cmd := &cobra.Command{
		Use:     "permissions",
		Short:   "Show who may publish and subscribe to what",
		Example: "  payctl broker permissions --json | jq '.permissions[] | select(.client == \"ingress\")'",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if shards < 1 {
				return misuse("--shards: %d is not above 0", shards)
			}
			return a.printPermissions(bus.Permissions(shards))
		},
	}
	cmd.Flags().IntVar(&shards, "shards", 1, "the same as for payctl provision")
	return cmd
}

func (a *app) printPermissions(table []bus.Permission) error {
	if a.asJSON {
		return a.console.Object(map[string]any{"permissions": table})
	}
	for _, p := range table {
		a.console.Printf("%s\n", a.console.Paint(console.Bold, p.Client))
		for _, list := range []struct {
			what     string
			subjects []string
		}{{"publish", p.Publish}, {"never", p.Deny}, {"subscribe", p.Subscribe}} {
			for _, s := range list.subjects {
				a.console.Printf("  %-10s %s\n", list.what, s)
			}
		}
	}
	return nil
}
