package worker

import (
	"context"

	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/payment"
)

// elsewhere tells whether a command or its answer is another provider's business:
// its payment belongs to whoever opened it, which may have happened after the
// command was accepted.
func (w *Worker) elsewhere(cmd payment.Command, d payment.Decision) bool {
	own := w.cap.Provider
	return cmd.Provider != own || (d.Verdict == payment.Reject && d.Event.Provider != own)
}

// refer deals with such a command. A worker writes to the ledgers of its own
// provider's payments only, the broker allows it no other: it wakes the command
// at the payment's worker, who rejects it there. That worker does nothing else
// with a stranger's command.
func (w *Worker) refer(ctx context.Context, head payment.Head, cmd payment.Command, d payment.Decision) error {
	switch {
	case d.Verdict == payment.Reject && d.Event.Provider == w.cap.Provider:
		return w.reject(ctx, head, cmd, d.Event)
	case d.Verdict == payment.Reject && cmd.Provider == w.cap.Provider:
		now, err := w.ledger.Now(ctx)
		if err != nil {
			return err
		}
		cmd.Provider = d.Event.Provider
		return w.timers.Wake(ctx, cmd, now)
	}
	if d.Verdict != payment.Done {
		w.log.Warn("left alone: another provider's command", zap.String("command_id", string(cmd.ID)))
	}
	return nil
}
