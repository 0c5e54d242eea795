package webhook

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/wire"
)

//go:generate go test -run TestDocs -update .

var update = flag.Bool("update", false, "rewrite the generated parts of docs/events.md and docs/asyncapi.yaml")

const eventsPage = "../../docs/events.md"

// examples returns a record of every type of event.
func examples(t *testing.T) map[payment.EventType]wire.Record {
	t.Helper()
	all := map[payment.EventType]wire.Record{}
	parked := opening(t).add("open", payment.FromInquiry, payment.Parked{Attempt: 1, Reason: payment.ReasonNothingToInquire, Detail: "the provider cannot be asked"})
	expired := opening(t).add("open", payment.FromInquiry, payment.OperationFailed{Ref: payID["pay_id"], Code: "expired", Reason: payment.ReasonExpired})
	for _, s := range []*story{
		newStory(t, payment.Computop, "order-10042").start("open", payment.Authorize, euros(12990)),
		opening(t),
		authorized(t).start("take", payment.Capture, euros(12990)).add("take", payment.FromWorker, payment.AttemptNotSent{
			Attempt: 1, Reason: payment.ReasonUnavailable, RetryAt: time.Date(2026, 3, 1, 12, 5, 0, 0, time.UTC)}),
		opening(t).add("open", payment.FromInquiry, payment.AttemptVoided{Attempt: 1}),
		authorized(t).done("take", payment.Capture, 12990).start("back", payment.Refund, euros(990)).
			add("back", payment.FromAnswer, payment.OperationPending{Attempt: 1, Ref: "ref-1", Code: "00000000", RetryAt: time.Date(2026, 3, 1, 13, 0, 0, 0, time.UTC)}),
		authorized(t),
		opening(t).add("open", payment.FromCallback, payment.OperationDeclined{Ref: payID["pay_id"], Code: "21000068", Reason: payment.ReasonDeclined}),
		expired,
		authorized(t).add("take", payment.FromWorker, payment.OperationRejected{Kind: payment.Capture, Reason: payment.ReasonAmount, Detail: "129.90 EUR are left to capture"}),
		paidOut(t).add("pay", payment.FromCallback, payment.OperationReversed{Ref: "4500001", Code: "20301", Reason: payment.ReasonReversed}),
		authorized(t).start("take", payment.Capture, euros(12990)).add("take", payment.FromWorker, payment.OutcomeUnknown{
			Attempt: 1, Reason: payment.ReasonNoAnswer, RetryAt: time.Date(2026, 3, 1, 12, 1, 0, 0, time.UTC)}),
		parked,
		opening(t).add("open", payment.FromCallback, payment.BuyerDetailsReceived{Buyer: buyer,
			Action: &payment.Action{Type: payment.ActionReview, URL: "https://paygate.example/confirm?PayID=6fbe8fbc"}}),
		authorized(t).add("open", payment.FromCallback, payment.MandateIssued{Mandate: payment.Mandate{ID: "B01-0000000-0000000", Cycle: payment.Month}}),
		authorized(t).add("open", payment.FromCallback, payment.CallbackConfirmed{Ref: payID["pay_id"]}),
		opening(t).add("open", payment.FromInquiry, payment.OperationFailed{Code: "expired", Reason: payment.ReasonExpired}).
			add("open", payment.FromCallback, payment.LateOutcome{Kind: payment.Authorize, Status: payment.Approved, Ref: payID["pay_id"], Code: "00000000", Amount: 12990}),
		opening(t).add("open", payment.FromInquiry, payment.OperationFailed{Code: "expired", Reason: payment.ReasonExpired}).
			add("open", payment.FromCallback, payment.LateOutcome{Kind: payment.Authorize, Status: payment.Approved, Ref: payID["pay_id"], Code: "00000000", Amount: 12990}).
			add("", payment.FromOperator, payment.Unfrozen{Refs: []string{payID["pay_id"]}}),
		authorized(t).done("take", payment.Capture, 12990).add("ask", payment.FromInquiry, payment.ReconcileBreak{Break: refundedByHand}),
		authorized(t).add("ask", payment.FromInquiry, payment.Synced{Found: true, Totals: &payment.Totals{Authorized: 12990}}),
	} {
		all[s.last().Event.Data.Type()] = s.last()
	}
	for _, typ := range payment.EventTypes() {
		if _, ok := all[typ]; !ok {
			t.Fatalf("no example of %s", typ)
		}
	}
	return all
}

func mustEventJSON(t *testing.T, r wire.Record) []byte {
	t.Helper()
	text, err := wire.EventJSON(r)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// withoutSnapshot leaves the payment out of an event, which the page shows once.
func withoutSnapshot(t *testing.T, text []byte) []byte {
	t.Helper()
	at := bytes.Index(text, []byte(`,"snapshot":`))
	if at < 0 || !json.Valid(append(slices.Clone(text[:at]), '}')) {
		t.Fatalf("the snapshot is not the last member of %s", text)
	}
	return append(slices.Clone(text[:at]), '}')
}

func indented(t *testing.T, text []byte) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func fenced(language, text string) string {
	return "```" + language + "\n" + strings.TrimRight(text, "\n") + "\n```\n"
}

// generated matches a part that the test writes: <!-- what: name --> … <!-- end -->.
var generated = regexp.MustCompile(`(?s)<!-- (\w+): ([\w.]+) -->\n.*?<!-- end -->`)

func mustRead(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// checkPage compares a page with what it should be, or makes it so.
func checkPage(t *testing.T, path, got, want string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s is not what the code says; run make generate (-want +got):\n%s", path, d)
	}
}

// TestDocs_Events keeps the generated parts of the page true.
func TestDocs_Events(t *testing.T) {
	t.Parallel()
	page := mustRead(t, eventsPage)
	comments, records := protoComments(t), examples(t)
	want := generated.ReplaceAllStringFunc(page, func(part string) string {
		m := generated.FindStringSubmatch(part)
		what, name := m[1], m[2]
		var text string
		switch what {
		case "fields":
			text = fieldTable(t, name, comments)
		case "example":
			text = fenced("json", indented(t, withoutSnapshot(t, mustEventJSON(t, records[payment.EventType(name)]))))
		case "event":
			text = fenced("json", indented(t, mustEventJSON(t, records[payment.EventType(name)])))
		case "webhook":
			text = fenced("json", indented(t, webhookExample(t, Type(name))))
		case "source":
			text = fenced("go", between(t, mustRead(t, name), "// receiver:begin\n", "// receiver:end\n"))
		default:
			t.Errorf("a part called %s", what)
		}
		return fmt.Sprintf("<!-- %s: %s -->\n%s<!-- end -->", what, name, text)
	})
	checkPage(t, eventsPage, page, want)
}

func between(t *testing.T, text, begin, end string) string {
	t.Helper()
	_, rest, ok := strings.Cut(text, begin)
	part, _, found := strings.Cut(rest, end)
	if !ok || !found {
		t.Fatalf("nothing between %q and %q", begin, end)
	}
	return strings.TrimSpace(part)
}

// webhookExample returns a message of one of two types.
func webhookExample(t *testing.T, typ Type) []byte {
	t.Helper()
	stories := map[Type]*story{
		PaymentCaptured: authorized(t).done("take", payment.Capture, 12990),
		PayoutPaid:      paidOut(t),
	}
	s, ok := stories[typ]
	if !ok {
		t.Fatalf("no example of %s", typ)
	}
	text, err := mustMessage(t, s, false).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// section returns what stands under a heading, up to the next of its rank.
func section(page, heading string) string {
	_, rest, ok := strings.Cut(page, "\n"+heading+"\n")
	if !ok {
		return ""
	}
	rank, _, _ := strings.Cut(heading, " ")
	for i := range rank {
		if at := strings.Index(rest, "\n"+rank[:i+1]+" "); at >= 0 {
			rest = rest[:at]
		}
	}
	return rest
}

// TestDocs_NothingIsLeftOut holds that every type of event and of webhook is
// described, and nothing that is none.
func TestDocs_NothingIsLeftOut(t *testing.T) {
	t.Parallel()
	page, records := mustRead(t, eventsPage), examples(t)
	var found []payment.EventType
	for _, m := range regexp.MustCompile(`(?m)^### ([A-Z]\w+)$`).FindAllStringSubmatch(page, -1) {
		found = append(found, payment.EventType(m[1]))
	}
	if d := cmp.Diff(payment.EventTypes(), found); d != "" {
		t.Errorf("sections (-types +sections):\n%s", d)
	}
	for _, typ := range payment.EventTypes() {
		text := section(page, "### "+string(typ))
		words, _, _ := strings.Cut(text, "<!-- ")
		for _, want := range []string{"<!-- fields: " + string(typ) + " -->", "<!-- example: " + string(typ) + " -->", "**When.**", "**Webhook.**"} {
			if !strings.Contains(text, want) {
				t.Errorf("the section of %s has no %s", typ, want)
			}
		}
		if len(words) < 80 {
			t.Errorf("the section of %s says nothing", typ)
		}
		want := "None"
		if t, told := TypeOf(records[typ].Event, records[typ].After); told {
			want = "`" + string(t) + "`"
		}
		if _, hook, _ := strings.Cut(words, "**Webhook.**"); !strings.Contains(hook, want) {
			t.Errorf("the section of %s does not say that its webhook is %s", typ, want)
		}
	}
	table := section(page, "### Types of webhooks")
	for _, typ := range Types() {
		if n := strings.Count(table, "| `"+string(typ)+"` |"); n != 1 {
			t.Errorf("%s has %d rows", typ, n)
		}
	}
	if n := strings.Count(table, "\n| `"); n != len(Types()) {
		t.Errorf("%d types are listed, there are %d", n, len(Types()))
	}
}

// TestDocs_Numbers holds the page to the numbers of the code.
func TestDocs_Numbers(t *testing.T) {
	t.Parallel()
	page := mustRead(t, eventsPage)
	for _, want := range []string{HeaderID, HeaderTimestamp, HeaderSignature, "five minutes", "pay.evt.<shard>.<provider>.<merchant>.<payment_id>"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %s", want)
		}
	}
	if Tolerance != 5*time.Minute {
		t.Error("the tolerance is another than the page says")
	}
}

// TestDocs_Shell runs the script of the page as it stands there.
func TestDocs_Shell(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("needs openssl: apt-get install openssl")
	}
	_, script, ok := strings.Cut(mustRead(t, eventsPage), "```sh\n# verify\n")
	script, _, found := strings.Cut(script, "```")
	if !ok || !found {
		t.Fatal("the page has no script")
	}
	oldSecret, oldKey := mustKey(t, "o")
	newSecret, newKey := mustKey(t, "\xff")
	other, _ := mustKey(t, "x")
	body := webhookExample(t, PaymentCaptured)
	headers := Sign([]Key{newKey, oldKey}, "msg_1", time.Now(), body)
	tests := map[string]struct {
		secret string
		body   string
		at     string
		want   bool
	}{
		"the new secret":  {newSecret, string(body), "", true},
		"the old secret":  {oldSecret, string(body), "", true},
		"another secret":  {other, string(body), "", false},
		"another body":    {newSecret, string(body) + " ", "", false},
		"another time":    {newSecret, string(body), "1", false},
		"an old attempt":  {newSecret, string(body), "old", false},
		"no line end was": {newSecret, string(body) + "\n", "", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := headers
			switch tt.at {
			case "1":
				h = http.Header{}
				h.Set(HeaderSignature, headers.Get(HeaderSignature))
				h.Set(HeaderTimestamp, strconv.FormatInt(time.Now().Unix()+1, 10))
				h.Set(HeaderID, "msg_1")
			case "old":
				h = Sign([]Key{newKey}, "msg_1", time.Now().Add(-time.Hour), body)
			}
			dir := t.TempDir()
			if err := os.WriteFile(dir+"/body.json", []byte(tt.body), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), "sh", "-c", script)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "secret="+tt.secret, "id="+h.Get(HeaderID), "timestamp="+h.Get(HeaderTimestamp), "signature="+h.Get(HeaderSignature))
			out, err := cmd.CombinedOutput()
			if (err == nil) != tt.want {
				t.Errorf("verified %v, want %v: %s", err == nil, tt.want, out)
			}
		})
	}
}
