package main

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/spf13/cobra"
)

// brokerRunCommand runs one node of a broker, for those commands that want it in a
// process of its own, which can be killed.
func (a *app) brokerRunCommand() *cobra.Command {
	var config string
	cmd := &cobra.Command{
		Use: "run", Short: "Run one broker node", Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runBroker(cmd.Context(), config) },
	}
	cmd.Flags().StringVar(&config, "config", "", "configuration file of nats-server")
	_ = cmd.MarkFlagRequired("config")
	return cmd
}

// brokerPatience is how long a node may take to recover what it has stored.
const brokerPatience = 30 * time.Second

func runBroker(ctx context.Context, config string) error {
	o, err := server.ProcessConfigFile(config)
	if err != nil {
		return fmt.Errorf("broker: %w", err)
	}
	o.NoSigs = true
	s, err := server.NewServer(o)
	if err != nil {
		return fmt.Errorf("broker: %w", err)
	}
	s.ConfigureLogger()
	s.Start()
	if !s.ReadyForConnections(brokerPatience) {
		s.Shutdown()
		return fmt.Errorf("broker: not ready after %s", brokerPatience)
	}
	<-ctx.Done()
	s.Shutdown()
	s.WaitForShutdown()
	return nil
}
