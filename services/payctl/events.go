package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/wire"
	"github.com/payloom/payloom/services/payctl/internal/console"
)

// eventsOptions are the flags of events.
type eventsOptions struct {
	merchant string
	payment  string
	since    time.Duration
	follow   bool
	brief    bool
	personal bool
}

func (a *app) eventsCommand() *cobra.Command {
	var o eventsOptions
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Print events as JSON, one per line",
		Long: `Events prints what is on the EVENTS streams, one JSON object per line, with the fields of
proto/payloom/v1/event.proto. Personal data that is sealed is left out, unless --personal-data
asks for it and PAYLOOM_DATA_KEYS is set; what was erased is gone.`,
		Example: `  payctl events --payment order-4711
  payctl events --follow --brief`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.follow {
				return a.events(cmd.Context(), o)
			}
			return a.brief(cmd.Context(), func(ctx context.Context) error { return a.events(ctx, o) })
		},
	}
	cmd.Flags().StringVar(&o.payment, "payment", "", "only this payment's")
	merchantFlag(cmd, &o.merchant)
	cmd.Flags().DurationVar(&o.since, "since", 0, "only what was stored in the last while, such as 2h; 0: all")
	cmd.Flags().BoolVar(&o.follow, "follow", false, "go on with what comes, until Ctrl-C")
	cmd.Flags().BoolVar(&o.personal, "personal-data", false, "open what is sealed")
	cmd.Flags().BoolVar(&o.brief, "brief", false, "one short line per event, without personal data")
	return cmd
}

// merchantFlag adds the merchant whose payments are meant.
func merchantFlag(cmd *cobra.Command, merchant *string) {
	cmd.Flags().StringVar(merchant, "merchant", defaultMerchant, "the merchant whose payments are meant")
}

// defaultMerchant is the merchant of payctl up.
const defaultMerchant = "demo"

func (a *app) events(ctx context.Context, o eventsOptions) error {
	b, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	if o.payment != "" {
		return a.eventsOfPayment(ctx, b, o)
	}
	return eachStream(ctx, b.EventStreams(), o.follow, func(ctx context.Context, stream string) error {
		return a.eventsOfStream(ctx, b, stream, o)
	})
}

// eachStream reads streams one after the other, or side by side when they have no end.
func eachStream(ctx context.Context, streams []string, together bool, read func(context.Context, string) error) error {
	if !together {
		for _, s := range streams {
			if err := read(ctx, s); err != nil {
				return err
			}
		}
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make(chan error, len(streams))
	for _, s := range streams {
		go func() { errs <- read(ctx, s) }()
	}
	var all []error
	for range streams {
		all = append(all, <-errs)
		cancel()
	}
	return errors.Join(all...)
}

func (a *app) eventsOfStream(ctx context.Context, b *bus.Bus, stream string, o eventsOptions) error {
	state, err := b.StreamState(ctx, stream)
	if err != nil {
		return err
	}
	from := state.FirstSeq
	if o.follow && o.since == 0 {
		from = state.LastSeq + 1
	}
	return b.Follow(ctx, stream, bus.FollowOptions{From: from, ToEnd: !o.follow}, func(ctx context.Context, batch []bus.Message) error {
		for _, m := range batch {
			if o.since > 0 && state.Now.Sub(m.Time) > o.since {
				continue
			}
			if err := a.printEvent(ctx, b, m, o); err != nil {
				return err
			}
		}
		return nil
	})
}

// errEnough ends a Follow that has seen what it wanted.
var errEnough = errors.New("enough")

// eventsOfPayment reads one payment's subject. It ends at what is the last event
// now: others come after it on the stream.
func (a *app) eventsOfPayment(ctx context.Context, b *bus.Bus, o eventsOptions) error {
	id := payment.ID(o.payment)
	head, err := loadPayment(ctx, b, payment.Merchant(o.merchant), id)
	if err != nil && (!o.follow || !errors.Is(err, errNoPayment)) {
		return err
	}
	return followPayment(ctx, b, payment.Merchant(o.merchant), id, func(m bus.Message) error {
		if err := a.printEvent(ctx, b, m, o); err != nil {
			return err
		}
		if !o.follow && m.Seq >= head.Seq {
			return errEnough
		}
		return nil
	})
}

// followPayment hands over one payment's events until handle returns an error;
// errEnough is none.
func followPayment(ctx context.Context, b *bus.Bus, m payment.Merchant, id payment.ID, handle func(bus.Message) error) error {
	shard := payment.Shard(string(id), b.Shards())
	subject := fmt.Sprintf("pay.evt.%d.*.%s.%s", shard, m, id)
	err := b.Follow(ctx, b.EventStreams()[shard], bus.FollowOptions{Subject: subject}, func(_ context.Context, batch []bus.Message) error {
		for _, m := range batch {
			if err := handle(m); err != nil {
				return err
			}
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

func (a *app) printEvent(ctx context.Context, b *bus.Bus, m bus.Message, o eventsOptions) error {
	rec, err := wire.UnmarshalRecord(m.Data)
	if o.personal {
		rec, err = b.OpenRecord(ctx, m.Data)
	}
	if err != nil {
		a.console.Note(fmt.Sprintf("%s/%d: %v", m.Stream, m.Seq, err))
		return nil
	}
	if o.brief {
		a.console.Printf("%s  %-22s v%-3d %-22s %s\n", m.Time.Format(time.RFC3339Nano), rec.Event.Data.Type(),
			rec.Event.Version, rec.Event.Payment, a.console.Paint(stateStyle(rec.After.State), string(rec.After.State)))
		return nil
	}
	line, err := wire.EventJSON(rec)
	if err != nil {
		return err
	}
	a.console.Printf("%s\n", line)
	return nil
}

// stateStyle colours states: green where money is where it should be, red where
// none will be.
func stateStyle(s payment.State) console.Style {
	switch s {
	case payment.StateCaptured, payment.StatePaid, payment.StateAuthorized, payment.StateAgreed:
		return console.Green
	case payment.StateDeclined, payment.StateFailed, payment.StateRejected, payment.StateExpired, payment.StateReversed:
		return console.Red
	case payment.StateRequiresAction, payment.StatePending, payment.StateProcessing, payment.StateNew:
		return console.Yellow
	case payment.StatePartiallyCaptured, payment.StatePartiallyRefunded, payment.StateRefunded, payment.StateCancelled:
		return console.Cyan
	}
	return console.Plain
}
