package chaos

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"

	"github.com/payloom/payloom/services/payctl/internal/stack"
)

// choice picks one of the processes that a fault may hit.
type choice func(f *field, r *rand.Rand) string

func only(name string) choice { return func(*field, *rand.Rand) string { return name } }

func anyWorker(f *field, r *rand.Rand) string {
	all := slices.Concat(f.stack.Names(stack.Computop), f.stack.Names(stack.Axerve), f.stack.Names(stack.ECommPay))
	return all[r.IntN(len(all))]
}

func anyNode(f *field, r *rand.Rand) string {
	all := f.stack.Nodes()
	return all[r.IntN(len(all))]
}

// kill kills a process and waits until it is ready again.
func kill(pick choice) strike {
	return func(ctx context.Context, f *field, r *rand.Rand) (injury, error) {
		name := pick(f, r)
		return injury{what: name}, f.kill(ctx, name)
	}
}

// kill returns when the process is ready again, or ctx ends before.
func (f *field) kill(ctx context.Context, name string) error {
	pid, err := f.stack.PID(name)
	if err != nil {
		return err
	}
	if err := f.stack.Kill9(name); err != nil {
		return err
	}
	// Whoever does not come back is missed at the end.
	_ = f.stack.WaitService(ctx, name, pid)
	return nil
}

func killNodes(ctx context.Context, f *field, _ *rand.Rand) (injury, error) {
	nodes := f.stack.Nodes()
	errs := make(chan error, len(nodes))
	for _, name := range nodes {
		go func() { errs <- f.kill(ctx, name) }()
	}
	var all []error
	for range nodes {
		all = append(all, <-errs)
	}
	return injury{what: "all nodes"}, errors.Join(all...)
}

func freeze(_ context.Context, f *field, r *rand.Rand) (injury, error) {
	name := anyWorker(f, r)
	thaw, err := f.stack.Freeze(name)
	if err != nil {
		return injury{}, err
	}
	return injury{what: name, heal: func(context.Context) error { return thaw() }}, nil
}
