package pgbox

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

var errPortTaken = errors.New("the port is taken")

// home is the folder of one cluster:
//
//	data/         the cluster
//	password      the superuser's
//	postgres.log  of the last start
type home struct {
	dir      string
	keep     bool
	owner    *owner
	binaries Binaries
	password string
}

// openHome returns a folder with a cluster in it that nobody is running.
func openHome(ctx context.Context, opts Options) (*home, error) {
	h := &home{dir: opts.Dir, keep: opts.Dir != ""}
	err := h.open(ctx, opts.Durable)
	if err != nil {
		return nil, errors.Join(err, h.remove())
	}
	return h, nil
}

func (h *home) open(ctx context.Context, durable bool) (err error) {
	if h.owner, err = serverOwner(); err != nil {
		return err
	}
	if err = h.makeDir(); err != nil {
		return err
	}
	if err = h.owner.checkReach(ctx, h.dir); err != nil {
		return err
	}
	major, err := clusterVersion(h.data())
	if errors.Is(err, fs.ErrNotExist) {
		return h.create(ctx, durable)
	}
	if err != nil {
		return err
	}
	return h.reuse(ctx, major)
}

func (h *home) makeDir() (err error) {
	if h.keep {
		if h.dir, err = filepath.Abs(h.dir); err != nil {
			return err
		}
		return os.MkdirAll(h.dir, 0o755)
	}
	if h.dir, err = temporaryHome(); err != nil {
		return err
	}
	return h.owner.own(h.dir)
}

// create makes a cluster beside its final place, so that an interrupted initdb
// does not leave half a cluster that looks like a whole one.
func (h *home) create(ctx context.Context, durable bool) (err error) {
	if h.binaries, err = Find(ctx); err != nil {
		return err
	}
	h.password = rand.Text()
	if err = h.writePassword(); err != nil {
		return err
	}
	fresh, err := os.MkdirTemp(h.dir, "data.new-")
	if err != nil {
		return err
	}
	if err = h.owner.own(fresh); err != nil {
		return err
	}
	if err = h.initdb(ctx, fresh, durable); err != nil {
		return errors.Join(err, os.RemoveAll(fresh))
	}
	return os.Rename(fresh, h.data())
}

func (h *home) initdb(ctx context.Context, dir string, durable bool) error {
	args := []string{
		"--pgdata=" + dir, "--username=" + user, "--pwfile=" + h.passwordFile(),
		"--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-instructions",
	}
	if !durable {
		args = append(args, "--no-sync")
	}
	cmd := h.owner.command(ctx, filepath.Join(h.binaries.Dir, "initdb"), args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, lastLines(out))
	}
	return nil
}

func (h *home) writePassword() error {
	if err := os.WriteFile(h.passwordFile(), []byte(h.password+"\n"), 0o600); err != nil {
		return err
	}
	return h.owner.own(h.passwordFile())
}

// reuse takes over a cluster that was made by an earlier start.
func (h *home) reuse(ctx context.Context, major int) (err error) {
	if h.binaries, err = findMajor(ctx, major); err != nil {
		return err
	}
	b, err := os.ReadFile(h.passwordFile())
	if err != nil {
		return fmt.Errorf("a cluster that is not ours: %w", err)
	}
	h.password = strings.TrimSpace(string(b))
	return awaitNobody(ctx, h.data())
}

// clusterVersion returns the major version that made the cluster in dir.
func clusterVersion(dir string) (int, error) {
	b, err := os.ReadFile(filepath.Join(dir, "PG_VERSION"))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(b)))
}

// settings are given on the command line, so that the cluster's own files stay as initdb made them.
func settings(port int, durable bool) []string {
	args := []string{
		"listen_addresses=127.0.0.1", "port=" + strconv.Itoa(port),
		// A socket's path must be short, and a home's may be long.
		"unix_socket_directories=",
		"max_connections=200", "timezone=UTC", "jit=off",
		// Statements and details hold what people paid.
		"log_min_error_statement=panic", "log_error_verbosity=terse",
	}
	if !durable {
		args = append(args, "fsync=off", "synchronous_commit=off", "full_page_writes=off", "wal_level=minimal", "max_wal_senders=0")
	}
	var flags []string
	for _, a := range args {
		flags = append(flags, "-c", a)
	}
	return flags
}

// run starts the server process.
func (h *home) run(ctx context.Context, port int, durable bool) (*process, error) {
	log, err := os.Create(h.logFile())
	if err != nil {
		return nil, err
	}
	defer log.Close() // the server has its own handle
	args := append([]string{"-D", h.data()}, settings(port, durable)...)
	// The server outlives its start: Stop ends it, or our end does.
	cmd := h.owner.command(context.WithoutCancel(ctx), filepath.Join(h.binaries.Dir, "postgres"), args...)
	cmd.Dir = h.data()
	cmd.Stdout, cmd.Stderr = log, log
	return startProcess(cmd)
}

// lastWords is why the server ended by itself.
func (h *home) lastWords() error {
	out, err := os.ReadFile(h.logFile())
	if err != nil {
		return errors.Join(ErrEnded, err)
	}
	if bytes.Contains(out, []byte("Address already in use")) {
		return fmt.Errorf("%w: %w\n%s", ErrEnded, errPortTaken, lastLines(out))
	}
	return fmt.Errorf("%w:\n%s", ErrEnded, lastLines(out))
}

// remove deletes a temporary home.
func (h *home) remove() error {
	if h.temporary() == "" {
		return nil
	}
	return os.RemoveAll(h.dir)
}

// temporary returns the folder to remove in the end, or "".
func (h *home) temporary() string {
	if h.keep {
		return ""
	}
	return h.dir
}

func (h *home) data() string         { return filepath.Join(h.dir, "data") }
func (h *home) passwordFile() string { return filepath.Join(h.dir, "password") }
func (h *home) logFile() string      { return filepath.Join(h.dir, "postgres.log") }

// lastLines keeps the end of a program's output, where the reason stands.
func lastLines(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return strings.Join(lines[max(0, len(lines)-8):], "\n")
}
