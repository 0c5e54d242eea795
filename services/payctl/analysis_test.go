package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tracker is a query API that answers as a test wants it to.
func tracker(t *testing.T, h http.HandlerFunc) map[string]string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != "Bearer key-1" {
			t.Errorf("Authorization %q", got)
		}
		h(w, r)
	}))
	t.Cleanup(s.Close)
	return map[string]string{"PAYLOOM_QUERY": s.URL + "/", "PAYLOOM_API_KEY": "key-1"}
}

// exports answers with text and says that it holds so many payments; "" says
// nothing, "break" breaks the connection.
func exports(text, rows string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-Payloom-Rows")
		_, _ = io.WriteString(w, text)
		_ = http.NewResponseController(w).Flush()
		if rows == "break" {
			panic(http.ErrAbortHandler)
		}
		if rows != "" {
			w.Header().Set("X-Payloom-Rows", rows)
		}
	}
}

const (
	threeRows  = "payment_id,merchant_reference\r\na,1\r\nb,\"two\nlines, and a \"\"quote\"\"\"\r\nc,\"\"\r\n"
	threeLines = `{"payment_id":"a"}` + "\n" + `{"payment_id":"b","reference":"\""}` + "\n" + `{"payment_id":"c"}` + "\n"
)

func TestExport_ChecksThatItIsWhole(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		text, rows string
		args       []string
		hint       string // of the refusal; empty: it is whole
	}{
		"CSV":                      {threeRows, "3", nil, ""},
		"JSON":                     {threeLines, "3", []string{"--format", "json"}, ""},
		"JSON by the general flag": {threeLines, "3", []string{"--json"}, ""},
		"no payments":              {"payment_id\r\n", "0", nil, ""},
		"no payments as JSON":      {"", "0", []string{"--format", "json"}, ""},
		"one too few":              {threeRows, "4", nil, "holds 3 payments and should hold 4"},
		"no number":                {threeRows, "", nil, "without its number of payments"},
		"broken":                   {threeRows, "break", nil, "the export broke off"},
		"JSON with one too few":    {threeLines, "2", []string{"--format", "json"}, "holds 3 payments and should hold 2"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			environ := tracker(t, exports(tt.text, tt.rows))
			for _, group := range []string{"payments", "payment"} {
				got := payctl(t, environ, "", append([]string{group, "export"}, tt.args...)...)
				if got.out != tt.text || (got.code == 0) != (tt.hint == "") || !strings.Contains(got.err, tt.hint) {
					t.Errorf("exit code %d, %q on standard output, want %q\n%s", got.code, got.out, tt.text, got.err)
				}
			}
			checkFile(t, environ, tt.text, tt.hint == "", tt.args)
		})
	}
}

// checkFile exports to a file that is there already.
func checkFile(t *testing.T, environ map[string]string, text string, whole bool, args []string) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "payments.csv")
	if err := os.WriteFile(path, []byte("before"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := payctl(t, environ, "", append([]string{"payments", "export", "-o", path}, args...)...)
	want := "before"
	if whole {
		want = text
	}
	now, err := os.ReadFile(path)
	if err != nil || string(now) != want || got.out != "" || (got.code == 0) != whole {
		t.Errorf("exit code %d, the file holds %q, want %q; printed %q, %v\n%s", got.code, now, want, got.out, err, got.err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestExport_PassesOnWhatIsChosen(t *testing.T) {
	t.Parallel()
	var got url.Values
	environ := tracker(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.URL.Query()
		exports("payment_id\r\n", "0")(w, r)
	})
	p := payctl(t, environ, "", "payments", "export", "--from", "2026-05-01", "--to", "2026-05-02T12:00:00+02:00", "--state", "declined",
		"--provider", "axerve", "--currency", "EUR", "--q", "order-", "--kind", "payout", "--format", "csv")
	want := url.Values{
		"from": {"2026-05-01T00:00:00Z"}, "to": {"2026-05-02T10:00:00Z"}, "state": {"declined"}, "provider": {"axerve"},
		"currency": {"EUR"}, "q": {"order-"}, "kind": {"payout"}, "format": {"csv"},
	}
	if diff := cmp.Diff(want, got); diff != "" || p.code != 0 {
		t.Errorf("exit code %d %s (-want +got):\n%s", p.code, p.err, diff)
	}
}

func TestAnalysis_SaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	refuses := tracker(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"title":"The request is not valid","status":400,"errors":[{"field":"state","code":"unknown","detail":"must be one of these"}]}`)
	})
	tests := map[string]struct {
		environ map[string]string
		args    []string
		code    int
		hint    string
	}{
		"an export that is refused":     {refuses, []string{"payments", "export", "--state", "gone"}, 1, "state must be one of these"},
		"statistics that are refused":   {refuses, []string{"stats", "--group", "hour"}, 1, "state must be one of these"},
		"no key":                        {nil, []string{"stats"}, 1, "PAYLOOM_API_KEY is not set"},
		"a format that is none":         {nil, []string{"payments", "export", "--format", "xls"}, 2, "is not csv or json"},
		"a time that is none":           {nil, []string{"payments", "export", "--from", "may"}, 2, "--from"},
		"a day that is none":            {nil, []string{"stats", "--to", "2026-02-30"}, 2, "--to"},
		"a folder that is not there":    {tracker(t, exports(threeRows, "3")), []string{"payments", "export", "-o", "/nonexistent/x.csv"}, 1, "no such file"},
		"nobody there":                  {map[string]string{"PAYLOOM_QUERY": "http://127.0.0.1:1", "PAYLOOM_API_KEY": "k"}, []string{"stats"}, 1, "connection refused"},
		"help says where the key is":    {nil, []string{"--help"}, 0, "PAYLOOM_API_KEY"},
		"help of export warns of a cut": {nil, []string{"payments", "export", "--help"}, 0, "whole"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := payctl(t, tt.environ, "", tt.args...)
			if got.code != tt.code || !strings.Contains(got.out+got.err, tt.hint) || strings.Contains(got.err, "key-1") {
				t.Errorf("exit code %d, want %d; printed\n%s%s\nwant %s", got.code, tt.code, got.out, got.err, tt.hint)
			}
		})
	}
}

const someStats = `{"from":"2026-05-01T00:00:00Z","to":"2026-06-01T00:00:00Z","group":["day","provider","currency"],"rows":[
{"day":"2026-05-01","provider":"computop","currency":"EUR","payments":12,"approved":9,"declined":1,"failed":1,"expired":0,"rejected":0,"open":1,
 "authorized":129900,"captured":99999999999999999999,"refunded":5,"paid_out":0,"approval_rate":0.8182,"decline_rate":0.0909},
{"day":"2026-05-02","provider":"axerve","currency":"","payments":1,"approved":0,"declined":0,"failed":0,"expired":0,"rejected":1,"open":0,
 "authorized":0,"captured":0,"refunded":0,"paid_out":0}]}`

func TestStats_TableAndJSON(t *testing.T) {
	t.Parallel()
	var asked string
	environ := tracker(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.RequestURI()
		_, _ = io.WriteString(w, someStats)
	})
	got := payctl(t, environ, "", "stats", "--from", "2026-05-01", "--to", "2026-06-01", "--group", "day,provider", "--currency", "EUR")
	if want := "/v1/stats?currency=EUR&from=2026-05-01T00%3A00%3A00Z&group=day%2Cprovider&to=2026-06-01T00%3A00%3A00Z"; asked != want {
		t.Errorf("asked %s, want %s", asked, want)
	}
	want := `payments created from 2026-05-01 00:00 to 2026-06-01 00:00 UTC
DAY         PROVIDER  CURRENCY  PAYMENTS  APPROVED  DECLINED  FAILED  EXPIRED  REJECTED  OPEN  APPROVAL  DECLINE  AUTHORIZED                    CAPTURED  REFUNDED  PAID OUT
2026-05-01  computop  EUR             12         9         1       1        0         0     1   81.82 %   9.09 %     1299.00  99999999999999999999 minor      0.05      0.00
2026-05-02  axerve    -                1         0         0       0        0         1     0         -        -           0                           0         0         0
`
	if diff := cmp.Diff(want, got.out); diff != "" || got.code != 0 {
		t.Errorf("exit code %d %s (-want +got):\n%s", got.code, got.err, diff)
	}
	// Numbers that are larger than a float is exact for stay as they are.
	if got := payctl(t, environ, "", "stats", "--json"); got.code != 0 || !strings.Contains(got.out, `"captured": 99999999999999999999,`) {
		t.Errorf("exit code %d, printed %s%s", got.code, got.out, got.err)
	}
}
