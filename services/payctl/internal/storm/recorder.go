package storm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/payloom/payloom/pkg/payment"
)

// Callback is a request that a provider, or somebody who pretends to be one, makes.
type Callback struct {
	Provider payment.Provider
	Endpoint string // key of the account's address
	Method   string
	Query    string
	Type     string // of the content
	Body     []byte
}

func (c Callback) path() string { return "/callbacks/" + string(c.Provider) + "/" + c.Endpoint }

// request returns c as a request to the receiver at base.
func (c Callback) request(ctx context.Context, base string) (*http.Request, error) {
	url := base + c.path()
	if c.Query != "" {
		url += "?" + c.Query
	}
	req, err := http.NewRequestWithContext(ctx, c.Method, url, bytes.NewReader(c.Body))
	if err == nil && c.Type != "" {
		req.Header.Set("Content-Type", c.Type)
	}
	return req, err
}

// Recorder stands between the providers and notify-receiver: it keeps every
// callback and passes it on. It may be used concurrently.
type Recorder struct {
	server *http.Server
	addr   string

	mu   sync.Mutex
	kept []Callback
	not  int // answered otherwise than with 200
	send Send
	rest http.Handler // what is no callback: buyers' browsers
	wait sync.WaitGroup
}

// Send passes a callback on, and returns how it was answered.
type Send func(ctx context.Context, c Callback) (status int, err error)

// maxCallback is more than a receiver takes, bytes.
const maxCallback = 1 << 20

// NewRecorder returns a recorder that listens already. Until Pass it has providers
// come again.
func NewRecorder(ctx context.Context) (*Recorder, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("recorder: %w", err)
	}
	r := &Recorder{addr: "http://" + l.Addr().String()}
	r.server = &http.Server{Handler: r, ReadHeaderTimeout: 10 * time.Second}
	r.wait.Go(func() { _ = r.server.Serve(l) })
	return r, nil
}

// URL is what providers are told.
func (r *Recorder) URL() string { return r.addr }

// Pass sets how callbacks are passed on, and where everything else goes.
func (r *Recorder) Pass(receiver string, send Send) error {
	to, err := url.Parse(receiver)
	if err != nil {
		return fmt.Errorf("recorder: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.send = send
	r.rest = &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(to) }}
	return nil
}

// Kept returns the callbacks that were taken so far, and how many were not: some
// simulated faults are forgeries.
func (r *Recorder) Kept() (taken []Callback, refused int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Callback{}, r.kept...), r.not
}

// Hold has providers come again, later than anybody waits for here.
func (r *Recorder) Hold() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.send = nil
}

// Close ends the recorder and returns when nothing of it runs.
func (r *Recorder) Close() error {
	err := r.server.Close()
	r.wait.Wait()
	return err
}

// ServeHTTP implements http.Handler.
func (r *Recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	send, rest := r.send, r.rest
	r.mu.Unlock()
	if send == nil {
		http.Error(w, "not yet", http.StatusServiceUnavailable)
		return
	}
	c, err := read(req)
	if errors.Is(err, errElsewhere) {
		rest.ServeHTTP(w, req)
		return
	}
	if err != nil {
		http.Error(w, "cut off", http.StatusBadRequest)
		return
	}
	status, err := send(req.Context(), c)
	if err != nil || status == noAnswer {
		status = http.StatusBadGateway
	}
	r.mu.Lock()
	if status == http.StatusOK {
		r.kept = append(r.kept, c)
	} else {
		r.not++
	}
	r.mu.Unlock()
	w.WriteHeader(status)
}

// errElsewhere means that a request is no callback.
var errElsewhere = errors.New("storm: not the address of a callback")

func read(req *http.Request) (Callback, error) {
	parts := strings.Split(strings.Trim(req.URL.Path, "/"), "/")
	if len(parts) != 3 || parts[0] != "callbacks" {
		return Callback{}, errElsewhere
	}
	body, err := io.ReadAll(io.LimitReader(req.Body, maxCallback))
	return Callback{
		Provider: payment.Provider(parts[1]), Endpoint: parts[2], Method: req.Method,
		Query: req.URL.RawQuery, Type: req.Header.Get("Content-Type"), Body: body,
	}, err
}
