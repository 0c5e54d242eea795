package computopsim

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/provider/computop/paygate"
)

// The tests here run in a bubble of synctest, where a day passes in no time.
// Nothing may use a socket; that every goroutine ends is checked by the bubble.

// clockwork is a simulator without sockets whose notifies a function answers.
type clockwork struct {
	t     *testing.T
	sim   *Simulator
	start time.Time

	mu  sync.Mutex
	at  []time.Duration // when notifies were tried, after the first
	ans func(try int) int
}

func newClockwork(t *testing.T, answer func(try int) int) *clockwork {
	t.Helper()
	c := &clockwork{t: t, ans: answer}
	sim, err := New(Config{
		Merchants: testMerchants(), Seed: 1, RelaxURLs: true,
		NotifyClient: &http.Client{Transport: c},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.sim = sim
	t.Cleanup(sim.Close)
	return c
}

func (c *clockwork) RoundTrip(req *http.Request) (*http.Response, error) {
	_, _ = io.Copy(io.Discard, req.Body)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.at) == 0 {
		c.start = time.Now()
	}
	c.at = append(c.at, time.Since(c.start))
	return &http.Response{StatusCode: c.ans(len(c.at)), Body: http.NoBody, Request: req}, nil
}

// tried returns when notifies were tried.
func (c *clockwork) tried() []time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]time.Duration{}, c.at...)
}

func (c *clockwork) call(endpoint string, m paygate.Message) paygate.Message {
	c.t.Helper()
	r := &rig{t: c.t, sim: c.sim, mid: shopMID}
	env, err := paygate.Seal(paygate.Blowfish, cipherKey, shopMID, r.signed(m))
	if err != nil {
		c.t.Fatal(err)
	}
	req := httptest.NewRequest(http.MethodPost, "/"+endpoint, strings.NewReader(env.Form().Encode()))
	w := httptest.NewRecorder()
	c.sim.ServeHTTP(w, req)
	answer, err := r.read(w.Body.Bytes())
	if err != nil {
		c.t.Fatal(err)
	}
	return answer
}

func (c *clockwork) open(transID string) string {
	c.t.Helper()
	r := &rig{shop: &receiver{server: &httptest.Server{URL: "http://shop.example"}}}
	answer := c.call("amazonAPA.aspx", r.initFields(transID))
	if answer.Get("Status") != "OK" {
		c.t.Fatalf("init: %s", answer)
	}
	return answer.Get("PayID")
}

func (c *clockwork) approve(transID string) {
	c.t.Helper()
	if _, err := c.sim.Decide(shopMID, transID, Approve); err != nil {
		c.t.Fatal(err)
	}
}

func TestNotify_Schedule(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newClockwork(t, func(int) int { return 500 })
		payID := c.open("T-1")
		c.approve("T-1")
		time.Sleep(21 * time.Hour)
		checkCode(t, "while it is repeated", c.call("capture.aspx", followUp(payID, "T-1", "1000")), "22520062")
		time.Sleep(40 * 24 * time.Hour)
		want := []time.Duration{}
		for _, minutes := range []int{0, 1, 9, 36, 100, 225, 441, 784, 1296} {
			want = append(want, time.Duration(minutes)*time.Minute)
		}
		if diff := cmp.Diff(want, c.tried()); diff != "" {
			t.Error(diff)
		}
		if s := c.sim.Stats(); s.NotifiesGivenUp != 1 || s.NotifiesSent != 9 || s.UnderWay != 0 {
			t.Errorf("stats %+v", s)
		}
		if p, err := c.sim.Payment(shopMID, "T-1"); err != nil || !p.NotifyAnswers {
			t.Errorf("follow-ups are refused for ever: %+v, %v", p, err)
		}
	})
}

func TestNotify_StopsAt200(t *testing.T) {
	t.Parallel()
	for name, status := range map[string]int{"no content": 204, "redirect": 302, "not found": 404} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newClockwork(t, func(try int) int {
					if try < 3 {
						return status
					}
					return 200
				})
				c.open("T-1")
				c.approve("T-1")
				time.Sleep(48 * time.Hour)
				want := []time.Duration{0, time.Minute, 9 * time.Minute}
				if diff := cmp.Diff(want, c.tried()); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestLives(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newClockwork(t, func(int) int { return 200 })
		c.open("late")
		confirmed := c.open("confirmed")
		c.approve("confirmed")
		captured := c.open("captured")
		c.approve("captured")
		synctest.Wait()
		checkCode(t, "capture", c.call("capture.aspx", followUp(captured, "captured", "1000", "ReqId", "r1")), paygate.Success)

		time.Sleep(25 * time.Hour)
		if _, err := c.sim.Decide(shopMID, "late", Approve); err == nil {
			t.Error("a session lived longer than 24 hours")
		}
		checkCode(t, "inquire24 after a day", c.call("inquire24.aspx", paygate.NewMessage("TransID", "late")), "22520061")

		time.Sleep(30 * 24 * time.Hour)
		checkCode(t, "capture after 30 days", c.call("capture.aspx", followUp(confirmed, "confirmed", "1000")), "22521834")
		checkCode(t, "ReqId after 30 days", c.call("capture.aspx", followUp(captured, "captured", "1000", "ReqId", "r1")), paygate.Success)

		time.Sleep(340 * 24 * time.Hour)
		// The ReqId is forgotten: this is a new capture, and refused as such.
		checkCode(t, "ReqId after a year", c.call("capture.aspx", followUp(captured, "captured", "1000", "ReqId", "r1")), "22520063")
	})
}

func TestClose_LetsGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newClockwork(t, func(int) int { return 500 })
		payID := c.open("T-1")
		c.approve("T-1")
		synctest.Wait()
		if _, err := c.sim.AddRule(Rule{Operation: OpInquire, Fault: FaultTimeoutBefore}); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() {
			defer func() {
				err, _ := recover().(error)
				ended <- err
			}()
			c.call("inquire.aspx", paygate.NewMessage("PayID", payID, "TransID", "T-1"))
		}()
		synctest.Wait()
		c.sim.Close()
		c.sim.Close()
		if got := <-ended; !errors.Is(got, http.ErrAbortHandler) {
			t.Errorf("a held call ended with %v", got)
		}
		if n := c.sim.Stats().UnderWay; n != 0 {
			t.Errorf("%d under way after Close", n)
		}
	})
}
