package stack

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const environName = "payloom.env"

// EnvironFile returns the file that tells other programs how to reach the stack.
// It holds the database's password and is there while the stack runs.
func (s *Stack) EnvironFile() string { return filepath.Join(s.dir, environName) }

// writeEnviron writes the file, until the stack stops.
func (s *Stack) writeEnviron() error {
	if err := s.saveEnviron(); err != nil {
		return err
	}
	s.onStop("environment file", func() error { return os.Remove(s.EnvironFile()) })
	return nil
}

// saveEnviron saves one NAME=value per line, as shells and env files have it.
func (s *Stack) saveEnviron() error {
	u := s.URLs()
	text := ""
	for _, line := range [][2]string{
		{"NATS_URL", s.broker.url}, {"NATS_MONITOR_URL", s.broker.monitor}, {"PAYLOOM_DURABILITY", s.opts.Durability},
		{"DATABASE_URL", s.database}, {"PAYLOOM_ACCOUNTS", s.AccountsFile()}, {"PAYLOOM_DATA_KEYS", s.dataKeys()}, {"PAYLOOM_SIMULATOR", u.Simulator},
		{"PAYLOOM_SIMULATOR_SINCE", s.began.UTC().Format(time.RFC3339Nano)},
		{"PAYLOOM_INGRESS", u.Ingress}, {"PAYLOOM_QUERY", u.Tracker}, {"PUBLIC_URL", u.Notify},
		{"PAYLOOM_METRICS", strings.Join(s.Metrics(), ",")}, {"PAYLOOM_LOGS", s.LogDir()},
		{"PAYLOOM_API_KEY", "file:" + filepath.Join(s.secretDir(), generation(apiKey, s.generationsOf(apiKey)[0]))},
	} {
		text += line[0] + "=" + line[1] + "\n"
	}
	keys := keysOf(s.BusConfig())
	for _, name := range slices.Sorted(maps.Keys(keys)) {
		text += name + "=" + keys[name] + "\n"
	}
	return os.WriteFile(s.EnvironFile(), []byte(text), 0o600)
}

// ReadEnviron returns what a stack that runs in dir has written. The error wraps
// fs.ErrNotExist when none runs there.
func ReadEnviron(dir string) (map[string]string, error) {
	f, err := os.Open(filepath.Join(dir, environName))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	all := map[string]string{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		name, value, ok := strings.Cut(lines.Text(), "=")
		if !ok {
			return nil, fmt.Errorf("%s: %q is no NAME=value", f.Name(), name)
		}
		all[name] = value
	}
	return all, lines.Err()
}
