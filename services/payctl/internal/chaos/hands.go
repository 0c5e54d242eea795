package chaos

import (
	"context"
	"fmt"

	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/services/payctl/internal/stack"
)

// hands are connections with the rights that faults take at the broker: no program
// has all of them.
type hands struct {
	provisioner *bus.Bus // changes streams
	ingress     *bus.Bus // stores commands
	receiver    *bus.Bus // stores callbacks
}

func takeHands(ctx context.Context, s *stack.Stack) (h hands, err error) {
	for client, to := range map[string]**bus.Bus{bus.Provisioner: &h.provisioner, bus.Ingress: &h.ingress, bus.Receiver: &h.receiver} {
		if *to, err = bus.Connect(ctx, s.BusConfigOf(client), client, zap.NewNop()); err != nil {
			h.close()
			return hands{}, fmt.Errorf("as %s: %w", client, err)
		}
	}
	return h, nil
}

func (h hands) close() {
	for _, b := range []*bus.Bus{h.provisioner, h.ingress, h.receiver} {
		if b != nil {
			b.Close()
		}
	}
}
