package service

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Limits of every HTTP server: a client that is slow, silent or endless is cut
// off before it holds a connection for long.
const (
	readHeaderTimeout   = 5 * time.Second
	readTimeout         = 10 * time.Second
	defaultWriteTimeout = 10 * time.Second
	idleTimeout         = 60 * time.Second
	maxHeaderBytes      = 16 << 10
	defaultGrace        = 20 * time.Second
)

// HTTPOptions are the settings of an [HTTPServer]; the zero value will do.
type HTTPOptions struct {
	Name         string        // in log lines and errors; default "http"
	WriteTimeout time.Duration // from the end of the request's header to the end of the answer; default 10 s, more for long polls
	Grace        time.Duration // for running requests after the end; default 20 s
	Log          *zap.Logger   // default: none
	Health       *Health       // told to be not ready before the server stops; may be nil
}

func (o HTTPOptions) withDefaults() HTTPOptions {
	if o.Name == "" {
		o.Name = "http"
	}
	if o.WriteTimeout == 0 {
		o.WriteTimeout = defaultWriteTimeout
	}
	if o.Grace == 0 {
		o.Grace = defaultGrace
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	return o
}

// HTTPServer is an HTTP server that already owns its port. Its methods are safe
// for concurrent use.
type HTTPServer struct {
	opts     HTTPOptions
	listener net.Listener
	server   *http.Server
}

// NewHTTPServer takes the port at once, so that a busy one is an error at start;
// port 0 takes a free one, see [HTTPServer.Addr]. Connections wait until
// [HTTPServer.Run]; without Run the port is given back by [HTTPServer.Close].
func NewHTTPServer(ctx context.Context, addr string, h http.Handler, opts HTTPOptions) (*HTTPServer, error) {
	opts = opts.withDefaults()
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("%s server: %w", opts.Name, err)
	}
	// Warnings of net/http are about clients; they are no fault of ours.
	errorLog, err := zap.NewStdLogAt(opts.Log.With(Component(opts.Name)), zapcore.DebugLevel)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return &HTTPServer{opts: opts, listener: l, server: &http.Server{
		Handler:           h,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      opts.WriteTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          errorLog,
	}}, nil
}

// Addr returns the address the server listens on, such as "127.0.0.1:41873".
func (s *HTTPServer) Addr() string { return s.listener.Addr().String() }

// Run serves until ctx ends, then stops: not ready first, no new connections,
// running requests get the grace, the rest is cut off and reported.
func (s *HTTPServer) Run(ctx context.Context) error {
	served := make(chan error, 1)
	go func() { served <- s.serve() }()
	s.opts.Log.Info("listening", Component(s.opts.Name), Addr(s.Addr()))
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
		return errors.Join(s.shutdown(ctx), <-served)
	}
}

// serve serves until the server is shut down or closed, which is no error.
func (s *HTTPServer) serve() error {
	if err := s.server.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("%s server: %w", s.opts.Name, err)
	}
	return nil
}

// Close stops at once. It may be called at any time, and again.
func (s *HTTPServer) Close() error {
	err := errors.Join(s.server.Close(), s.listener.Close())
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (s *HTTPServer) shutdown(ctx context.Context) error {
	if s.opts.Health != nil {
		s.opts.Health.Stopping()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.opts.Grace)
	defer cancel()
	err := s.server.Shutdown(ctx)
	if err == nil {
		return nil
	}
	return errors.Join(fmt.Errorf("%s server: requests were cut off after %v: %w", s.opts.Name, s.opts.Grace, err), s.Close())
}
