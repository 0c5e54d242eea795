package computopsim

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"time"
)

// longestHold is how long a call is held whose client does not give up.
const longestHold = 2 * time.Minute

// garbage is an answer as a broken proxy gives it.
const garbage = "<html><head><title>Object moved</title></head><body>\x00\xff&Len=zz&Data=</body></html>"

// failBefore plays the faults that come before the effect. It reports whether
// the call is over.
func (s *Simulator) failBefore(w http.ResponseWriter, r *http.Request, c *call, rule Rule) bool {
	switch rule.Fault {
	case FaultSlow:
		return !s.pause(r.Context(), rule.Delay)
	case FaultTimeoutBefore:
		s.hang(r, rule.Delay)
	case FaultTimeoutLate:
		s.timers.after(rule.Delay, func() { s.execute(c) })
		s.hang(r, longestHold)
	case FaultResetBefore:
		reset(w)
	case FaultHTTP500Before:
		http.Error(w, "internal server error", http.StatusInternalServerError)
	case FaultGarbageBefore:
		_, _ = w.Write([]byte(garbage))
	case FaultEmptyBefore:
		w.WriteHeader(http.StatusOK)
	case FaultThrottled:
		retryLater(w, http.StatusTooManyRequests, rule.Delay)
	case FaultUnavailable:
		retryLater(w, http.StatusServiceUnavailable, rule.Delay)
	case FaultBusy:
		s.writeAnswer(w, c, s.answerRefused(c, failed(catAmazon, detBusy, "MERCHANT BUSY")))
	case FaultCodeBefore:
		s.writeAnswer(w, c, s.answerRefused(c, &refusal{code: rule.Code, description: "SIMULATED"}))
	default:
		return false
	}
	return true
}

// failAfter plays the faults that come after the effect. It reports whether
// the call is over.
func (s *Simulator) failAfter(w http.ResponseWriter, r *http.Request, c *call, rule Rule) bool {
	switch rule.Fault {
	case FaultTimeoutAfter:
		s.hang(r, rule.Delay)
	case FaultResetAfter:
		reset(w)
	case FaultHTTP500After:
		http.Error(w, "internal server error", http.StatusInternalServerError)
	case FaultGarbageAfter:
		_, _ = w.Write([]byte(garbage))
	case FaultEmptyAfter:
		w.WriteHeader(http.StatusOK)
	case FaultCodeAfter:
		s.writeAnswer(w, c, s.answerRefused(c, &refusal{code: rule.Code, description: "SIMULATED"}))
	default:
		return false
	}
	return true
}

// hang holds the connection until the client gives up or the time is over, and
// then cuts it.
func (s *Simulator) hang(r *http.Request, most time.Duration) {
	if most == 0 {
		most = longestHold
	}
	s.pause(r.Context(), most)
	panic(http.ErrAbortHandler)
}

// pause waits and reports whether the client is still there.
func (s *Simulator) pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
	case <-s.ctx.Done():
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

func retryLater(w http.ResponseWriter, status int, after time.Duration) {
	seconds := max(1, int(after.Round(time.Second)/time.Second))
	w.Header().Set("Retry-After", strconv.Itoa(seconds))
	http.Error(w, http.StatusText(status), status)
}

// delay is the latency of every call.
func (s *Simulator) delay(ctx context.Context) bool {
	s.mu.Lock()
	d := s.latency
	s.mu.Unlock()
	return s.pause(ctx, d)
}

// outOfService answers 503 while an outage lasts.
func (s *Simulator) outOfService(w http.ResponseWriter) bool {
	s.mu.Lock()
	left := s.outage.Sub(s.cfg.Now())
	s.mu.Unlock()
	if left <= 0 {
		return false
	}
	retryLater(w, http.StatusServiceUnavailable, left)
	return true
}
