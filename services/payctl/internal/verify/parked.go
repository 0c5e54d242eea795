package verify

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/payloom/payloom/pkg/payment"
)

// suppressed is how long a repeat under the same key does no harm. Doubt about such
// an operation is resolved by repeating it, so nobody has to be called before half
// of that has passed.
var suppressed = map[payment.Provider]map[payment.Kind]time.Duration{
	payment.Computop: {payment.UpdateAmount: 24 * time.Hour},
	payment.Axerve:   {payment.Cancel: 20 * 24 * time.Hour},
}

// parking judges an event by which an operation is given to a person: only what
// may or may not have moved money, and cannot be found out by asking, is.
func (v *verifier) parking(h *history, e payment.Event, at time.Time) {
	d, ok := e.Data.(payment.Parked)
	if !ok {
		v.resolving(h, e)
		return
	}
	v.parks.Checked++
	o := h.op(e.Command)
	bad := func(why string) {
		v.parks.bad(Wrong, h.subject(), "version %d gives %s to a person (%s): %s", e.Version, e.Command, d.Reason, why)
	}
	switch {
	case o == nil:
		bad("it was never begun")
	case isEnd(o.status):
		bad("it is " + string(o.status))
	case d.Reason == payment.ReasonAmount:
		// The provider tells of another sum: no doubt that could be resolved by asking.
	case o.status == payment.OpWaiting, o.status == payment.OpAction:
		bad("nothing of it is in doubt, it is " + string(o.status))
	case o.kind == payment.Authorize && h.byBuyer && d.Reason != payment.ReasonUnclear:
		bad("it moves no money without the buyer")
	case len(o.started) > 0 && at.Sub(o.started[0].at) < suppressed[h.provider][o.kind]/2 && d.Reason == payment.ReasonNothingToInquire:
		bad("a repeat would do no harm yet")
	}
}

// resolving judges an event that a person is the source of: by hand only what was
// given to a person comes to an end.
func (v *verifier) resolving(h *history, e payment.Event) {
	if e.Source != payment.FromOperator {
		return
	}
	switch e.Data.(type) {
	case payment.OperationSucceeded, payment.OperationDeclined, payment.OperationFailed, payment.OperationRejected:
	default:
		return // no operation ends
	}
	v.parks.Checked++
	if o := h.op(e.Command); o == nil || o.status != payment.OpParked {
		v.parks.bad(Wrong, h.subject(), "version %d: a person ended %s, which did not wait for one", e.Version, e.Command)
	}
}

const (
	alarmTick = 250 * time.Millisecond
	// alarm is the gauge that calls a person. It is set once per sweep.
	alarm = "payloom_parked_operations"
)

// checkAlarms compares the operations that wait for a person with the gauge that
// calls one.
func (v *verifier) checkAlarms(ctx context.Context) error {
	waiting := 0
	for _, h := range v.payments {
		for _, o := range h.ops {
			if o.status == payment.OpParked {
				waiting++
			}
		}
	}
	v.parks.Note = fmt.Sprintf("%d operation(s) wait for a person", waiting)
	if len(v.in.Metrics) == 0 {
		v.parks.except("no metrics were named: what is parked was not compared with the alarm")
		return nil
	}
	deadline := time.Now().Add(v.patience())
	for {
		shown, err := v.alarmed(ctx)
		if err != nil {
			return err
		}
		if shown == waiting {
			return nil
		}
		if time.Now().After(deadline) {
			kind := Wrong
			if shown < waiting {
				kind = Lost // nobody is called
			}
			v.parks.bad(kind, alarm, "shows %d, %d operation(s) wait for a person", shown, waiting)
			return nil
		}
		select {
		case <-time.After(alarmTick):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// alarmed returns what the gauge shows. Replicas show the same, so the most counts.
func (v *verifier) alarmed(ctx context.Context) (int, error) {
	most, found := 0, false
	for _, url := range v.in.Metrics {
		text, err := get(ctx, url)
		if err != nil {
			return 0, err
		}
		n, there := sumOf(text, alarm)
		most, found = max(most, n), found || there
	}
	if !found && len(v.in.Metrics) > 0 && !v.sweeps {
		v.parks.except("none of the metrics has had a %s yet: it counts as 0", alarm)
		v.sweeps = true
	}
	return most, nil
}

// sumOf adds up the samples of a metric in the text format, and tells whether it
// has any.
func sumOf(text []byte, name string) (n int, found bool) {
	lines := bufio.NewScanner(strings.NewReader(string(text)))
	for lines.Scan() {
		rest, ok := strings.CutPrefix(lines.Text(), name)
		if !ok || !strings.HasPrefix(rest, "{") && !strings.HasPrefix(rest, " ") {
			continue
		}
		f, err := strconv.ParseFloat(rest[strings.LastIndexByte(rest, ' ')+1:], 64)
		if err == nil {
			n, found = n+int(f), true
		}
	}
	return n, found
}

const (
	metricsPatience = 10 * time.Second
	maxMetrics      = 64 << 20
)

func get(ctx context.Context, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, metricsPatience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	res, err := (&http.Client{}).Do(req)
	if err != nil {
		return nil, fmt.Errorf("read metrics: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("read metrics: %s answered %s", url, res.Status)
	}
	return io.ReadAll(io.LimitReader(res.Body, maxMetrics))
}
