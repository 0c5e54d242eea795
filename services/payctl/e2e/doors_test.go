package e2e

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// door is the one address of several replicas, as what spreads connections in
// production gives them: a connection goes to the next replica that takes it.
type door struct {
	listener net.Listener
	turn     atomic.Uint64
	replicas atomic.Pointer[[]string] // hosts and ports
}

// newDoor opens a door that leads nowhere yet.
func newDoor(t *testing.T) *door {
	t.Helper()
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &door{listener: l}
	d.replicas.Store(&[]string{})
	t.Cleanup(func() { _ = l.Close() })
	go d.serve()
	return d
}

func (d *door) url() string { return "http://" + d.listener.Addr().String() }

// lead has the door lead to replicas by their URLs.
func (d *door) lead(urls []string) {
	var hosts []string
	for _, u := range urls {
		hosts = append(hosts, strings.TrimPrefix(u, "http://"))
	}
	d.replicas.Store(&hosts)
}

func (d *door) serve() {
	for {
		in, err := d.listener.Accept()
		if err != nil {
			return // closed
		}
		go d.pass(in)
	}
}

// pass carries one connection. Nobody takes it: it is closed.
func (d *door) pass(in net.Conn) {
	defer in.Close()
	out, err := d.dial()
	if err != nil {
		return
	}
	defer out.Close()
	var both sync.WaitGroup
	both.Go(func() { carry(out, in) })
	both.Go(func() { carry(in, out) })
	both.Wait()
}

// carry copies until one end is through, and says so to the other.
func carry(to, from net.Conn) {
	_, _ = io.Copy(to, from) // whoever is cut off notices
	if c, ok := to.(*net.TCPConn); ok {
		_ = c.CloseWrite()
	}
}

func (d *door) dial() (net.Conn, error) {
	hosts := *d.replicas.Load()
	first := d.turn.Add(1)
	for i := range hosts {
		host := hosts[(first+uint64(i))%uint64(len(hosts))]
		if c, err := net.Dial("tcp", host); err == nil {
			return c, nil
		}
	}
	return nil, errors.New("no replica takes connections")
}

// witness counts what clients were answered. It is an http.RoundTripper.
type witness struct {
	through http.RoundTripper
	asked   atomic.Int64
	failed  atomic.Int64 // without an answer, or with one that says it is the server's fault
}

// RoundTrip implements http.RoundTripper.
func (w *witness) RoundTrip(r *http.Request) (*http.Response, error) {
	w.asked.Add(1)
	res, err := w.through.RoundTrip(r)
	if err != nil && r.Context().Err() == nil || err == nil && res.StatusCode >= http.StatusInternalServerError {
		w.failed.Add(1)
	}
	return res, err
}
