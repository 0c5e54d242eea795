package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/wire"
	"github.com/payloom/payloom/services/payctl/internal/console"
)

func (a *app) deadCommand() *cobra.Command {
	var service string
	list := &cobra.Command{
		Use:   "list",
		Short: "Messages that nobody could handle",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.brief(cmd.Context(), func(ctx context.Context) error { return a.listDead(ctx, service) })
		},
	}
	list.Flags().StringVar(&service, "service", "", "only those that this service gave up")
	var body bool
	show := &cobra.Command{
		Use:   "show SEQUENCE",
		Short: "One dead letter: where it came from and why it was given up",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			seq, err := strconv.ParseUint(args[0], 10, 64)
			if err != nil || seq == 0 {
				return misuse("%q is no sequence; payctl dead list shows them", args[0])
			}
			return a.brief(cmd.Context(), func(ctx context.Context) error { return a.showDead(ctx, seq, body) })
		},
	}
	show.Flags().BoolVar(&body, "body", false, "print the message, too; it may hold personal data")
	return group("dead", "Look at dead letters", list, show)
}

// deadView is a dead letter without its contents.
type deadView struct {
	Seq        uint64              `json:"seq"`
	At         time.Time           `json:"at"`
	Service    string              `json:"service"`
	Reason     string              `json:"reason"`
	Stream     string              `json:"stream"`
	StreamSeq  uint64              `json:"stream_seq"`
	Subject    string              `json:"subject"`
	Deliveries uint64              `json:"deliveries"`
	Bytes      int                 `json:"bytes"`
	Headers    map[string][]string `json:"headers,omitempty"`
	Body       []byte              `json:"body,omitempty"` // base64
}

func deadViewOf(m bus.Message) (deadView, wire.DeadLetter, error) {
	d, err := wire.UnmarshalDeadLetter(m.Data)
	if err != nil {
		return deadView{}, d, fmt.Errorf("%s/%d: %w", m.Stream, m.Seq, err)
	}
	return deadView{
		Seq: m.Seq, At: d.At, Service: d.Service, Reason: d.Reason, Stream: d.Stream, StreamSeq: d.Sequence,
		Subject: d.Subject, Deliveries: d.Deliveries, Bytes: len(d.Body),
	}, d, nil
}

func (a *app) listDead(ctx context.Context, service string) error {
	b, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	all := []deadView{}
	err = b.Follow(ctx, bus.DeadStream, bus.FollowOptions{ToEnd: true}, func(_ context.Context, batch []bus.Message) error {
		for _, m := range batch {
			v, _, err := deadViewOf(m)
			if err != nil {
				return err
			}
			if service == "" || v.Service == service {
				all = append(all, v)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if a.asJSON {
		return a.console.Object(map[string]any{"dead_letters": all})
	}
	if len(all) == 0 {
		a.console.Printf("no dead letters\n")
		return nil
	}
	var rows [][]console.Cell
	for _, v := range all {
		rows = append(rows, []console.Cell{
			console.Number(v.Seq), console.Text(v.At.Format(time.RFC3339)), console.Text(v.Service),
			console.Textf("%s/%d", v.Stream, v.StreamSeq), console.Number(v.Deliveries), console.Text(v.Reason),
		})
	}
	a.console.Table([]string{"seq", "time", "service", "from", "deliveries", "reason"}, rows)
	return nil
}

func (a *app) showDead(ctx context.Context, seq uint64, body bool) error {
	b, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	m, err := b.MessageAt(ctx, bus.DeadStream, seq)
	if err != nil {
		return fmt.Errorf("%w; payctl dead list shows what there is", err)
	}
	v, d, err := deadViewOf(m)
	if err != nil {
		return err
	}
	if body {
		v.Headers, v.Body = d.Headers, d.Body
	}
	if a.asJSON {
		return a.console.Object(v)
	}
	for _, line := range [][2]string{
		{"sequence", fmt.Sprint(v.Seq)}, {"time", v.At.Format(timeLayout)}, {"service", v.Service}, {"reason", v.Reason},
		{"from", fmt.Sprintf("%s/%d", v.Stream, v.StreamSeq)}, {"subject", v.Subject},
		{"deliveries", fmt.Sprint(v.Deliveries)}, {"bytes", fmt.Sprint(v.Bytes)},
	} {
		a.console.Printf("%-11s %s\n", line[0], line[1])
	}
	if body {
		a.console.Printf("\n%s\n", readable(d))
	}
	return nil
}

// readable returns a dead letter's message as JSON where it is one of ours, else
// quoted.
func readable(d wire.DeadLetter) string {
	if c, err := wire.UnmarshalCommand(d.Body); err == nil {
		if text, err := wire.CommandJSON(c); err == nil {
			return string(text)
		}
	}
	if r, err := wire.UnmarshalRecord(d.Body); err == nil {
		if text, err := wire.EventJSON(r); err == nil {
			return string(text)
		}
	}
	return strconv.Quote(string(d.Body))
}
