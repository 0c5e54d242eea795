package service_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/conf"
	"github.com/payloom/payloom/pkg/service"
)

type testConfig struct {
	service.Config
	Key  conf.Secret `env:"KEY,required" desc:"what grants access"`
	Size int         `env:"SIZE" envDefault:"3" desc:"how many"`
}

func (*testConfig) Summary() string { return "tests what services share" }

// outcome is what a finished service left behind.
type outcome struct {
	code           int
	stdout, stderr string
}

// lockedBuffer may be written by a body that outlives Run.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func runService(ctx context.Context, args []string, environ map[string]string, cfg any, body service.RunFunc) outcome {
	var stdout, stderr lockedBuffer
	p := service.Process{Args: args, Environ: environ, Stdout: &stdout, Stderr: &stderr}
	code := service.Run(ctx, p, "svc", cfg, body)
	return outcome{code, stdout.String(), stderr.String()}
}

func environ(pairs ...string) map[string]string {
	env := map[string]string{"ADMIN_ADDR": "127.0.0.1:0", "KEY": "k3y-canary"}
	for i := 0; i < len(pairs); i += 2 {
		env[pairs[i]] = pairs[i+1]
	}
	return env
}

func checkContains(t *testing.T, what, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%s lacks %q:\n%s", what, p, text)
		}
	}
}

func TestRun_TellsAboutItself(t *testing.T) {
	t.Parallel()
	help := runService(t.Context(), []string{"--help"}, nil, &testConfig{}, nil)
	if help.code != service.ExitOK || help.stderr != "" {
		t.Errorf("--help: %+v", help)
	}
	checkContains(t, "--help", help.stdout, "svc: tests what services share", "KEY ", "(required)", "ADMIN_ADDR", ":9090", "SHUTDOWN_GRACE", "20s", "how many")
	if n := strings.Count(help.stdout, "LOG_LEVEL"); n != 1 {
		t.Errorf("LOG_LEVEL is listed %d times", n)
	}
	plain := runService(t.Context(), []string{"-h"}, nil, nil, nil)
	checkContains(t, "--help without a configuration", plain.stdout, "LOG_LEVEL")

	version := runService(t.Context(), []string{"--version"}, nil, nil, nil)
	if version.code != service.ExitOK || version.stdout != "svc "+service.Version()+"\n" {
		t.Errorf("--version: %+v", version)
	}
	wrong := runService(t.Context(), []string{"start"}, nil, nil, nil)
	if wrong.code != service.ExitUsage {
		t.Errorf("unknown argument: exit code %d", wrong.code)
	}
	checkContains(t, "stderr", wrong.stderr, `unknown argument "start"`)
}

func TestRun_RefusesAWrongConfiguration(t *testing.T) {
	t.Parallel()
	ran := false
	got := runService(t.Context(), nil, map[string]string{"SIZE": "big", "SHUTDOWN_GRACE": "0s"}, &testConfig{},
		func(context.Context, *service.Runtime) error { ran = true; return nil })
	if got.code != service.ExitError || ran {
		t.Errorf("exit code %d, body ran: %v", got.code, ran)
	}
	checkContains(t, "stderr", got.stderr, "svc: configuration:", "KEY is not set", `SIZE is "big"`, "SHUTDOWN_GRACE")

	separate := struct {
		Size int `env:"SIZE"`
	}{}
	got = runService(t.Context(), nil, map[string]string{"SIZE": "big", "LOG_LEVEL": "loud"}, &separate, nil)
	checkContains(t, "stderr", got.stderr, `SIZE is "big"`, `LOG_LEVEL is "loud"`)
}

func TestRun_ServesAdminWhileRunning(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var before, ready, stopping, metrics answer
	cfg := &testConfig{}
	got := runService(ctx, nil, environ(), cfg, func(ctx context.Context, rt *service.Runtime) error {
		base := "http://" + rt.AdminAddr
		before = get(t, base+"/readyz")
		rt.Health.SetReady(true)
		ready, metrics = get(t, base+"/readyz"), get(t, base+"/metrics")
		cancel()
		// The note is set beside the cancellation, not in the same instant.
		for stopping = get(t, base+"/readyz"); stopping.status == http.StatusOK; stopping = get(t, base+"/readyz") {
		}
		<-ctx.Done()
		return ctx.Err()
	})
	if got.code != service.ExitOK {
		t.Errorf("exit code %d: %s", got.code, got.stderr)
	}
	if before.status != http.StatusServiceUnavailable || ready.status != http.StatusOK || stopping.status != http.StatusServiceUnavailable {
		t.Errorf("readyz answered %d, %d, %d", before.status, ready.status, stopping.status)
	}
	checkContains(t, "metrics", metrics.body, `payloom_build_info{`, `service="svc"`, "payloom_ready 1", "go_goroutines", "process_cpu_seconds_total")
	checkContains(t, "log", got.stderr, `"msg":"starting"`, `"msg":"stopping"`, `"msg":"stopped"`)
	if strings.Contains(got.stderr, "k3y-canary") || cfg.Key.Reveal() != "k3y-canary" {
		t.Error("the key is logged, or was not read")
	}
}

func TestRun_ReportsAFailure(t *testing.T) {
	t.Parallel()
	got := runService(t.Context(), nil, environ(), &testConfig{}, func(context.Context, *service.Runtime) error {
		return errors.New("broken by 4111111111111111")
	})
	if got.code != service.ExitError {
		t.Errorf("exit code %d", got.code)
	}
	checkContains(t, "stderr", got.stderr, "svc: broken by ****************\n")
}

func TestRun_DoesNotWaitForever(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	release := make(chan struct{})
	defer close(release)
	got := runService(ctx, nil, environ("SHUTDOWN_GRACE", "20ms"), &testConfig{}, func(context.Context, *service.Runtime) error {
		cancel()
		<-release
		return nil
	})
	if got.code != service.ExitError {
		t.Errorf("exit code %d", got.code)
	}
	checkContains(t, "stderr", got.stderr, "did not stop in time: still busy after 20ms")
}

func TestRun_RefusesABusyAdminPort(t *testing.T) {
	t.Parallel()
	first, err := service.NewHTTPServer(t.Context(), "127.0.0.1:0", http.NotFoundHandler(), service.HTTPOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	got := runService(t.Context(), nil, environ("ADMIN_ADDR", first.Addr()), &testConfig{}, nil)
	if got.code != service.ExitError {
		t.Errorf("exit code %d", got.code)
	}
	checkContains(t, "stderr", got.stderr, "admin server", "address already in use")
}

// childEnv makes this test binary a service: "polite" stops when asked, "deaf" does not.
const childEnv = "SERVICE_TEST_CHILD"

func TestMain(m *testing.M) {
	mode := os.Getenv(childEnv)
	if mode == "" {
		os.Exit(m.Run())
	}
	os.Args = os.Args[:1]
	service.Main("child", nil, func(ctx context.Context, rt *service.Runtime) error {
		rt.Log.Info("up")
		<-ctx.Done()
		if mode == "deaf" {
			select {}
		}
		return nil
	})
}

func TestMain_Signals(t *testing.T) {
	t.Parallel()
	t.Run("the first signal stops the service in order", func(t *testing.T) {
		t.Parallel()
		child := startChild(t, "polite")
		child.mustSee(t, `"msg":"up"`)
		child.mustSignal(t, syscall.SIGTERM)
		if err := child.cmd.Wait(); err != nil {
			t.Errorf("ended with %v", err)
		}
	})
	t.Run("the second signal ends the process at once", func(t *testing.T) {
		t.Parallel()
		child := startChild(t, "deaf")
		child.mustSee(t, `"msg":"up"`)
		child.mustSignal(t, syscall.SIGTERM)
		child.mustSee(t, `"msg":"stopping"`)
		begin := time.Now()
		child.mustSignal(t, syscall.SIGTERM)
		var exit *exec.ExitError
		if err := child.cmd.Wait(); !errors.As(err, &exit) {
			t.Fatalf("ended with %v", err)
		}
		if exit.ExitCode() != service.ExitInterrupted || time.Since(begin) > 10*time.Second {
			t.Errorf("ended with %v after %v", exit, time.Since(begin))
		}
	})
}

type child struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
}

func startChild(t *testing.T, mode string) *child {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+mode, "ADMIN_ADDR=127.0.0.1:0", "SHUTDOWN_GRACE=1m")
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return &child{cmd, bufio.NewScanner(out)}
}

func (c *child) mustSee(t *testing.T, text string) {
	t.Helper()
	for c.lines.Scan() {
		if strings.Contains(c.lines.Text(), text) {
			return
		}
	}
	t.Fatalf("the child ended without %q", text)
}

func (c *child) mustSignal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := c.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

type answer struct {
	status int
	header http.Header
	body   string
}

func get(t *testing.T, url string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := new(http.Client).Do(req)
	if err != nil {
		t.Error(err)
		return answer{}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Error(err)
	}
	return answer{res.StatusCode, res.Header, string(body)}
}
