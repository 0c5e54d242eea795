package chaos

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/services/payctl/internal/stack"
	"github.com/payloom/payloom/services/payctl/internal/verify"
)

// checkDurability asks every service for the durability that it runs with, and every
// broker node whether it syncs every write, when that is for money: a run proves
// nothing about a promise that nobody gave.
func (r *run) checkDurability(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, healing)
	defer cancel()
	want := r.env.Stack.Durability()
	for _, s := range r.env.Stack.Services() {
		if s.Name == stack.Simulator {
			continue // it has no broker
		}
		r.checkSoon(ctx, s.Name, func(ctx context.Context) error { return runsWith(ctx, s.Admin, want) })
	}
	if want != bus.Money {
		return
	}
	_, monitors := r.env.Stack.BrokerURL()
	for monitor := range strings.SplitSeq(monitors, ",") { // one by one: none is passed over
		r.checkSoon(ctx, monitor, func(ctx context.Context) error { return bus.Durable(ctx, monitor) })
	}
}

// checkSoon notes what check finds wrong, if it is still so when ctx ends.
func (r *run) checkSoon(ctx context.Context, subject string, check func(context.Context) error) {
	if err := persist(ctx, check); err != nil {
		r.trouble(verify.Wrong, subject, "%v", err)
	}
}

// runsWith returns nil when the service at admin, host and port, says that it runs
// with a durability.
func runsWith(ctx context.Context, admin, durability string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+admin+"/readyz?verbose", nil)
	if err != nil {
		return err
	}
	res, err := (&http.Client{Timeout: aTry}).Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxWebhook))
	if err == nil && !strings.Contains(string(text), "[i] durability: "+durability+"\n") {
		err = fmt.Errorf("does not say that its durability is %s", durability)
	}
	return err
}
