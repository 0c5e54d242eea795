package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/services/payctl/internal/stack"
)

const (
	strangers = 10_000 // connections that begin a request and never end it
	// enough is how long an answer may take to somebody honest meanwhile, on a machine
	// that does everything at once.
	enough = 500 * time.Millisecond
	// cutOff is how long a server may take to cut off somebody who is slow: its
	// limits are five seconds for a header and ten for a request.
	cutOff = 30 * time.Second
	// mostMemory is what a receiver may need for all of that, bytes.
	mostMemory = 512 << 20
)

// TestHostileClients sends what no provider sends to a real notify-receiver and a real
// ingress: ten thousand half requests, bodies that trickle and one of a gibibyte.
// Whoever is honest is answered meanwhile.
func TestHostileClients(t *testing.T) {
	s := start(t, stack.Options{Env: map[string]string{"SOURCE_RATE_LIMIT": "0", "ENDPOINT_RATE_LIMIT": "0"}})
	receiver := strings.TrimPrefix(s.URLs().Notify, "http://")
	path := "/callbacks/computop/" + callbackKey(t, s)
	before := answerTimes(t, s.URLs().Notify+path)

	t.Run("half requests", func(t *testing.T) {
		all := open(t, receiver, strangers, "POST "+path+" HTTP/1.1\r\nHost: x\r\nX-Slow: ")
		during := answerTimes(t, s.URLs().Notify+path)
		memory := residentOf(t, s, stack.Receiver)
		began := time.Now()
		if open := awaitCut(all); open > 0 {
			t.Errorf("%d of %d are open after %s", open, strangers, time.Since(began))
		}
		t.Logf("answers to others: p99 %s before, %s beside %d half requests; memory %d MiB; all cut off %s later",
			before, during, strangers, memory>>20, time.Since(began).Round(time.Millisecond))
		if during > max(2*before, enough) {
			t.Errorf("others wait for %s, without strangers for %s", during, before)
		}
		if memory > mostMemory {
			t.Errorf("the receiver needs %d MiB", memory>>20)
		}
	})
	t.Run("bodies that trickle", func(t *testing.T) {
		all := open(t, receiver, 100, "POST "+path+" HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\nData=")
		if open := awaitCut(all); open > 0 {
			t.Errorf("%d are open still", open)
		}
	})
	for name, to := range map[string]string{"receiver": s.URLs().Notify + path, "ingress": s.URLs().Ingress + "/v1/payments"} {
		t.Run("a gibibyte for the "+name, func(t *testing.T) {
			sent, status := sendForever(t, to, s.APIKey())
			if sent > 64<<20 || status != 0 && status != http.StatusRequestEntityTooLarge {
				t.Errorf("%d bytes were taken, status %d", sent, status)
			}
		})
	}
	if m := residentOf(t, s, stack.Receiver); m > mostMemory {
		t.Errorf("afterwards the receiver needs %d MiB", m>>20)
	}
	for _, p := range s.Services() {
		if p.Restarts > 0 {
			t.Errorf("%s died %d times", p.Name, p.Restarts)
		}
	}
}

// callbackKey returns the key of an account's address.
func callbackKey(t *testing.T, s *stack.Stack) string {
	t.Helper()
	book, err := account.Load(s.AccountsFile(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for a := range book.Accounts() {
		if a.Provider == "computop" {
			return a.CallbackKey
		}
	}
	t.Fatal("no account")
	return ""
}

// answerTimes posts what is refused, over and over, and returns what 99 of 100 answers
// took at most.
func answerTimes(t *testing.T, url string) time.Duration {
	t.Helper()
	client := &http.Client{Timeout: 30 * time.Second}
	defer client.CloseIdleConnections()
	var all []time.Duration
	for range 200 {
		began := time.Now()
		res, err := client.Post(url, "application/x-www-form-urlencoded", strings.NewReader("Len=16&Data=0123456789abcdef0123456789abcdef"))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		if res.StatusCode != http.StatusUnauthorized {
			t.Fatalf("status %d, want 401", res.StatusCode)
		}
		all = append(all, time.Since(began))
	}
	slices.Sort(all)
	return all[len(all)*99/100-1].Round(time.Microsecond)
}

// open makes connections that say something and then nothing more.
func open(t *testing.T, addr string, n int, say string) []net.Conn {
	t.Helper()
	all := make([]net.Conn, n)
	var failed atomic.Pointer[error]
	var dialers sync.WaitGroup
	next := make(chan int)
	for range 64 {
		dialers.Go(func() {
			for i := range next {
				c, err := (&net.Dialer{Timeout: 20 * time.Second}).DialContext(t.Context(), "tcp", addr)
				if err == nil {
					all[i] = c
					_, err = io.WriteString(c, say)
				}
				if err != nil {
					failed.Store(&err)
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	dialers.Wait()
	t.Cleanup(func() {
		for _, c := range all {
			if c != nil {
				_ = c.Close()
			}
		}
	})
	if err := failed.Load(); err != nil {
		t.Fatalf("connect: %v", *err)
	}
	return all
}

// awaitCut returns how many connections the server has not ended in time.
func awaitCut(all []net.Conn) int {
	var left atomic.Int64
	var readers sync.WaitGroup
	until := time.Now().Add(cutOff)
	for _, c := range all {
		readers.Go(func() {
			_ = c.SetReadDeadline(until)
			if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
				left.Add(1)
			}
		})
	}
	readers.Wait()
	return int(left.Load())
}

// endless is a body of a gibibyte that counts what was taken of it.
type endless struct{ sent atomic.Int64 }

func (e *endless) Read(p []byte) (int, error) {
	if e.sent.Load() >= 1<<30 {
		return 0, io.EOF
	}
	for i := range p {
		p[i] = 'x'
	}
	e.sent.Add(int64(len(p)))
	return len(p), nil
}

// sendForever posts a gibibyte. A server may answer, or just hang up: status 0.
func sendForever(t *testing.T, url, key string) (sent int64, status int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	body := &endless{}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, body)
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = 1 << 30
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Idempotency-Key", "a-gibibyte")
	res, err := (&http.Client{}).Do(req)
	if err == nil {
		status = res.StatusCode
		_ = res.Body.Close()
	}
	return body.sent.Load(), status
}

// residentOf returns the memory of a service, bytes.
func residentOf(t *testing.T, s *stack.Stack, name string) int64 {
	t.Helper()
	for _, p := range s.Services() {
		if p.Name != name {
			continue
		}
		res, err := (&http.Client{Timeout: 30 * time.Second}).Get("http://" + p.Admin + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		lines := bufio.NewScanner(res.Body)
		for lines.Scan() {
			var n float64
			if _, err := fmt.Sscanf(lines.Text(), "process_resident_memory_bytes %g", &n); err == nil {
				return int64(n)
			}
		}
	}
	t.Fatalf("%s does not tell its memory", name)
	return 0
}
