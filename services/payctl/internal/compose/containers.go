package compose

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/payloom/payloom/pkg/payment"
)

// Postgres is the database's container.
const Postgres = "postgres"

// Brokers returns the NATS nodes.
func Brokers() []string { return []string{"nats-1", "nats-2", "nats-3"} }

// Services returns the containers of Payloom itself, without the simulator, whose
// ledger lives in its memory.
func Services() []string {
	all := []string{"ingress", "notify-receiver", "state-tracker", "webhook-sender"}
	for _, p := range payment.Providers() {
		all = append(all, "worker-"+string(p))
	}
	return all
}

// container returns the id of a service's container, running or not.
func (i *Installation) container(ctx context.Context, service string) (string, error) {
	id, err := docker(ctx, "ps", "-aq", "--no-trunc",
		"--filter", "label=com.docker.compose.project="+i.project, "--filter", "label=com.docker.compose.service="+service)
	if err == nil && id == "" {
		err = fmt.Errorf("project %s has no container %s", i.project, service)
	}
	return id, err
}

// do runs an engine's command on a service's container.
func (i *Installation) do(ctx context.Context, service string, command ...string) error {
	id, err := i.container(ctx, service)
	if err != nil {
		return err
	}
	i.opts.Note(strings.Join(command, " ") + " " + service)
	_, err = docker(ctx, append(command, id)...)
	return err
}

// Kill ends a container as a crash would. It stays down until Start.
func (i *Installation) Kill(ctx context.Context, service string) error {
	return i.do(ctx, service, "kill")
}

// Start starts a container that was killed.
func (i *Installation) Start(ctx context.Context, service string) error {
	return i.do(ctx, service, "start")
}

// Pause stops a container without its noticing, as a machine that hangs.
func (i *Installation) Pause(ctx context.Context, service string) error {
	return i.do(ctx, service, "pause")
}

// Unpause has it go on.
func (i *Installation) Unpause(ctx context.Context, service string) error {
	return i.do(ctx, service, "unpause")
}

// Cut takes a container's network away, while it goes on running.
func (i *Installation) Cut(ctx context.Context, service string) error {
	return i.do(ctx, service, "network", "disconnect", i.network())
}

// Mend gives it back, with the names by which others know the container.
func (i *Installation) Mend(ctx context.Context, service string) error {
	public := strings.TrimSuffix(service, "-receiver") + ".localhost"
	return i.do(ctx, service, "network", "connect", "--alias", service, "--alias", public, i.network())
}

func (i *Installation) network() string { return i.project + "_payloom" }

// WaitHealthy returns when every container that has a health check is healthy. It
// gives up after four minutes.
func (i *Installation) WaitHealthy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	services := slices.Concat(Brokers(), []string{Postgres, "simulator"}, Services())
	for {
		sick, err := i.sick(ctx, services)
		if err == nil && len(sick) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("not healthy: %s: %w", strings.Join(sick, ", "), ctx.Err()), err, i.complaints(context.WithoutCancel(ctx)))
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// sick returns the services that are not healthy.
func (i *Installation) sick(ctx context.Context, services []string) ([]string, error) {
	lines, err := docker(ctx, "ps", "--filter", "label=com.docker.compose.project="+i.project,
		"--format", `{{.Label "com.docker.compose.service"}} {{.Status}}`)
	if err != nil {
		return services, err
	}
	return slices.DeleteFunc(slices.Clone(services), func(service string) bool {
		return slices.ContainsFunc(strings.Split(lines, "\n"), func(line string) bool {
			return strings.HasPrefix(line, service+" ") && strings.Contains(line, "(healthy)")
		})
	}), nil
}

// complaints returns the last lines that the containers logged which are not well,
// as an error.
func (i *Installation) complaints(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	sick, err := i.sick(ctx, slices.Concat([]string{"keys", "provision", "migrate"}, Brokers(), []string{Postgres, "simulator"}, Services()))
	errs := []error{err}
	for _, service := range sick {
		id, err := i.container(ctx, service)
		if err != nil {
			continue // it was never made
		}
		text, _ := output(ctx, nil, "sh", "-c", "docker logs --tail 8 "+id+" 2>&1")
		errs = append(errs, fmt.Errorf("%s:\n%s", service, end(text)))
	}
	return errors.Join(errs...)
}
