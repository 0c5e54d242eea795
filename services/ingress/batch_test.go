package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/bus"
	"github.com/payloom/payloom/pkg/bus/bustest"
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/services/internal/payouts"
)

const header = "general.payment_id,payment.amount,payment.currency,customer.id,customer.ip_address,customer.first_name," +
	"customer.last_name,customer.email,customer.address,account.number\n"

// row is a line of CSV under header.
func row(id string) string {
	return id + `,150000,INR,c-1,203.0.113.7,Test,Person,t@example.com,"1 Example Street, Town",9100000000` + "\n"
}

// rows are lines of CSV for the payments p-first to p-last.
func rows(first, last int) string {
	var b strings.Builder
	for i := first; i <= last; i++ {
		b.WriteString(row(fmt.Sprint("p-", i)))
	}
	return b.String()
}

// object is a line of JSON.
func object(members string) string {
	return `{` + members + `"provider":"ecommpay","amount":{"value":150000,"currency":"INR"},"beneficiary":{"customer_id":"c-1","ip_address":"203.0.113.7",` +
		`"first_name":"Test","last_name":"Person","email":"t@example.com","address":"1 Example Street, Town","account_number":"9100000000"}}` + "\n"
}

// answered is the answer to a batch.
type answered struct {
	results []payouts.Result
	end     *payouts.End // nil: the answer broke off
}

func mustRead(t testing.TB, text string) answered {
	t.Helper()
	var out answered
	for line := range strings.Lines(text) {
		if out.end != nil {
			t.Fatalf("a line follows the end: %s", line)
		}
		if strings.HasPrefix(line, `{"done"`) {
			out.end = &payouts.End{}
			mustDecode(t, line, out.end)
			continue
		}
		var r payouts.Result
		mustDecode(t, line, &r)
		out.results = append(out.results, r)
	}
	return out
}

func mustDecode(t testing.TB, text string, into any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
}

// mustBatch sends a batch and returns the answer to it.
func (f fixture) mustBatch(t testing.TB, a ask) answered {
	t.Helper()
	res, text := f.do(t, a)
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/x-ndjson" {
		t.Fatalf("status %d: %s", res.StatusCode, text)
	}
	return mustRead(t, text)
}

// outline says results in short: line, status, and the fields that are wrong.
func outline(results []payouts.Result) []string {
	var all []string
	for _, r := range results {
		s := fmt.Sprint(r.Line, " ", r.Status)
		for _, e := range r.Errors {
			s += " " + e.Field + ":" + e.Code
		}
		all = append(all, s)
	}
	return all
}

func ndjson(a ask, body string) ask {
	a.path, a.key, a.body, a.header = "/v1/payouts/batches", "big-key", body, http.Header{"Content-Type": {"application/x-ndjson"}}
	return a
}

func TestBatch_Lines(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		ask  ask
		want []string
	}{
		"nothing but a header":               {batchOfCSV(ask{}, header), nil},
		"no line at all":                     {ndjson(ask{}, ""), nil},
		"one payout":                         {batchOfCSV(ask{}, header+row("p-1")), []string{"2 accepted"}},
		"the last line does not end":         {batchOfCSV(ask{}, strings.TrimSuffix(header+row("p-1"), "\n")), []string{"2 accepted"}},
		"a byte order mark and CRLF":         {batchOfCSV(ask{}, "\ufeff"+strings.ReplaceAll(header+row("p-1"), "\n", "\r\n")), []string{"2 accepted"}},
		"blank lines are counted":            {batchOfCSV(ask{}, header+"\n  \n"+row("p-1")+"\r\n"+row("p-2")), []string{"4 accepted", "6 accepted"}},
		"a line of JSON after a blank one":   {ndjson(ask{}, "\n"+object(`"payment_id":"p-1",`)), []string{"2 accepted"}},
		"the same line twice":                {batchOfCSV(ask{}, header+row("p-1")+row("p-1")), []string{"2 accepted", "3 replayed"}},
		"the same payment otherwise":         {batchOfCSV(ask{}, header+row("p-1")+strings.Replace(row("p-1"), "1500", "1600", 1)), []string{"2 accepted", "3 rejected req_id:idempotency_key_reused"}},
		"without ids":                        {batchOfCSV(ask{}, header+row("")+row("")), []string{"2 rejected general.payment_id:required", "3 rejected general.payment_id:required"}},
		"the same req_id":                    {ndjson(ask{}, object(`"req_id":"r",`)+object(`"req_id":"r",`)), []string{"1 accepted", "2 replayed"}},
		"a formula is text":                  {batchOfCSV(ask{}, header+strings.Replace(row("p-1"), "Test", "=Test+1", 1)), []string{"2 accepted"}},
		"quotes within quotes":               {batchOfCSV(ask{}, header+strings.Replace(row("p-1"), "1 Example", `""1"" Example`, 1)), []string{"2 accepted"}},
		"a quote is missing":                 {batchOfCSV(ask{}, header+strings.Replace(row("p-1"), `Town"`, "Town", 1)+row("p-2")), []string{"2 rejected line:quotes", "3 accepted"}},
		"a field too few":                    {batchOfCSV(ask{}, header+"p-1,100\n"+row("p-2")), []string{"2 rejected line:columns", "3 accepted"}},
		"not UTF-8":                          {batchOfCSV(ask{}, header+strings.Replace(row("p-1"), "Test", "T\xffst", 1)+row("p-2")), []string{"2 rejected line:encoding", "3 accepted"}},
		"a line that is too long":            {batchOfCSV(ask{}, header+strings.Repeat("x", 40<<10)+"\n"+row("p-2")), []string{"2 rejected line:too_long", "3 accepted"}},
		"empty cells":                        {batchOfCSV(ask{}, header+",,,,,,,,,\n"), []string{"2 rejected payment.amount:required payment.currency:required customer.id:required customer.ip_address:required customer.first_name:required customer.last_name:required customer.email:required customer.address:required account.number:required general.payment_id:required"}},
		"amounts that are none":              {batchOfCSV(ask{}, header+strings.Replace(row("p-1"), "150000", "1500.00", 1)+strings.Replace(row("p-2"), "150000", "-1", 1)), []string{"2 rejected payment.amount:type", "3 rejected payment.amount:out_of_range"}},
		"what the provider does not take":    {batchOfCSV(ask{}, header+strings.Replace(row("p-1"), "150000", "99", 1)+strings.Replace(row("p-2"), "INR", "EUR", 1)+strings.Replace(row("p-3"), "Test", "T;", 1)), []string{"2 rejected payment.amount:out_of_range", "3 rejected payment.currency:not_supported", "4 rejected customer.first_name:format"}},
		"an id that is none":                 {batchOfCSV(ask{}, header+row("a b")), []string{"2 rejected general.payment_id:format"}},
		"cards":                              {batchOfCSV(ask{}, header+row("4111111111111111")+strings.Replace(row("p-2"), "Test", "4111 1111 1111 1111", 1)), []string{"2 rejected general.payment_id:card_number", "3 rejected customer.first_name:card_number"}},
		"a project of another account":       {batchOfCSV(ask{}, "general.project_id,"+header+"819,"+row("p-1")+"820,"+row("p-2")+"eight,"+row("p-3")), []string{"2 accepted", "3 rejected general.project_id:unknown_value", "4 rejected general.project_id:format"}},
		"no JSON":                            {ndjson(ask{}, "{\n"+object(`"payment_id":"p-2",`)+"[]\nnull\n"), []string{"1 rejected line:malformed", "2 accepted", "3 rejected line:malformed", "4 rejected line:malformed"}},
		"JSON that is wrong":                 {ndjson(ask{}, object(`"x":1,"req_id":1,`)+object(`"req_id":"a b",`)+object(`"account":"c",`)), []string{"1 rejected payment_id:required req_id:type x:unknown", "2 rejected req_id:format", "3 rejected payment_id:required account:unknown_value"}},
		"columns in another order, and more": {batchOfCSV(ask{}, reversed("req_id,payment.description,reference,"+header)+reversed("r-1,Winnings,ref-1,"+strings.ReplaceAll(row("p-1"), `"1 Example Street, Town"`, "Town"))), []string{"2 accepted"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, nil)
			got := f.mustBatch(t, tt.ask)
			if d := cmp.Diff(tt.want, outline(got.results)); d != "" {
				t.Error(d)
			}
			checkEnd(t, got)
			checkFateful(t, f, got)
			checkQuiet(t, name, f, strings.ReplaceAll(fmt.Sprint(got), "key-1/", "")) // the key is told back on purpose
		})
	}
}

// reversed is a line of CSV without quotes from right to left.
func reversed(line string) string {
	fields := strings.Split(strings.TrimSuffix(line, "\n"), ",")
	slices.Reverse(fields)
	return strings.Join(fields, ",") + "\n"
}

// checkEnd checks that the end of a whole batch says what the results do.
func checkEnd(t *testing.T, got answered) {
	t.Helper()
	want := payouts.End{Done: true}
	for _, r := range got.results {
		want.Add(r.Status)
	}
	if got.end == nil || *got.end != want {
		t.Errorf("the end is %+v, want %+v", got.end, want)
	}
}

// checkFateful checks that what is stored is what results say, and nothing else.
func checkFateful(t *testing.T, f fixture, got answered) {
	t.Helper()
	want := map[payment.CommandID]payment.ID{}
	for _, r := range got.results {
		if r.Status == payouts.Accepted || r.Status == payouts.Replayed {
			want[r.CommandID] = r.PaymentID
		} else if r.CommandID != "" {
			t.Errorf("line %d is %s and has a command", r.Line, r.Status)
		}
	}
	stored := map[payment.CommandID]payment.ID{}
	for _, c := range f.broker.stored() {
		stored[c.ID] = c.Payment
	}
	if d := cmp.Diff(want, stored); d != "" {
		t.Errorf("what is stored: %s", d)
	}
}

func TestBatch_StoresWhatTheLineSays(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.mustBatch(t, batchOfCSV(ask{}, "req_id,general.project_id,payment.description,reference,"+header+"r-1,819,Winnings,ref-1,"+row("p-1")))
	got := f.broker.stored()
	want := payment.Command{
		ID: payment.DeriveCommandID("big", "r-1"), Merchant: "big", ReqID: "r-1", Payment: "p-1", Provider: payment.ECommPay, Account: "b",
		Kind: payment.Payout, Amount: payment.Money{Minor: 150000, Currency: "INR"}, Description: "Winnings", Reference: "ref-1",
		Beneficiary: &payment.Beneficiary{
			CustomerID: "c-1", IPAddress: "203.0.113.7", FirstName: "Test", LastName: "Person", Email: "t@example.com",
			Address: "1 Example Street, Town", AccountNumber: "9100000000",
		},
	}
	if d := cmp.Diff([]payment.Command{want}, got); d != "" {
		t.Error(d)
	}
}

func TestBatch_KeysOfLines(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	got := f.mustBatch(t, ndjson(ask{idem: "july"}, object(`"req_id":"own","payment_id":"p-1",`)+object(`"payment_id":"p-2",`)))
	var keys []payment.ReqID
	for _, r := range got.results {
		keys = append(keys, r.ReqID)
		if r.CommandID != payment.DeriveCommandID("big", r.ReqID) {
			t.Errorf("line %d: the command's id does not come of its key", r.Line)
		}
	}
	if d := cmp.Diff([]payment.ReqID{"own", "july/p-2"}, keys); d != "" {
		t.Error(d)
	}
}

// TestBatch_Resumed sends a batch in two parts, as somebody does who goes on where an
// answer ended: the lines keep their numbers, and with them their keys.
func TestBatch_Resumed(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	whole := batchOfCSV(ask{}, header+rows(1, 4))
	f.mustBatch(t, batchOfCSV(ask{}, header+rows(1, 2)))
	rest := f.mustBatch(t, batchOfCSV(ask{path: "/v1/payouts/batches?first_line=4"}, header+rows(3, 4)))
	if d := cmp.Diff([]string{"4 accepted", "5 accepted"}, outline(rest.results)); d != "" {
		t.Error(d)
	}
	again := f.mustBatch(t, whole)
	if d := cmp.Diff([]string{"2 replayed", "3 replayed", "4 replayed", "5 replayed"}, outline(again.results)); d != "" {
		t.Error(d)
	}
}

// TestBatch_Twenty sends twenty lines, two of them bad, over a real broker, twice.
func TestBatch_Twenty(t *testing.T) {
	t.Parallel()
	b := bustest.New(t, bus.Topology{})
	f := fixtureOver(t, b, nil)
	text := header + rows(1, 6) + strings.Replace(row("p-7"), "t@example.com", "nobody", 1) + rows(8, 14) +
		strings.Replace(row("p-15"), "INR", "inr", 1) + rows(16, 20)
	for _, status := range []payouts.Status{payouts.Accepted, payouts.Replayed} {
		got := f.mustBatch(t, batchOfCSV(ask{}, text))
		checkEnd(t, got)
		for i, r := range got.results {
			want := status
			if i == 6 || i == 14 {
				want = payouts.Rejected
			}
			if r.Line != i+2 || r.Status != want || r.PaymentID != payment.ID(fmt.Sprint("p-", i+1)) {
				t.Errorf("result %d: line %d, %s, %s", i, r.Line, r.Status, r.PaymentID)
			}
		}
		if len(got.results) != 20 {
			t.Errorf("%d results", len(got.results))
		}
	}
	state, err := b.StreamState(t.Context(), "COMMANDS_0")
	if err != nil || state.LastSeq != 18 {
		t.Errorf("%d commands are stored, error %v", state.LastSeq, err)
	}
}

// failing is a broker that fails with err for one payment.
type failing struct {
	*fakeBroker
	at  payment.ID
	err error
}

func (b failing) Accept(ctx context.Context, c payment.Command) (payment.Command, bool, error) {
	if c.Payment == b.at {
		return c, false, b.err
	}
	return b.fakeBroker.Accept(ctx, c)
}

func TestBatch_EndsEarly(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		err  error
		want payouts.Reason
	}{
		"the broker is full":  {fmt.Errorf("publish: %w", bus.ErrUnavailable), payouts.ReasonUnavailable},
		"something else":      {fmt.Errorf("secret-detail"), payouts.ReasonFailed},
		"the key was used up": {fmt.Errorf("publish: %w", bus.ErrReqIDReused), ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newFakeBroker()
			f := fixtureOver(t, failing{b, "p-3", tt.err}, nil)
			got := f.mustBatch(t, batchOfCSV(ask{}, header+rows(1, 5)))
			if tt.want == "" {
				checkEnd(t, got)
				return
			}
			if d := cmp.Diff([]string{"2 accepted", "3 accepted", "4 unavailable"}, outline(got.results)); d != "" {
				t.Error(d)
			}
			want := payouts.End{ResumeFrom: 4, Reason: tt.want, Counts: payouts.Counts{Lines: 2, Accepted: 2}}
			if *got.end != want {
				t.Errorf("the end is %+v, want %+v", *got.end, want)
			}
			if strings.Contains(fmt.Sprint(got), "secret-detail") {
				t.Error("the answer tells what is inside")
			}
		})
	}
}

func TestBatch_LimitsEachKey(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.broker.slow = make(chan struct{})
	done := make(chan struct{})
	for range batchesPerKey {
		r := batchOfCSV(ask{}, header+rows(1, 1)).request(t)
		go func() {
			f.handler.ServeHTTP(httptest.NewRecorder(), r)
			done <- struct{}{}
		}()
	}
	eventually(t, "the batches are under way", func() bool { return f.broker.waiting.Load() == batchesPerKey })
	one := batchOfCSV(ask{}, header)
	res, text := f.do(t, one)
	if res.StatusCode != http.StatusTooManyRequests || !strings.Contains(text, "too_many_batches") || res.Header.Get("Retry-After") != "5" {
		t.Errorf("one more: status %d: %s", res.StatusCode, text)
	}
	close(f.broker.slow)
	for range batchesPerKey {
		<-done
	}
	if res, text := f.do(t, one); res.StatusCode != http.StatusOK {
		t.Errorf("after they have ended: status %d: %s", res.StatusCode, text)
	}
}

func TestBatch_LogsAndCounts(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.mustBatch(t, batchOfCSV(ask{}, header+rows(1, 2)+row("p-1")+row("a b")))
	lines := f.logs.FilterMessage("batch").All()
	if len(lines) != 1 {
		t.Fatalf("%d log lines", len(lines))
	}
	m := lines[0].ContextMap()
	if got := fmt.Sprintln(m["outcome"], m["merchant"], m["lines"], m["accepted"], m["replayed"], m["rejected"]); got != "done big 4 2 1 1\n" {
		t.Errorf("log is %s", got)
	}
	counts := mustCounts(t, f.rt.Metrics)
	for label, want := range map[string]float64{"payout ecommpay accepted": 2, "payout ecommpay replayed": 1, "payout ecommpay invalid": 1} {
		if counts[label] != want {
			t.Errorf("%s is counted %v times, want %v", label, counts[label], want)
		}
	}
}
