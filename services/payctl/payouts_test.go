package main

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/service"
	"github.com/payloom/payloom/services/internal/payouts"
)

const (
	payoutHeader = "general.payment_id,payment.amount,payment.currency,customer.id,customer.ip_address,customer.first_name,customer.last_name,customer.email,customer.address,account.number\n"
	payoutRow    = `,150000,INR,c-1,203.0.113.7,Test,Person,t@example.com,"1 Example Street, Town",9100000000` + "\n"
	payoutObject = `{"payment_id":"p-1","amount":{"value":150000,"currency":"INR"},"beneficiary":{"customer_id":"c-1","ip_address":"203.0.113.7",` +
		`"first_name":"Test","last_name":"Person","email":"t@example.com","address":"1 Example Street, Town","account_number":"9100000000"}}` + "\n"
)

// desk is an ingress that checks lines as the real one does, stores nothing,
// and breaks off after so many lines of each call, if that is not 0.
type desk struct {
	t     *testing.T
	after int
	calls atomic.Int32
	keys  atomic.Value
}

func (d *desk) open() map[string]string {
	s := httptest.NewServer(d)
	d.t.Cleanup(s.Close)
	return map[string]string{"PAYLOOM_INGRESS": s.URL + "/", "PAYLOOM_API_KEY": "key-1"}
}

func (d *desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.calls.Add(1)
	d.keys.Store(r.Header.Get("Idempotency-Key"))
	if r.Header.Get("Authorization") != "Bearer key-1" || r.URL.Path != "/v1/payouts/batches" {
		service.WriteProblem(w, service.Problem{Status: http.StatusUnauthorized})
		return
	}
	w.Header().Set("Connection", "close") // as ingress does
	w.WriteHeader(http.StatusContinue)
	rc := http.NewResponseController(w)
	if err := rc.EnableFullDuplex(); err != nil {
		d.t.Error(err)
	}
	b := payouts.Batch{Merchant: "demo", Key: r.Header.Get("Idempotency-Key"), Format: payouts.NDJSON}
	lines := payouts.NewLines(r.Body, 1)
	if r.Header.Get("Content-Type") == "text/csv" {
		line, _ := lines.Next()
		header, err := payouts.ReadHeader(line)
		if wrong, ok := errors.AsType[*payouts.HeaderError](err); ok {
			service.WriteProblem(w, service.Problem{Status: http.StatusBadRequest, Title: "The columns are wrong", Errors: wrong.Fields})
			return
		}
		b.Format, b.Header = payouts.CSV, header
	}
	var first int
	if err := json.Unmarshal([]byte(r.URL.Query().Get("first_line")), &first); err != nil {
		d.t.Error(err)
	}
	lines.Renumber(first)
	d.answer(w, lines, b)
}

func (d *desk) answer(w io.Writer, lines *payouts.Lines, b payouts.Batch) {
	out := json.NewEncoder(w)
	var end payouts.End
	for {
		line, err := lines.Next()
		switch {
		case err != nil:
			end.Done = true
		case line.Blank():
			continue
		case d.after > 0 && end.Lines == d.after:
			end.Reason, end.ResumeFrom = payouts.ReasonUnavailable, line.Number
		}
		if end.Done || end.Reason != "" {
			_ = out.Encode(end)
			return
		}
		p := b.Read(line)
		status := payouts.Accepted
		if len(p.Faults.List) > 0 {
			status = payouts.Rejected
		}
		end.Add(status)
		_ = out.Encode(p.Result(status))
	}
}

// mustFile writes a file into a folder of its own.
func mustFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func mustText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// checkFiles checks what files stand beside path.
func checkFiles(t *testing.T, path string, want ...string) {
	t.Helper()
	list, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range list {
		got = append(got, f.Name())
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("files: %s", d)
	}
}

func TestPayoutsSend_CSV(t *testing.T) {
	t.Parallel()
	d := &desk{t: t}
	path := mustFile(t, "july.csv", payoutHeader+"p-1"+payoutRow+"p-2,1500.00,inr,,,,,,,\n"+"p-3"+payoutRow)
	got := payctl(t, d.open(), "", "payouts", "send", path)
	if got.code != 1 || got.out != "3 payouts: 2 accepted, 0 replayed, 1 rejected; see "+path+".results.csv\n" || got.err != "payctl: 1 line was rejected\n" {
		t.Errorf("exit code %d, printed %q and %q", got.code, got.out, got.err)
	}
	checkFiles(t, path, "july.csv", "july.csv.results.csv")
	if d.keys.Load() != "july.csv" {
		t.Errorf("the key is %v", d.keys.Load())
	}
	lines := strings.Split(mustText(t, path+".results.csv"), "\n")
	if len(lines) != 5 || lines[0] != "line,req_id,payment_id,command_id,status,errors" ||
		!strings.HasPrefix(lines[1], "2,july.csv/p-1,p-1,") || !strings.HasSuffix(lines[1], ",accepted,") ||
		!strings.HasPrefix(lines[2], "3,july.csv/p-2,p-2,,rejected,") || !strings.Contains(lines[2], "payment.amount: must be a whole number") ||
		!strings.Contains(lines[2], "customer.email: is required") || !strings.HasPrefix(lines[3], "4,july.csv/p-3,p-3,") {
		t.Errorf("results are\n%s", strings.Join(lines, "\n"))
	}
}

func TestPayoutsSend_JSON(t *testing.T) {
	t.Parallel()
	path := mustFile(t, "july.ndjson", payoutObject+"\n"+payoutObject)
	environ := (&desk{t: t}).open()
	got := payctl(t, environ, "", "payouts", "send", path, "--json", "--key", "k")
	var v sentView
	if err := json.Unmarshal([]byte(got.out), &v); err != nil || got.code != 0 {
		t.Fatalf("exit code %d, error %v, printed %s%s", got.code, err, got.out, got.err)
	}
	want := sentView{File: path, Results: path + ".results.ndjson", Counts: payouts.Counts{Lines: 2, Accepted: 2}}
	if diff := cmp.Diff(want, v); diff != "" {
		t.Error(diff)
	}
	if text := mustText(t, v.Results); strings.Count(text, "\n") != 2 || !strings.Contains(text, `{"line":3,"req_id":"k/p-1"`) {
		t.Errorf("results are %s", text)
	}
}

// TestPayoutsSend_Stdin has results on standard output and nothing beside them.
func TestPayoutsSend_Stdin(t *testing.T) {
	t.Parallel()
	environ := (&desk{t: t}).open()
	got := payctl(t, environ, payoutHeader+"p-1"+payoutRow+"x\n", "payouts", "send", "-", "--key", "k")
	if got.code != 1 || strings.Count(got.out, "\n") != 2 || !strings.Contains(got.out, `{"line":3,"status":"rejected"`) || !strings.Contains(got.err, "2 payouts: 1 accepted") {
		t.Errorf("exit code %d, printed %s and %s", got.code, got.out, got.err)
	}
	path := filepath.Join(t.TempDir(), "r.csv")
	got = payctl(t, environ, payoutHeader+"p-1"+payoutRow, "payouts", "send", "-", "--key", "k", "--results", path)
	if got.code != 0 || got.out != "1 payout: 1 accepted, 0 replayed, 0 rejected; see "+path+"\n" || !strings.Contains(mustText(t, path), "2,k/p-1,p-1,") {
		t.Errorf("exit code %d, printed %s and %s", got.code, got.out, got.err)
	}
}

// TestPayoutsSend_Resumes gives up in the middle and goes on in another run: the results
// of both are one file.
func TestPayoutsSend_Resumes(t *testing.T) {
	t.Parallel()
	d := &desk{t: t, after: 2}
	environ := d.open()
	path := mustFile(t, "july.csv", payoutHeader+"p-1"+payoutRow+"p-2"+payoutRow+"bad\n"+"p-4"+payoutRow)
	got := payctl(t, environ, "", "payouts", "send", path, "--patience", "1ns")
	if got.code != 1 || !strings.Contains(got.err, "from line 4 on") {
		t.Errorf("exit code %d, printed %s%s", got.code, got.out, got.err)
	}
	checkFiles(t, path, "july.csv", "july.csv.progress", "july.csv.results.csv")
	got = payctl(t, environ, "", "payouts", "send", path)
	if got.code != 1 || !strings.Contains(got.out, "4 payouts: 3 accepted, 0 replayed, 1 rejected") || !strings.Contains(got.err, "going on where") {
		t.Errorf("exit code %d, printed %s%s", got.code, got.out, got.err)
	}
	checkFiles(t, path, "july.csv", "july.csv.results.csv")
	var first []string
	for line := range strings.Lines(mustText(t, path+".results.csv")) {
		first = append(first, strings.SplitN(line, ",", 2)[0])
	}
	if diff := cmp.Diff([]string{"line", "2", "3", "4", "5"}, first); diff != "" {
		t.Error(diff)
	}
}

// TestPayoutsSend_ChangedFile changes a file that was sent in part: it is sent from its
// beginning.
func TestPayoutsSend_ChangedFile(t *testing.T) {
	t.Parallel()
	d := &desk{t: t, after: 1}
	environ := d.open()
	path := mustFile(t, "july.csv", payoutHeader+"p-1"+payoutRow+"p-2"+payoutRow)
	payctl(t, environ, "", "payouts", "send", path, "--patience", "1ns")
	d.after = 0
	if err := os.WriteFile(path, []byte(payoutHeader+"p-0"+payoutRow+"p-1"+payoutRow+"p-2"+payoutRow), 0o600); err != nil {
		t.Fatal(err)
	}
	got := payctl(t, environ, "", "payouts", "send", path)
	if got.code != 0 || !strings.Contains(got.out, "3 payouts") || strings.Contains(got.err, "going on") {
		t.Errorf("exit code %d, printed %s%s", got.code, got.out, got.err)
	}
	if text := mustText(t, path+".results.csv"); strings.Count(text, "\n") != 4 {
		t.Errorf("results are\n%s", text)
	}
}

func TestPayoutsSend_DryRun(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		text string
		args []string
		code int
		want string // all that is printed
	}{
		"nothing wrong": {payoutHeader + "p-1" + payoutRow, nil, 0, "FILE: 1 payout, nothing wrong\n"},
		"lines that are": {
			payoutHeader + "p-1" + payoutRow + "\n" + "p-2,99,INR,c,203.0.113.7,A;B,C,a@b.example,d,9100000000\n\"\n", nil, 1,
			"line 4: payment.amount: must be 100 to 40000000 in minor units of INR at ecommpay; " +
				"customer.first_name: must match ^[^;\\p{Cc}\\x{FFFD}]{1,255}$ at ecommpay\n" +
				"line 5: line: has quotes that do not match: a field with commas or quotes stands in quotes, each quote in it twice, and ends on its line\n" +
				"payctl: 2 lines of 3 payouts would be rejected; nothing was sent\n",
		},
		"columns": {"payment.sum,payment.amount\n", nil, 1, "payctl: columns: payment.sum is no column of payouts; payment.currency is missing; " +
			"customer.id is missing; customer.ip_address is missing; customer.first_name is missing; customer.last_name is missing; " +
			"customer.email is missing; customer.address is missing; account.number is missing\n"},
		"JSON": {
			payoutObject + `{"payment_id":"4111111111111111"}`, []string{"--json"}, 1,
			`{"line":2,"status":"rejected","errors":[{"field":"payment_id","code":"card_number","detail":"looks like a card number, which must not be sent here"},` +
				`{"field":"amount","code":"required","detail":"is required"},{"field":"beneficiary","code":"required","detail":"is required"}]}` + "\n" +
				`{"file":"FILE","lines":2,"wrong":1}` + "\npayctl: 1 line of 2 payouts would be rejected; nothing was sent\n",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := mustFile(t, "x", tt.text)
			got := payctl(t, nil, "", append([]string{"payouts", "send", path, "--dry-run"}, tt.args...)...)
			if d := cmp.Diff(tt.want, strings.ReplaceAll(got.out+got.err, path, "FILE")); d != "" || got.code != tt.code {
				t.Errorf("exit code %d: %s", got.code, d)
			}
			checkFiles(t, path, "x")
			if stdin := payctl(t, nil, tt.text, append([]string{"payouts", "send", "-", "--dry-run"}, tt.args...)...); stdin.code != tt.code {
				t.Errorf("exit code %d for standard input", stdin.code)
			}
		})
	}
}

func TestPayouts_SaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	path := mustFile(t, "x.csv", payoutHeader+"p-1"+payoutRow)
	broken := mustFile(t, "y.csv", payoutHeader)
	if err := os.WriteFile(broken+".progress", []byte("?"), 0o600); err != nil {
		t.Fatal(err)
	}
	environ := (&desk{t: t}).open()
	other := map[string]string{"PAYLOOM_INGRESS": environ["PAYLOOM_INGRESS"], "PAYLOOM_API_KEY": "guess"}
	tests := map[string]struct {
		environ map[string]string
		args    []string
		code    int
		hint    string
	}{
		"no file":                        {environ, []string{"send"}, 2, "accepts 1 arg(s)"},
		"a file that is not there":       {environ, []string{"send", "/nonexistent.csv"}, 1, "no such file"},
		"no API key":                     {nil, []string{"send", path}, 1, "PAYLOOM_API_KEY is not set"},
		"an API key that is none":        {other, []string{"send", path}, 1, "refused: 401"},
		"standard input without a key":   {environ, []string{"send", "-"}, 2, "--key is required"},
		"a key that is none":             {environ, []string{"send", path, "--key", "a b"}, 2, "--key must be"},
		"a key that is too long":         {environ, []string{"send", path, "--key", strings.Repeat("k", 191)}, 2, "--key must be"},
		"no patience":                    {environ, []string{"send", path, "--patience", "0s"}, 2, "--patience"},
		"columns":                        {environ, []string{"send", mustFile(t, "z.csv", "a\n")}, 1, "a is no column of payouts"},
		"progress that cannot be read":   {environ, []string{"send", broken}, 1, "which does no harm"},
		"results that cannot be written": {environ, []string{"send", path, "--results", "/nonexistent/r.csv"}, 1, "no such file"},
		"nobody there":                   {map[string]string{"PAYLOOM_INGRESS": "http://127.0.0.1:1", "PAYLOOM_API_KEY": "k"}, []string{"send", path, "--patience", "1ns"}, 1, "connection refused"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := payctl(t, tt.environ, "", append([]string{"payouts"}, tt.args...)...)
			if got.code != tt.code || !strings.Contains(got.out+got.err, tt.hint) || strings.Contains(got.err, "key-1") {
				t.Errorf("exit code %d, want %d; printed\n%s%s\nwant %s", got.code, tt.code, got.out, got.err, tt.hint)
			}
		})
	}
}

func TestKeyOf(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{"july.csv": "july.csv", "/a/b/july.csv": "july.csv"} {
		if got := keyOf(path); got != want {
			t.Errorf("the key of %s is %s", path, got)
		}
	}
	// Names that are no keys have keys of their own.
	first, second := keyOf("july 1.csv"), keyOf("july 2.csv")
	if !plainKey.MatchString(first) || len(first) > payouts.MaxKey || first == second || keyOf("x/july 1.csv") != first {
		t.Errorf("keys %s and %s", first, second)
	}
}

func TestPayoutsExport_ChoosesPayouts(t *testing.T) {
	t.Parallel()
	var got url.Values
	environ := tracker(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.URL.Query()
		exports(threeRows, "3")(w, r)
	})
	p := payctl(t, environ, "", "payouts", "export", "--state", "declined", "--from", "2026-07-01")
	want := url.Values{"kind": {"payout"}, "state": {"declined"}, "from": {"2026-07-01T00:00:00Z"}, "format": {"csv"}}
	if diff := cmp.Diff(want, got); diff != "" || p.code != 0 || p.out != threeRows {
		t.Errorf("exit code %d, printed %s%s: %s", p.code, p.out, p.err, diff)
	}
}
