package batch

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/payloom/payloom/services/internal/payouts"
)

// Results writes one line per result: JSON, or CSV with a header.
type Results struct {
	out   *bufio.Writer
	file  *os.File // nil: it is not a file
	lines encoder
	n     int64 // bytes, what is not flushed included
}

type encoder interface {
	encode(payouts.Result) error
	flush() error
}

// NewResults returns a writer to w.
func NewResults(w io.Writer, f payouts.Format) (*Results, error) {
	r := &Results{}
	return r, r.begin(w, f, true)
}

// OpenResults returns a writer to a file, of which the first keep bytes stay.
func OpenResults(path string, keep int64) (*Results, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	r := &Results{file: f}
	err = f.Truncate(keep)
	if err == nil {
		r.n, err = f.Seek(keep, io.SeekStart)
	}
	if err == nil {
		err = r.begin(f, FormatOf(path), keep == 0)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return r, nil
}

// FormatOf returns how results are written to a file of that name.
func FormatOf(path string) payouts.Format {
	if strings.EqualFold(filepath.Ext(path), ".csv") {
		return payouts.CSV
	}
	return payouts.NDJSON
}

func (r *Results) begin(w io.Writer, f payouts.Format, fresh bool) error {
	r.out = bufio.NewWriterSize(w, 64<<10)
	if f == payouts.NDJSON {
		enc := json.NewEncoder(r)
		enc.SetEscapeHTML(false)
		r.lines = jsonLines{enc}
		return nil
	}
	table := csvLines{csv.NewWriter(r)}
	r.lines = table
	if !fresh {
		return nil
	}
	return table.Write([]string{"line", "req_id", "payment_id", "command_id", "status", "errors"})
}

// Write implements io.Writer for the encoders.
func (r *Results) Write(b []byte) (int, error) {
	n, err := r.out.Write(b)
	r.n += int64(n)
	return n, err
}

// Add writes a result.
func (r *Results) Add(result payouts.Result) error { return r.lines.encode(result) }

// Flush writes all that was added, to the disk if it is a file, and returns how many
// bytes there are.
func (r *Results) Flush() (int64, error) {
	err := errors.Join(r.lines.flush(), r.out.Flush())
	if r.file != nil && err == nil {
		err = r.file.Sync()
	}
	return r.n, err
}

// Close flushes and closes the file.
func (r *Results) Close() error {
	_, err := r.Flush()
	if r.file != nil {
		err = errors.Join(err, r.file.Close())
	}
	return err
}

type jsonLines struct{ *json.Encoder }

func (l jsonLines) encode(r payouts.Result) error { return l.Encode(r) }
func (l jsonLines) flush() error                  { return nil }

type csvLines struct{ *csv.Writer }

func (l csvLines) encode(r payouts.Result) error {
	return l.Write([]string{
		strconv.Itoa(r.Line), string(r.ReqID), string(r.PaymentID), string(r.CommandID), string(r.Status), Errors(r),
	})
}

func (l csvLines) flush() error {
	l.Flush()
	return l.Error()
}

// Errors says all that is wrong with a line in one.
func Errors(r payouts.Result) string {
	parts := make([]string, len(r.Errors))
	for i, e := range r.Errors {
		parts[i] = fmt.Sprintf("%s: %s", e.Field, e.Detail)
	}
	return strings.Join(parts, "; ")
}
