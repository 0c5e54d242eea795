package verify

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/payloom/payloom/pkg/bus"
)

// Canary is a text that must be nowhere: a piece of personal data that was planted,
// or a secret. Reports call it by its name and never show it.
type Canary struct{ Name, Text string }

// ShortestCanary is the least that is looked for, bytes: less is found by chance.
const ShortestCanary = 6

// needle is one way in which a canary may be written.
type needle struct {
	canary string
	form   []byte
}

// haystack finds many needles in one pass. It is not for concurrent use.
type haystack struct {
	byStart map[[2]byte][]needle
	starts  [1 << 16]bool
	// seen keeps what was found, so that a text in a thousand messages is one line.
	seen  map[string]int
	cards []card
}

func newHaystack(all []Canary) (*haystack, error) {
	s := &haystack{byStart: map[[2]byte][]needle{}, seen: map[string]int{}}
	for _, c := range all {
		if len(c.Text) < ShortestCanary {
			return nil, fmt.Errorf("canary %s is shorter than %d bytes", c.Name, ShortestCanary)
		}
		for form := range formsOf(c.Text) {
			start := [2]byte([]byte(form))
			s.byStart[start] = append(s.byStart[start], needle{c.Name, []byte(form)})
			s.starts[int(start[0])<<8|int(start[1])] = true
		}
	}
	return s, nil
}

// formsOf returns the ways in which a text may be written.
func formsOf(text string) map[string]bool {
	forms := map[string]bool{text: true, url.QueryEscape(text): true, url.PathEscape(text): true, hex.EncodeToString([]byte(text)): true}
	for _, form := range append(jsonForms(text), base64Forms(text)...) {
		forms[form] = true
	}
	return forms
}

// jsonForms returns text as it stands between the quotes of JSON, by those who write
// HTML's characters and slashes as escapes, and by those who do not.
func jsonForms(text string) []string {
	var plain bytes.Buffer
	e := json.NewEncoder(&plain)
	e.SetEscapeHTML(false)
	html, htmlErr := json.Marshal(text)
	if err := errors.Join(e.Encode(text), htmlErr); err != nil {
		return nil // a string can always be encoded
	}
	forms := []string{strings.Trim(plain.String(), "\"\n"), strings.Trim(string(html), "\"")}
	return append(forms, strings.ReplaceAll(forms[0], "/", `\/`), strings.ReplaceAll(forms[1], "/", `\/`))
}

// base64Forms returns what is the same of text's base64 wherever it begins in what is
// encoded, and whatever comes before and after it.
func base64Forms(text string) []string {
	var forms []string
	for before, skip := range []int{0, 2, 3} { // characters that hold bits of the bytes before
		data := append(make([]byte, before), text...)
		whole := len(data) * 8 / 6 // characters without bits of the bytes after
		for _, code := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
			forms = append(forms, code.EncodeToString(data)[skip:whole])
		}
	}
	return forms
}

// find calls report with the name of each canary in data.
func (s *haystack) find(data []byte, report func(canary string)) {
	for i := 0; i+1 < len(data); i++ {
		if !s.starts[int(data[i])<<8|int(data[i+1])] {
			continue
		}
		for _, n := range s.byStart[[2]byte(data[i:])] {
			if bytes.HasPrefix(data[i:], n.form) {
				report(n.canary)
			}
		}
	}
}

// found reports a canary once for each kind of place; where says precisely.
func (v *verifier) found(kind, where, canary string) {
	key := kind + "\x00" + canary
	v.hay.seen[key]++
	if v.hay.seen[key] == 1 {
		v.spills.bad(Wrong, where, "holds %s", canary)
	}
}

// spill looks through a message as it is stored.
func (v *verifier) spill(m bus.Message) {
	v.spills.Checked++
	at := place{m.Stream, m.Seq}.String()
	report := func(canary string) { v.found(m.Stream, at, canary) }
	v.hay.find(m.Data, report)
	v.hay.find([]byte(m.Subject), report)
	for _, values := range m.Header {
		for _, text := range values {
			v.hay.find([]byte(text), report)
		}
	}
}

// spillTexts looks for card numbers in what a message says. In the bytes that it
// is stored as, a number's neighbours are not its own.
func (v *verifier) spillTexts(at string, message any) {
	eachText(message, func(text string) { v.hay.cards = append(v.hay.cards, cardsIn(at, text)...) })
}

// spillText looks through a text that is read as a whole, such as a line.
func (v *verifier) spillText(kind, at string, text []byte) {
	v.spills.Checked++
	v.hay.find(text, func(canary string) { v.found(kind, at, canary) })
	v.hay.cards = append(v.hay.cards, cardsIn(at, string(text))...)
}

// checkSpills looks through everything but the streams, which were looked through
// when they were read, and judges the card numbers of all.
func (v *verifier) checkSpills(ctx context.Context) error {
	if len(v.in.Canaries) == 0 {
		v.spills.except("no canaries were given: only card numbers were looked for")
	}
	for _, f := range []func(context.Context) error{v.spillTables, v.spillMetrics, v.spillLogs} {
		if err := f(ctx); err != nil {
			return err
		}
	}
	ids := v.ids()
	for _, c := range v.hay.cards {
		if !ids[c.digits] && !ids[c.token] {
			v.spills.bad(Wrong, c.where, "holds what looks like a card number")
		}
	}
	for key, n := range v.hay.seen {
		if kind, canary, _ := strings.Cut(key, "\x00"); n > 1 {
			v.spills.except("%s is in %s %d times", canary, kind, n)
		}
	}
	return nil
}

// ids are the names that happen to be numbers: payments, requests, references.
func (v *verifier) ids() map[string]bool {
	all := map[string]bool{}
	for key, c := range v.commands {
		all[string(key.id)], all[string(c.ReqID)], all[string(c.Payment)], all[c.Reference] = true, true, true, true
	}
	for _, h := range v.payments {
		all[string(h.id)] = true
		for key := range h.keys() {
			all[key] = true
		}
		for ref := range h.refs {
			all[ref] = true
		}
	}
	return all
}

// spillTables looks through every row of every table.
func (v *verifier) spillTables(ctx context.Context) error {
	if v.in.Database == nil {
		v.spills.except("no database was named: tables were not looked through")
		return nil
	}
	rows, err := v.in.Database.Query(ctx, `SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND has_table_privilege(c.oid, 'SELECT')`)
	if err != nil {
		return fmt.Errorf("list tables: %w", err)
	}
	tables, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (name pgx.Identifier, err error) {
		var schema, table string
		err = row.Scan(&schema, &table)
		return pgx.Identifier{schema, table}, err
	})
	if err != nil {
		return fmt.Errorf("list tables: %w", err)
	}
	for _, t := range tables {
		if err := v.spillTable(ctx, t); err != nil && !dropped(err) {
			return fmt.Errorf("look through %s: %w", t[1], err)
		}
	}
	return nil
}

// dropped tells whether a table is no longer there: a rebuild's draft goes when it
// ends.
func dropped(err error) bool {
	const undefinedTable = "42P01"
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.Code == undefinedTable
}

func (v *verifier) spillTable(ctx context.Context, t pgx.Identifier) error {
	rows, err := v.in.Database.Query(ctx, "SELECT t::text FROM "+t.Sanitize()+" t")
	if err != nil {
		return err
	}
	at := "table " + strings.Join(t, ".")
	var text string
	_, err = pgx.ForEachRow(rows, []any{&text}, func() error {
		v.spillText(at, at, []byte(text))
		return nil
	})
	return err
}

func (v *verifier) spillMetrics(ctx context.Context) error {
	if len(v.in.Metrics) == 0 {
		v.spills.except("no metrics were named: they were not looked through")
	}
	for _, url := range v.in.Metrics {
		text, err := get(ctx, url)
		if err != nil {
			return err
		}
		for line := range bytes.Lines(text) {
			v.spillText("metrics", url, line)
		}
	}
	return nil
}

// maxLogLine is the longest line that is read at once; the rest of it counts as
// another.
const maxLogLine = 1 << 20

func (v *verifier) spillLogs(context.Context) error {
	if v.in.Logs == "" {
		v.spills.except("no folder of logs was named: they were not looked through")
		return nil
	}
	return filepath.WalkDir(v.in.Logs, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		return v.spillLog(path)
	})
}

func (v *verifier) spillLog(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, maxLogLine)
	for n := 1; ; n++ {
		line, err := r.ReadSlice('\n')
		v.spillText("logs", fmt.Sprintf("%s:%d", filepath.Base(path), n), line)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}
