package simkit

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// LongestHold is how long a call is held whose client does not give up.
const LongestHold = 2 * time.Minute

// Trouble plays what can go wrong with any HTTP service. It may be used
// concurrently.
type Trouble struct {
	garbage string
	now     func() time.Time
	ctx     context.Context // ends with the simulator; held calls watch it

	mu      sync.Mutex
	latency time.Duration
	outage  time.Time // calls before it are answered 503
}

// NewTrouble returns a service in good health. Garbage is the body of answers
// that cannot be read.
func NewTrouble(ctx context.Context, now func() time.Time, garbage string) *Trouble {
	return &Trouble{garbage: garbage, now: now, ctx: ctx}
}

// SetLatency makes every call take at least d, real time.
func (t *Trouble) SetLatency(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.latency = max(d, 0)
}

// Outage answers every call with 503 for d from now; 0 ends an outage.
func (t *Trouble) Outage(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.outage = t.now().Add(d)
}

// Admit plays outage and latency, and reports whether the call goes on.
func (t *Trouble) Admit(w http.ResponseWriter, r *http.Request) bool {
	t.mu.Lock()
	left, latency := t.outage.Sub(t.now()), t.latency
	t.mu.Unlock()
	if left > 0 {
		RetryLater(w, http.StatusServiceUnavailable, left)
		return false
	}
	return t.Pause(r.Context(), latency)
}

// Before plays a fault that comes before the effect and reports whether the call
// is over. FaultTimeoutLate holds the call; the effect is the caller's to plan.
func (t *Trouble) Before(w http.ResponseWriter, r *http.Request, fault Fault, delay time.Duration) bool {
	switch fault {
	case FaultSlow:
		return !t.Pause(r.Context(), delay)
	case FaultTimeoutBefore:
		t.hang(r, delay)
	case FaultTimeoutLate:
		t.hang(r, LongestHold)
	case FaultResetBefore:
		reset(w)
	case FaultHTTP500Before:
		http.Error(w, "internal server error", http.StatusInternalServerError)
	case FaultGarbageBefore:
		_, _ = w.Write([]byte(t.garbage))
	case FaultEmptyBefore:
		w.WriteHeader(http.StatusOK)
	case FaultThrottled:
		RetryLater(w, http.StatusTooManyRequests, delay)
	case FaultUnavailable:
		RetryLater(w, http.StatusServiceUnavailable, delay)
	default:
		return false
	}
	return true
}

// After plays a fault that comes after the effect and reports whether the call is
// over.
func (t *Trouble) After(w http.ResponseWriter, r *http.Request, fault Fault, delay time.Duration) bool {
	switch fault {
	case FaultTimeoutAfter:
		t.hang(r, delay)
	case FaultResetAfter:
		reset(w)
	case FaultHTTP500After:
		http.Error(w, "internal server error", http.StatusInternalServerError)
	case FaultGarbageAfter:
		_, _ = w.Write([]byte(t.garbage))
	case FaultEmptyAfter:
		w.WriteHeader(http.StatusOK)
	default:
		return false
	}
	return true
}

// hang holds the connection until the client gives up or the time is over, and
// then cuts it.
func (t *Trouble) hang(r *http.Request, most time.Duration) {
	if most == 0 {
		most = LongestHold
	}
	t.Pause(r.Context(), most)
	panic(http.ErrAbortHandler)
}

// Pause waits and reports whether the client is still there.
func (t *Trouble) Pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-t.ctx.Done():
	}
	return false
}

// reset breaks the connection so that the client sees "connection reset by
// peer", or at least its end where that cannot be done.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// RetryLater answers with a status and a Retry-After of whole seconds.
func RetryLater(w http.ResponseWriter, status int, after time.Duration) {
	seconds := max(1, int(after.Round(time.Second)/time.Second))
	w.Header().Set("Retry-After", strconv.Itoa(seconds))
	http.Error(w, http.StatusText(status), status)
}
