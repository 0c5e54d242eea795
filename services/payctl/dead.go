package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/wire"
	"github.com/payloom/payloom/services/payctl/internal/console"
	"github.com/payloom/payloom/services/payctl/internal/letters"
)

func (a *app) deadCommand() *cobra.Command {
	return group("dead", "Messages that nobody could handle: look at them, replay them, discard them",
		a.deadList(), a.deadShow(), a.deadReplay(), a.deadDiscard())
}

// letterFlags are how dead letters are chosen.
type letterFlags struct {
	letters.Filter
	since, until time.Duration
	state        string
}

func letterFilter(cmd *cobra.Command, f *letterFlags) {
	flags := cmd.Flags()
	flags.StringVar(&f.Service, "service", "", "only those that this service gave up")
	flags.StringVar(&f.Stream, "stream", "", "only those from this stream, or from all that begin so")
	flags.StringVar(&f.Reason, "because", "", "only those whose reason holds this text")
	flags.StringVar(&f.Provider, "provider", "", "only messages of this provider")
	flags.StringVar(&f.Merchant, "merchant", "", "only messages of this merchant")
	flags.DurationVar(&f.since, "since", 0, "only those buried within this time, such as 6h")
	flags.DurationVar(&f.until, "until", 0, "only those buried before this long ago")
	flags.IntVar(&f.Limit, "limit", 0, "at most so many, the oldest; 0: all")
	fixed(cmd, "provider", words(payment.Providers()))
}

// filter returns the filter that the flags say, with times by the broker's clock.
func (f letterFlags) filter(ctx context.Context, b *bus.Bus) (letters.Filter, error) {
	now, err := b.Now(ctx)
	if err != nil {
		return letters.Filter{}, err
	}
	out := f.Filter
	out.State = letters.State(f.state)
	if f.since > 0 {
		out.Since = now.Add(-f.since)
	}
	if f.until > 0 {
		out.Until = now.Add(-f.until)
	}
	return out, nil
}

func (f letterFlags) check() error {
	if f.since < 0 || f.until < 0 || f.Limit < 0 {
		return misuse("--since, --until and --limit must not be negative")
	}
	if f.state != "" && !slices.Contains(letters.States(), letters.State(f.state)) {
		return misuse("--state: must be one of %s", strings.Join(words(letters.States()), ", "))
	}
	return nil
}

func (a *app) deadList() *cobra.Command {
	var f letterFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Messages that nobody could handle",
		Long: `List shows the dead letters that are open: nobody has replayed or discarded them yet. They are
kept 400 days and cannot be changed; what became of them is in the audit.`,
		Example: `  payctl dead list --service worker-computop --because "schema version"
  payctl dead list --state any --since 24h --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			return a.brief(cmd.Context(), func(ctx context.Context) error { return a.listDead(ctx, f) })
		},
	}
	letterFilter(cmd, &f)
	cmd.Flags().StringVar(&f.Reason, "reason", "", "the same as --because")
	cmd.Flags().StringVar(&f.state, "state", string(letters.Open), "what became of them: "+strings.Join(words(letters.States()), ", "))
	fixed(cmd, "state", words(letters.States()))
	return cmd
}

func (a *app) deadShow() *cobra.Command {
	var body bool
	show := &cobra.Command{
		Use:   "show SEQUENCE",
		Short: "One dead letter: where it came from, why it was given up, and what can be done",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			seqs, err := sequences(args)
			if err != nil {
				return err
			}
			return a.brief(cmd.Context(), func(ctx context.Context) error { return a.showDead(ctx, seqs[0], body) })
		},
	}
	show.Flags().BoolVar(&body, "body", false, "print the message, too; it may hold personal data")
	return show
}

// sequences reads the numbers of dead letters.
func sequences(args []string) ([]uint64, error) {
	var all []uint64
	for _, arg := range args {
		seq, err := strconv.ParseUint(arg, 10, 64)
		if err != nil || seq == 0 {
			return nil, misuse("%q is no sequence; payctl dead list shows them", arg)
		}
		all = append(all, seq)
	}
	return all, nil
}

// deadView is a dead letter without its contents.
type deadView struct {
	Seq        uint64              `json:"seq"`
	Unreadable bool                `json:"unreadable,omitempty"` // it is no dead letter; body is all of it
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
	State      letters.State       `json:"state"`
	EndedBy    string              `json:"ended_by,omitempty"`
	EndedAt    *time.Time          `json:"ended_at,omitempty"`
	EndedFor   string              `json:"ended_for,omitempty"`
	Replay     string              `json:"replay,omitempty"` // what a replay would do
}

func deadViewOf(l letters.Letter) deadView {
	v := deadView{
		Seq: l.Seq, Unreadable: l.Unreadable, At: l.At, Service: l.Service, Reason: l.Reason, Stream: l.Stream, StreamSeq: l.Sequence,
		Subject: l.Subject, Deliveries: l.Deliveries, Bytes: len(l.Body), State: l.State,
	}
	if l.State != letters.Open {
		v.EndedBy, v.EndedAt, v.EndedFor = l.End.Actor, &l.End.At, l.End.Reason
	}
	return v
}

func (a *app) listDead(ctx context.Context, f letterFlags) error {
	b, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	filter, err := f.filter(ctx, b)
	if err != nil {
		return err
	}
	found, err := letters.Find(ctx, b, filter)
	if err != nil {
		return err
	}
	all := []deadView{}
	for _, l := range found {
		all = append(all, deadViewOf(l))
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
			console.Number(v.Seq), console.Text(v.At.Format(time.RFC3339)), console.Text(v.State), console.Text(v.Service),
			console.Textf("%s/%d", v.Stream, v.StreamSeq), console.Number(v.Deliveries), console.Text(v.Reason),
		})
	}
	a.console.Table([]string{"seq", "time", "state", "service", "from", "deliveries", "reason"}, rows)
	return nil
}

func (a *app) showDead(ctx context.Context, seq uint64, body bool) error {
	b, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	l, err := letters.Get(ctx, b, seq)
	if err != nil {
		return fmt.Errorf("%w; payctl dead list shows what there is", err)
	}
	v := deadViewOf(l)
	interpret, _ := a.interpret(ctx, b) // without accounts a callback cannot be replayed, and the plan says so
	if plan, err := letters.Plan(ctx, b, interpret, l); err != nil {
		v.Replay = "no: " + err.Error()
	} else {
		v.Replay = plan.What
	}
	if body {
		v.Headers, v.Body = l.Headers, l.Body
	}
	if a.asJSON {
		return a.console.Object(v)
	}
	for _, line := range [][2]string{
		{"sequence", fmt.Sprint(v.Seq)}, {"time", v.At.Format(timeLayout)}, {"service", v.Service}, {"reason", v.Reason},
		{"from", fmt.Sprintf("%s/%d", v.Stream, v.StreamSeq)}, {"subject", v.Subject},
		{"deliveries", fmt.Sprint(v.Deliveries)}, {"bytes", fmt.Sprint(v.Bytes)},
		{"state", string(v.State) + prefixed(" by ", v.EndedBy) + prefixed(": ", v.EndedFor)}, {"replay", v.Replay},
	} {
		a.console.Printf("%-11s %s\n", line[0], line[1])
	}
	if body {
		a.console.Printf("\n%s\n", readable(l.DeadLetter))
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
