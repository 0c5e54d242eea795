package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/payloom/payloom/pkg/conf"
)

// errNotReady says that the service at the admin address is not ready.
var errNotReady = errors.New("not ready")

// healthcheck asks the running service of the same environment whether it is
// ready, for containers that hold nothing but the service's binary. It prints
// the reasons when it is not.
func (p Process) healthcheck(ctx context.Context) error {
	var cfg Config
	if err := conf.Load(&cfg, p.Environ); err != nil {
		return fmt.Errorf("configuration:\n%w", err)
	}
	host, port, err := net.SplitHostPort(cfg.AdminAddr)
	if err != nil {
		return fmt.Errorf("ADMIN_ADDR: %w", err)
	}
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "127.0.0.1"
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return p.askReady(ctx, "http://"+net.JoinHostPort(host, port)+"/readyz?verbose")
}

func (p Process) askReady(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	client := http.Client{Timeout: 5 * time.Second}
	res, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("%w: %w", errNotReady, err)
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.Copy(p.Stdout, io.LimitReader(res.Body, 64<<10)) // whoever looks is told why
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%w: status %d", errNotReady, res.StatusCode)
	}
	return nil
}
