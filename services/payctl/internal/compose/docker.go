package compose

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// ErrNoDocker means that there is no container engine here.
var ErrNoDocker = errors.New("no docker daemon, or no docker compose")

// Find returns the command that runs compose files here: the plugin or, where it is
// missing, docker-compose. The error wraps ErrNoDocker.
func Find(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if _, err := output(ctx, nil, "docker", "version", "--format", "{{.Server.Version}}"); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoDocker, err)
	}
	for _, command := range [][]string{{"docker", "compose"}, {"docker-compose"}} {
		if _, err := output(ctx, nil, append(command, "version")...); err == nil {
			return command, nil
		}
	}
	return nil, fmt.Errorf("%w: neither docker compose nor docker-compose", ErrNoDocker)
}

// output runs a command to its end and returns what it printed. The error holds the
// end of what it complained of.
func output(ctx context.Context, environ []string, command ...string) (string, error) {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = environ
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s: %w: %s", strings.Join(command, " "), err, end(complaint.String()))
	}
	return strings.TrimSpace(out.String()), nil
}

const complaintLength = 2000

func end(text string) string {
	text = strings.TrimSpace(text)
	return text[max(0, len(text)-complaintLength):]
}

// docker runs a command of the engine.
func docker(ctx context.Context, args ...string) (string, error) {
	return output(ctx, nil, append([]string{"docker"}, args...)...)
}
