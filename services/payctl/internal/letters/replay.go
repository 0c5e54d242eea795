package letters

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/wire"
)

// Interpret has a stored callback interpreted again, with the keys of now, and returns
// the payment that it speaks of and how many events that took.
type Interpret func(ctx context.Context, c wire.StoredCallback) (payment.ID, int, error)

// Replay is how one letter is given another chance.
type Replay struct {
	Merchant payment.Merchant
	Payment  payment.ID
	Command  payment.CommandID
	Provider payment.Provider
	What     string // what will be done, for people

	do func(context.Context) (string, error)
}

// Do gives the letter its chance and returns what came of it.
func (r Replay) Do(ctx context.Context) (string, error) { return r.do(ctx) }

// Refused is why a letter cannot be replayed, and what to do instead.
type Refused struct{ Why string }

// Error implements error.
func (e *Refused) Error() string { return e.Why }

func refuse(format string, args ...any) error { return &Refused{fmt.Sprintf(format, args...)} }

// Plan says how l would be replayed, and changes nothing. Its error is a *Refused when
// no replay can help.
func Plan(ctx context.Context, b *bus.Bus, interpret Interpret, l Letter) (Replay, error) {
	switch {
	case l.Unreadable:
		return Replay{}, refuse("it cannot be read, nor what it is about: payctl dead show --body shows it; discard it")
	case l.Stream == bus.CallbackStream:
		return planCallback(ctx, b, interpret, l)
	case l.Stream == bus.TimerStream, strings.HasPrefix(l.Stream, "COMMANDS_"):
		return planCommand(ctx, b, l)
	case strings.HasPrefix(l.Stream, "EVENTS_"):
		return Replay{}, refuse("an event is history and is not handed over again: run payctl rebuild, which reads it anew")
	}
	return Replay{}, refuse("nothing is known of stream %s", l.Stream)
}

// planCommand wakes the command that the letter's subject names. The broker has it, and
// who wakes twice gets one outcome.
func planCommand(ctx context.Context, b *bus.Bus, l Letter) (Replay, error) {
	_, m, id := l.tokens()
	if err := errors.Join(m.Validate(), payment.CommandID(id).Validate()); err != nil {
		return Replay{}, refuse("its subject %s names no command", l.Subject)
	}
	c, err := b.Command(ctx, m, payment.CommandID(id))
	switch {
	case errors.Is(err, bus.ErrNotFound):
		return Replay{}, refuse("the broker has forgotten the command, as it does after 40 days: discard it, and have it asked for anew")
	case errors.Is(err, bus.ErrUnavailable):
		return Replay{}, err
	case err != nil:
		return Replay{}, refuse("it still cannot be read: %v", err)
	}
	head, err := b.Load(ctx, c.Merchant, c.Payment)
	if err != nil {
		return Replay{}, err
	}
	return Replay{
		Merchant: c.Merchant, Payment: c.Payment, Command: c.ID, Provider: c.Provider,
		What: fmt.Sprintf("hand the %s command to its worker again%s", c.Kind, standing(head.Payment, c.ID)),
		do: func(ctx context.Context) (string, error) {
			if err := b.Wake(ctx, c, time.Time{}); err != nil {
				return "", err
			}
			return "handed to its worker again", nil
		},
	}, nil
}

// standing says how far the command has come already.
func standing(p payment.Payment, c payment.CommandID) string {
	op, ok := p.Operation(c)
	switch {
	case !ok:
		return ""
	case op.Status.Terminal():
		return fmt.Sprintf("; it is %s already, and stays so", op.Status)
	}
	return fmt.Sprintf("; it is %s", op.Status)
}

func planCallback(ctx context.Context, b *bus.Bus, interpret Interpret, l Letter) (Replay, error) {
	c, err := b.OpenCallback(ctx, l.Body)
	switch {
	case err != nil && !errors.Is(err, wire.ErrUndecodable):
		return Replay{}, err
	case err != nil:
		return Replay{}, refuse("it still cannot be read: %v", err)
	case c.Closed:
		return Replay{}, refuse("its key was destroyed, as that of every day is after 35 days: ask the provider, by payctl or a sync command")
	}
	if interpret == nil {
		return Replay{}, errors.New("a callback is interpreted with the keys of the accounts file: set PAYLOOM_ACCOUNTS")
	}
	return Replay{
		Merchant: c.Merchant, Payment: c.Payment, Provider: c.Provider, What: "interpret the callback again",
		do: func(ctx context.Context) (string, error) {
			id, n, err := interpret(ctx, c)
			if err != nil {
				return "", err
			}
			if n == 0 {
				return fmt.Sprintf("payment %s knew it already", id), nil
			}
			return fmt.Sprintf("payment %s has learnt from it, %d event(s)", id, n), nil
		},
	}, nil
}
