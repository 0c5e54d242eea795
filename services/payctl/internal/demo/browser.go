package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// browser is a buyer's, as far as it is needed here: it follows nothing by itself,
// and finds the names that end in .localhost on this machine (RFC 6761).
var browser = http.Client{
	Timeout:       10 * time.Second,
	Transport:     &http.Transport{DialContext: dialHere, DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func dialHere(ctx context.Context, network, address string) (net.Conn, error) {
	if host, port, err := net.SplitHostPort(address); err == nil && strings.HasSuffix(host, ".localhost") {
		address = net.JoinHostPort("127.0.0.1", port)
	}
	var d net.Dialer
	return d.DialContext(ctx, network, address)
}

// reloadPause is how long a buyer waits before loading a page again.
const reloadPause = 500 * time.Millisecond

// redirect returns where a browser is led from an address. The buyer loads a page
// again that does not come.
func (r *runner) redirect(ctx context.Context, address string) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.patience, ErrStuck)
	defer cancel()
	for {
		to, err := visit(ctx, address)
		if err == nil {
			return to, nil
		}
		select {
		case <-ctx.Done():
			return "", errors.Join(context.Cause(ctx), err)
		case <-time.After(reloadPause):
		}
	}
}

// visit loads a page once.
func visit(ctx context.Context, address string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", err
	}
	res, err := browser.Do(req)
	if err != nil {
		return "", err
	}
	if err := res.Body.Close(); err != nil {
		return "", err
	}
	to := res.Header.Get("Location")
	if to == "" { // while something is away there is a page that says so
		return "", fmt.Errorf("the page answers %s", res.Status)
	}
	return to, nil
}
