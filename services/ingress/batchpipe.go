package main

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// pipe is both directions of a call that lasts: what is read and written has time as
// long as it moves. The server's own limits, which are for whole calls, are lifted.
type pipe struct {
	w     http.ResponseWriter
	r     *http.Request
	rc    *http.ResponseController
	stall time.Duration

	mu     sync.Mutex
	halted bool
}

func newPipe(w http.ResponseWriter, r *http.Request, stall time.Duration) *pipe {
	p := &pipe{w: w, r: r, rc: http.NewResponseController(w), stall: stall}
	// A batch may end before its body does. What is left of it must not be taken for
	// the next call on the connection, and in full duplex net/http does not see to that.
	w.Header().Set("Connection", "close")
	// Without it, HTTP/1 would read the whole body before the first result goes out.
	// Where it cannot be had, as in tests, there is no network to wait for either.
	_ = p.rc.EnableFullDuplex()
	if strings.EqualFold(r.Header.Get("Expect"), "100-continue") {
		// A client that waits for it would take our first flush for a refusal.
		w.WriteHeader(http.StatusContinue)
	}
	return p
}

// Read implements io.Reader over the body.
func (p *pipe) Read(b []byte) (int, error) {
	p.mu.Lock()
	if !p.halted {
		_ = p.rc.SetReadDeadline(time.Now().Add(p.stall)) // as above
	}
	p.mu.Unlock()
	return p.r.Body.Read(b)
}

// halt has a Read that waits return, and every later one.
func (p *pipe) halt() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.halted = true
	_ = p.rc.SetReadDeadline(time.Unix(1, 0)) // as above
}

// Write implements io.Writer over the answer.
func (p *pipe) Write(b []byte) (int, error) {
	_ = p.rc.SetWriteDeadline(time.Now().Add(p.stall)) // as above
	return p.w.Write(b)
}

const (
	lingerTime  = 2 * time.Second
	lingerBytes = 16 << 20
)

// linger gives the client time to read the answer and to end what it sends. To close
// with something unread would break the connection, and the end of the answer with it.
// Nobody may read any more.
func (p *pipe) linger() {
	_ = p.flush()                                                      // who has gone does not mind
	_ = p.rc.SetReadDeadline(time.Now().Add(min(lingerTime, p.stall))) // as above
	_, _ = io.CopyN(io.Discard, p.r.Body, lingerBytes)
	_ = p.r.Body.Close()
}

// flush sends what has been written.
func (p *pipe) flush() error {
	_ = p.rc.SetWriteDeadline(time.Now().Add(p.stall)) // as above
	return p.rc.Flush()
}
