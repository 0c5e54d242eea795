package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/wire"
)

// timeline returns a payment's timeline, and as one word per line what is in it.
func (d *office) timeline(id string) ([]moment, []string) {
	d.t.Helper()
	got := payctl(d.t, d.environ, "", "payment", "timeline", id, "--json")
	var out struct {
		Timeline []moment `json:"timeline"`
	}
	if err := json.Unmarshal([]byte(got.out), &out); err != nil || got.code != 0 {
		d.t.Fatalf("exit code %d, %v\n%s%s", got.code, err, got.out, got.err)
	}
	var words []string
	for _, m := range out.Timeline {
		words = append(words, m.What+" "+m.Type)
	}
	return out.Timeline, words
}

func (d *office) callBack(id string, p payment.ID, m payment.Merchant) {
	d.t.Helper()
	_, err := d.broker.StoreCallback(d.t.Context(), wire.StoredCallback{
		ID: id, Provider: payment.Computop, Merchant: m, Account: "a", Kind: wire.FromServer, Verdict: wire.Accepted, Payment: p, ReceivedAt: time.Now(),
	})
	if err != nil {
		d.t.Fatal(err)
	}
}

// TestTimeline tells the same from rows and from streams, but for the command that
// nobody has begun: no event names it.
func TestTimeline(t *testing.T) {
	t.Parallel()
	d := newOffice(t)
	accept := func(req string, k payment.Kind, minor int64) payment.CommandID {
		t.Helper()
		c := payment.Command{
			ID: command26(req), Merchant: "demo", ReqID: payment.ReqID(req), Payment: "order-1", Provider: payment.Computop, Kind: k,
			Amount: payment.Money{Minor: minor, Currency: "EUR"},
		}
		if _, _, err := d.broker.Accept(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		return c.ID
	}
	d.authorized("order-1")
	d.callBack("c1", "order-1", "demo")
	d.callBack("c2", "order-2", "demo")
	d.callBack("c3", "order-1", "other")
	take := accept("take", payment.Capture, 600)
	d.tell("order-1", take, payment.AttemptStarted{
		Kind: payment.Capture, Amount: payment.Money{Minor: 600, Currency: "EUR"}, Attempt: 1, Key: "order-1",
	}, payment.AttemptNotSent{Attempt: 1, Reason: payment.ReasonUnavailable},
		payment.AttemptStarted{Kind: payment.Capture, Amount: payment.Money{Minor: 600, Currency: "EUR"}, Attempt: 2, Key: "order-1"},
		payment.Parked{Attempt: 2, Reason: payment.ReasonNothingToInquire})
	args := []string{"resolve", "order-1", string(take), "--outcome", "succeeded", "--ref", "b1", "--amount", "600", "--actor", "alex", "--reason", "late", "--evidence", "y"}
	d.decide(append(args, "--confirm", d.decide(args...).Confirm)...)
	accept("more", payment.Capture, 100)

	want := []string{
		"attempt AttemptStarted", "event OperationSucceeded", "callback server", "command capture", "attempt AttemptStarted", "event AttemptNotSent",
		"attempt AttemptStarted", "event Parked", "operator payment.resolve", "event OperationSucceeded",
	}
	byStreams, words := d.timeline("order-1")
	if diff := cmp.Diff(want, words); diff != "" {
		t.Errorf("by streams (-want +got):\n%s", diff)
	}
	d.project(d.rows())
	byRows, words := d.timeline("order-1")
	if diff := cmp.Diff(append(want, "command capture"), words); diff != "" {
		t.Errorf("by rows (-want +got):\n%s", diff)
	}
	for i := range byStreams {
		if x, y := byStreams[i], byRows[i]; x.Attempt != y.Attempt || x.Source != y.Source || x.Command != y.Command {
			t.Errorf("%+v\n%+v", x, y)
		}
	}
	parked, resolved, operator := byRows[7], byRows[9], byRows[8]
	if parked.Attempt != 2 || parked.Took <= 0 || parked.Source != string(payment.FromWorker) || byRows[5].Attempt != 1 {
		t.Errorf("%+v", parked)
	}
	if resolved.Source != string(payment.FromOperator) || resolved.State != string(payment.StatePartiallyCaptured) || resolved.Detail != "600 under b1" {
		t.Errorf("%+v", resolved)
	}
	if operator.Source != "alex" || operator.Detail != "done: late" || operator.Command != string(take) {
		t.Errorf("%+v", operator)
	}
	for i, m := range byRows[1:] {
		if gap := m.At.Sub(byRows[i].At).Seconds(); m.After < 0 || gap-m.After > 0.001 || m.After-gap > 0.001 {
			t.Errorf("%s came %fs after, says %fs", m.Type, gap, m.After)
		}
	}
	text := d.run(0, "payment", "timeline", "order-1")
	for _, s := range []string{"operator", "alex", "after it was begun", "cannot_be_inquired", "+"} {
		if !strings.Contains(text, s) {
			t.Errorf("no %q in\n%s", s, text)
		}
	}
	d.environ["DATABASE_URL"] = "postgres://127.0.0.1:1/none"
	if _, words := d.timeline("order-1"); len(words) != len(want) {
		t.Errorf("with a database that is away: %v", words)
	}
}

// TestTimeline_WithoutCallbacks does not wait for the end of a stream that holds others' only.
func TestTimeline_WithoutCallbacks(t *testing.T) {
	t.Parallel()
	d := newOffice(t)
	d.authorized("order-1")
	d.callBack("c1", "order-9", "other")
	if _, words := d.timeline("order-1"); len(words) != 2 {
		t.Errorf("%v", words)
	}
	if s, err := d.broker.StreamState(t.Context(), bus.CallbackStream); err != nil || s.Messages != 1 {
		t.Errorf("%+v, %v", s, err)
	}
}
