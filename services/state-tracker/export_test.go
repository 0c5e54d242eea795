package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/testkit"
)

// unread is an answer whose body is closed with the test.
type unread struct{ *http.Response }

// rows returns the number of payments as it was said at the end; "" when it was not.
func (u unread) rows() string { return u.Trailer.Get(rowsTrailer) }

// begin asks for an export and returns as soon as the answer begins.
func (s *shelf) begin(ctx context.Context, t *testing.T, query string) unread {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/v1/payments/export?"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+reader)
	res, err := new(http.Client).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return unread{res}
}

// mustTable returns a whole export as CSV: its columns, and its lines by column.
func (s *shelf) mustTable(t *testing.T, query string) (header []string, all []map[string]string) {
	t.Helper()
	res := s.begin(t.Context(), t, query)
	records, err := csv.NewReader(res.Body).ReadAll()
	if err != nil || res.StatusCode != http.StatusOK || len(records) == 0 {
		t.Fatalf("%s: %d, %d records, %v", query, res.StatusCode, len(records), err)
	}
	for _, r := range records[1:] {
		line := map[string]string{}
		for i, cell := range r {
			line[records[0][i]] = cell
		}
		all = append(all, line)
	}
	if got := res.rows(); got != fmt.Sprint(len(all)) {
		t.Errorf("%s: trailer %q after %d rows", query, got, len(all))
	}
	return records[0], all
}

func (s *shelf) exported(t *testing.T, query string) string {
	t.Helper()
	_, all := s.mustTable(t, query)
	var ids []string
	for _, line := range all {
		ids = append(ids, line["payment_id"])
	}
	return strings.Join(ids, " ")
}

func TestExport_TellsAPayment(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	put(t, s.pool, 1, func(int) row { return sale(12990) })
	header, all := s.mustTable(t, "")
	want := []map[string]string{{
		"payment_id": "order-012990", "kind": "authorize", "provider": "computop", "account": "eu", "state": "captured", "settled": "true",
		"currency": "EUR", "amount_minor": "12990", "amount": "129.90", "authorized_minor": "12990", "authorized": "129.90",
		"captured_minor": "12990", "captured": "129.90", "refunded_minor": "0", "refunded": "0.00", "capture_mode": "manual",
		"reason": "", "code": "00000000", "reference": "pay-12990", "merchant_reference": "order 12990", "attention": "false",
		"created_at": "2026-05-01T15:36:30.000000Z", "updated_at": "2026-05-01T15:36:30.000000Z",
	}}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Errorf("CSV (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(columns, header); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}
	res := s.begin(t.Context(), t, "format=json")
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if len(got) != len(columns) || got["amount"] != "129.90" || got["amount_minor"] != 12990.0 || got["created_at"] != "2026-05-01T15:36:30Z" {
		t.Errorf("JSON %s", text)
	}
	if strings.Contains(string(text), secretBuyer) {
		t.Error("the export tells of the buyer")
	}
}

func TestExport_Header(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	for query, want := range map[string][2]string{
		"":            {"text/csv; charset=utf-8; header=present", `^attachment; filename="payments-\d{8}T\d{6}Z\.csv"$`},
		"format=csv":  {"text/csv; charset=utf-8; header=present", `^attachment; filename="payments-\d{8}T\d{6}Z\.csv"$`},
		"format=json": {"application/x-ndjson", `^attachment; filename="payments-\d{8}T\d{6}Z\.ndjson"$`},
	} {
		res := s.begin(t.Context(), t, query)
		if got := res.Header.Get("Content-Type"); got != want[0] {
			t.Errorf("%q: content type %q", query, got)
		}
		if got := res.Header.Get("Content-Disposition"); !regexp.MustCompile(want[1]).MatchString(got) {
			t.Errorf("%q: disposition %q", query, got)
		}
		text, err := io.ReadAll(res.Body)
		if err != nil || res.rows() != "0" {
			t.Errorf("%q: %v, trailer %q", query, err, res.rows())
		}
		if query == "format=json" && len(text) > 0 || query != "format=json" && string(text) != strings.Join(columns, ",")+"\r\n" {
			t.Errorf("%q without payments: %q", query, text)
		}
	}
}

func TestExport_ChoosesAsTheListDoes(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	rows := []row{sale(1), sale(2), sale(3), sale(4), sale(5)}
	rows[1].state, rows[2].currency, rows[3].provider, rows[4].merchant = "declined", "JPY", payment.Axerve, "other"
	rows[3].kind = payment.Payout
	put(t, s.pool, len(rows), func(i int) row { return rows[i] })
	if _, err := s.pool.Exec(t.Context(), "INSERT INTO refs VALUES ('demo', 'pay-3', 'order-000003')"); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]string{
		"":                          "order-000001 order-000002 order-000003 order-000004",
		"state=declined":            "order-000002",
		"currency=JPY":              "order-000003",
		"provider=axerve":           "order-000004",
		"kind=payout":               "order-000004",
		"kind=authorize":            "order-000001 order-000002 order-000003",
		"q=pay-3":                   "order-000003",
		"q=order-000004":            "order-000004",
		"from=2026-05-01T12:00:02Z": "order-000002 order-000003 order-000004",
		"to=2026-05-01T12:00:02Z":   "order-000001",
		"from=2026-05-01T12:00:02Z&to=2026-05-01T12:00:04Z&currency=EUR": "order-000002",
		"state=refunded": "",
	} {
		if got := s.exported(t, query); got != want {
			t.Errorf("%q: %s, want %s", query, got, want)
		}
		var l listed
		s.mustGet(t, "/v1/payments?"+query, &l)
		if len(l.Payments) != len(strings.Fields(want)) {
			t.Errorf("%q: the list has %d payments", query, len(l.Payments))
		}
	}
}

func TestExport_Refuses(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	for query, status := range map[string]int{
		"format=xls": 400, "page_size=5": 400, "state=gone&currency=eur": 400, "kind=capture": 400, "q=%ff": 400, "from=may": 400,
	} {
		if r := s.get(t, reader, "/v1/payments/export?"+query); r.status != status || r.header.Get("Trailer") != "" {
			t.Errorf("%s: %d %s", query, r.status, r.body)
		}
	}
	for key, status := range map[string]int{"": 401, blind: 403} {
		if r := s.get(t, key, "/v1/payments/export"); r.status != status {
			t.Errorf("key %q: %d", key, r.status)
		}
	}
}

// An export may take longer than any other answer.
func TestExport_HasTime(t *testing.T) {
	t.Parallel()
	const within = 100 * time.Millisecond
	s := newShelfThatWrites(t, within)
	put(t, s.pool, 10_000, wide)
	res := s.begin(t.Context(), t, "")
	begin := time.Now()
	for part := make([]byte, 1<<20); time.Since(begin) < 3*within; time.Sleep(within / 2) {
		if _, err := io.ReadFull(res.Body, part); err != nil {
			t.Fatalf("after %v: %v", time.Since(begin), err)
		}
	}
	if _, err := io.Copy(io.Discard, res.Body); err != nil || res.rows() != "10000" {
		t.Errorf("after %v: %v, trailer %v", time.Since(begin), err, res.rows())
	}
}

// HTTP/1.0 ends an answer by closing the connection, so that nobody could tell.
func TestExport_NeedsAWayToTellItsEnd(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET /v1/payments/export HTTP/1.0\r\nAuthorization: Bearer %s\r\n\r\n", reader)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusHTTPVersionNotSupported {
		t.Errorf("status %d", res.StatusCode)
	}
}

// guarded has text that a spreadsheet would run.
func guarded(i int) row {
	r := sale(i)
	r.id = []string{"-order", "order", "_x"}[i]
	r.ref = []string{`=HYPERLINK("http://x.example","y")`, "+49", "a=b"}[i]
	r.ownRef = []string{"@SUM(A1)", "'quoted", "line\nbreak, and \"quotes\""}[i]
	r.code = []string{"\tx", "-1", "0"}[i]
	return r
}

func TestExport_HoldsNoFormulas(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	put(t, s.pool, 3, guarded)
	_, all := s.mustTable(t, "")
	for i, line := range all {
		r := guarded(i)
		for column, want := range map[string]string{
			"payment_id": r.id, "reference": r.ref, "merchant_reference": strings.ReplaceAll(r.ownRef, "\r\n", "\n"), "code": r.code,
		} {
			got := line[column]
			if strings.ContainsAny(got[:1], "=+-@\t\r") {
				t.Errorf("%s of row %d is a formula: %q", column, i, got)
			}
			if back := strings.TrimPrefix(got, "'"); back != want || (got != want) != strings.ContainsAny(want[:1], "=+-@\t\r'") {
				t.Errorf("%s of row %d is %q, want %q with an apostrophe only where it must be", column, i, got, want)
			}
		}
	}
	res := s.begin(t.Context(), t, "format=json")
	var first struct {
		ID  string `json:"payment_id"`
		Ref string `json:"reference"`
	}
	if err := json.NewDecoder(res.Body).Decode(&first); err != nil || first.ID != "-order" || first.Ref != guarded(0).ref {
		t.Errorf("JSON is not as it was: %+v, %v", first, err)
	}
}

// many is more than any page, buffer or limit.
const many = 100_000

// peak returns the most memory that is in use while read goes on.
func peak(t *testing.T, read func()) (base, most uint64) {
	t.Helper()
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	base = m.HeapAlloc
	done, ended := make(chan struct{}), make(chan uint64)
	go func() {
		var most uint64
		for tick := time.NewTicker(20 * time.Millisecond); ; {
			select {
			case <-done:
				tick.Stop()
				ended <- most
				return
			case <-tick.C:
				runtime.GC() // what is still there now is held
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapAlloc)
			}
		}
	}()
	read()
	close(done)
	return base, <-ended
}

// Not parallel: it measures the memory of the whole process.
func TestExport_OfManyPaymentsStreamsInLittleMemory(t *testing.T) { //nolint:paralleltest // see above
	s := newShelf(t)
	put(t, s.pool, many, sale)
	for _, format := range formats() {
		n := 0
		var took time.Duration
		base, most := peak(t, func() {
			begin := time.Now()
			res := s.begin(t.Context(), t, "format="+format)
			lines := bufio.NewScanner(res.Body)
			for lines.Scan() {
				if strings.Contains(lines.Text(), "order-") && strings.Contains(lines.Text(), fmt.Sprintf("order-%06d", n)) {
					n++
				}
			}
			took = time.Since(begin)
			if err := lines.Err(); err != nil || res.rows() != fmt.Sprint(many) {
				t.Errorf("%s: %v, trailer %v", format, err, res.rows())
			}
		})
		if n != many {
			t.Errorf("%s: %d payments in their order, want %d", format, n, many)
		}
		// All of them are some 25 MB.
		if most > base+8<<20 {
			t.Errorf("%s: %d KB of memory, %d before", format, most>>10, base>>10)
		}
		t.Logf("%s: %d payments in %v, %d KB of memory, %d before", format, n, took.Round(time.Millisecond), most>>10, base>>10)
	}
}

// What is projected meanwhile does not show, and neither does a rebuild that takes
// the place of the rows.
func TestExport_IsOfOneMoment(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	const n = 10_000
	put(t, s.pool, n, wide)
	res := s.begin(t.Context(), t, "format=json")
	lines := bufio.NewScanner(res.Body)
	seen := map[string]bool{}
	for lines.Scan() {
		var p struct {
			ID    string `json:"payment_id"`
			State string
		}
		if err := json.Unmarshal(lines.Bytes(), &p); err != nil {
			t.Fatal(err)
		}
		if p.State != "captured" || seen[p.ID] {
			t.Fatalf("%s is %s, or there again", p.ID, p.State)
		}
		if seen[p.ID] = true; len(seen) == 1 {
			for _, sql := range []string{
				"DELETE FROM payments WHERE payment_id LIKE 'order-0099%'",
				"UPDATE payments SET state = 'refunded', created_at = created_at + interval '1 day' WHERE payment_id LIKE 'order-008%'",
				"ALTER SCHEMA payloom RENAME TO former", "CREATE SCHEMA payloom", "CREATE TABLE payloom.payments (LIKE former.payments)",
			} {
				if _, err := s.pool.Exec(t.Context(), sql); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if lines.Err() != nil || len(seen) != n || res.rows() != fmt.Sprint(n) {
		t.Errorf("%d payments, %v, trailer %v, want %d as they were", len(seen), lines.Err(), res.rows(), n)
	}
}

func TestExport_BreaksWhereItFails(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(t *testing.T, s *shelf){
		"the database goes away": func(t *testing.T, s *shelf) {
			t.Helper()
			testkit.Eventually(t, patience, func() error {
				tag, err := s.pool.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
					WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'idle in transaction'`)
				if err == nil && tag.RowsAffected() == 0 {
					err = errors.New("the export does not wait yet")
				}
				return err
			})
		},
		"the service stops": func(_ *testing.T, s *shelf) { close(s.stopping) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShelf(t)
			put(t, s.pool, 10_000, wide)
			res := s.begin(t.Context(), t, "")
			if _, err := io.ReadFull(res.Body, make([]byte, 100)); err != nil {
				t.Fatal(err)
			}
			// The export waits for its client by now, or soon will.
			fail(t, s)
			_, err := io.Copy(io.Discard, res.Body)
			if err == nil || res.rows() != "" {
				t.Errorf("it ended with %v and the trailer %v", err, res.rows())
			}
			s.checkIdle(t)
		})
	}
}

// checkIdle waits until no export holds anything.
func (s *shelf) checkIdle(t *testing.T) {
	t.Helper()
	testkit.Eventually(t, patience, func() error {
		if n := len(s.api.exporting); n > 0 {
			return fmt.Errorf("%d exports are under way", n)
		}
		if n := s.pool.Stat().AcquiredConns(); n > 0 {
			return fmt.Errorf("%d connections are held", n)
		}
		return nil
	})
}

func TestExport_OnlySoManyAtOnce(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	put(t, s.pool, 10_000, wide)
	ctx, leave := context.WithCancel(t.Context())
	for range maxExports {
		if res := s.begin(ctx, t, ""); res.StatusCode != http.StatusOK {
			t.Fatalf("status %d", res.StatusCode)
		}
	}
	r := s.get(t, reader, "/v1/payments/export")
	if r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") != "5" {
		t.Errorf("one more: %d %v", r.status, r.header)
	}
	if r := s.get(t, reader, "/v1/payments?page_size=1"); r.status != http.StatusOK {
		t.Errorf("the list meanwhile: %d", r.status)
	}
	leave() // a client that goes holds nothing up
	s.checkIdle(t)
	if r := s.get(t, reader, "/v1/payments/export?q=order-000001"); r.status != http.StatusOK {
		t.Errorf("afterwards: %d", r.status)
	}
}

func TestExport_HeadTellsAndReadsNothing(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodHead, s.url+"/v1/payments/export?format=json", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+reader)
	res, err := new(http.Client).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/x-ndjson" {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
}

func TestGuard_CanBeUndone(t *testing.T) {
	t.Parallel()
	alphabet := []rune("=+-@\t\r'ab\n\"")
	for range 2000 {
		var text []rune
		for range rand.IntN(4) {
			text = append(text, alphabet[rand.IntN(len(alphabet))])
		}
		got := guard(string(text))
		if got != "" && strings.ContainsAny(got[:1], "=+-@\t\r") {
			t.Errorf("%q is a formula", got)
		}
		if strings.TrimPrefix(got, "'") != string(text) {
			t.Errorf("%q does not give back %q", got, string(text))
		}
	}
}

var errFull = errors.New("full")

// full takes some bytes and no more.
type full struct{ left int }

func (f *full) Write(b []byte) (int, error) {
	if f.left -= len(b); f.left < 0 {
		return 0, errFull
	}
	return len(b), nil
}

func TestEncoder_TellsThatNothingIsTaken(t *testing.T) {
	t.Parallel()
	for _, format := range formats() {
		out := newEncoder(format, &full{left: 100})
		var err error
		p := exportedSale
		for range 100 {
			err = errors.Join(err, out.encode(&p))
		}
		if err = errors.Join(err, out.flush()); !errors.Is(err, errFull) {
			t.Errorf("%s: %v", format, err)
		}
	}
}
