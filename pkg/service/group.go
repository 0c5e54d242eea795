package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// ErrEnded says that a component returned without being asked to.
var ErrEnded = errors.New("ended without being asked to")

// Group runs the components of a service side by side. Add them in the order in
// which they depend on each other, what others need first. The zero value is
// ready; Add and Run are for one goroutine.
type Group struct {
	components []component
}

type component struct {
	name string
	run  func(ctx context.Context) error
}

// Add appends a component. run works until its context ends and then returns;
// the cancellation it was sent is no error.
func (g *Group) Add(name string, run func(ctx context.Context) error) {
	g.components = append(g.components, component{name, run})
}

// running is a component after its start.
type running struct {
	component
	cancel context.CancelFunc
	done   chan struct{}
	err    error // readable after done is closed
}

// Run starts all components and waits until ctx ends or one of them returns,
// which counts as a failure even without an error: a consumer that silently
// ended is worse than one that failed. Then it stops them one after the other,
// the last added first, and returns all errors joined.
func (g *Group) Run(ctx context.Context) error {
	ended := make(chan struct{}, len(g.components))
	var all []*running
	for _, c := range g.components {
		all = append(all, start(ctx, c, ended))
	}
	select {
	case <-ctx.Done():
	case <-ended:
	}
	var errs []error
	for _, r := range slices.Backward(all) {
		r.cancel()
		<-r.done
		errs = append(errs, r.err)
	}
	return errors.Join(errs...)
}

// start runs c under a context that only the group ends.
func start(ctx context.Context, c component, ended chan<- struct{}) *running {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r := &running{component: c, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		r.err = c.verdict(ctx, c.run(ctx))
		ended <- struct{}{}
	}()
	return r
}

// verdict is the error that counts when run has returned err.
func (c component) verdict(ctx context.Context, err error) error {
	asked := ctx.Err() != nil
	switch {
	case asked && errors.Is(err, context.Canceled):
		return nil
	case err == nil && !asked:
		err = ErrEnded
	case err == nil:
		return nil
	}
	return fmt.Errorf("%s: %w", c.name, err)
}
