package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/services/state-tracker/internal/store"
)

// encoder writes payments one by one. flush writes what it has held back.
type encoder interface {
	encode(p *store.Exported) error
	flush() error
}

func newEncoder(format string, w io.Writer) encoder {
	if format == "json" {
		return newLines(w)
	}
	return newTable(w)
}

// table writes CSV (RFC 4180): lines end with CRLF, the first names the columns.
type table struct {
	w     *csv.Writer
	cells []string
	err   error // of the header
}

// columns are the columns of the CSV, and the fields of the JSON.
var columns = []string{
	"payment_id", "kind", "provider", "account", "state", "settled", "currency",
	"amount_minor", "amount", "authorized_minor", "authorized", "captured_minor", "captured", "refunded_minor", "refunded",
	"capture_mode", "reason", "code", "reference", "merchant_reference", "attention", "created_at", "updated_at",
}

func newTable(w io.Writer) *table {
	t := &table{w: csv.NewWriter(w), cells: make([]string, 0, len(columns))}
	t.w.UseCRLF = true
	t.err = t.w.Write(columns)
	return t
}

// exportTime is how times are written: of one length, so that text sorts as time.
const exportTime = "2006-01-02T15:04:05.000000Z"

func (t *table) encode(p *store.Exported) error {
	minor := func(n int64) string { return strconv.FormatInt(n, 10) }
	t.cells = append(t.cells[:0],
		guard(p.ID), guard(p.Kind), guard(p.Provider), guard(p.Account), guard(p.State), strconv.FormatBool(p.Settled), guard(p.Currency),
		minor(p.Amount), decimal(p.Amount, p.Currency), minor(p.Authorized), decimal(p.Authorized, p.Currency),
		minor(p.Captured), decimal(p.Captured, p.Currency), minor(p.Refunded), decimal(p.Refunded, p.Currency),
		guard(p.Capture), guard(p.Reason), guard(p.Code), guard(p.Ref), guard(p.OwnRef), strconv.FormatBool(p.Attention),
		p.CreatedAt.Format(exportTime), p.UpdatedAt.Format(exportTime))
	return t.w.Write(t.cells)
}

func (t *table) flush() error {
	t.w.Flush()
	if t.err != nil {
		return t.err
	}
	return t.w.Error()
}

// guard keeps a spreadsheet from taking text for a formula (OWASP, CSV Injection):
// a cell that begins as one gets an apostrophe before it. So does one that begins
// with an apostrophe, so that taking one away gives back what was there.
func guard[S ~string](cell S) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r'", rune(cell[0])) {
		return "'" + string(cell)
	}
	return string(cell)
}

// decimal writes minor units in major ones: empty when there is no currency.
func decimal(minor int64, c payment.Currency) string {
	s, err := payment.Money{Minor: minor, Currency: c}.Decimal()
	if err != nil {
		return ""
	}
	return s
}

// lines writes a JSON object on each line.
type lines struct {
	w   *bufio.Writer
	enc *json.Encoder
}

func newLines(w io.Writer) *lines {
	b := bufio.NewWriter(w)
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	return &lines{w: b, enc: enc}
}

// line is a payment as JSON: the columns of the CSV, text as it is.
type line struct {
	ID              payment.ID       `json:"payment_id"`
	Kind            payment.Kind     `json:"kind"`
	Provider        payment.Provider `json:"provider"`
	Account         string           `json:"account"`
	State           string           `json:"state"`
	Settled         bool             `json:"settled"`
	Currency        payment.Currency `json:"currency"`
	AmountMinor     int64            `json:"amount_minor"`
	Amount          string           `json:"amount"`
	AuthorizedMinor int64            `json:"authorized_minor"`
	Authorized      string           `json:"authorized"`
	CapturedMinor   int64            `json:"captured_minor"`
	Captured        string           `json:"captured"`
	RefundedMinor   int64            `json:"refunded_minor"`
	Refunded        string           `json:"refunded"`
	Capture         string           `json:"capture_mode"`
	Reason          string           `json:"reason"`
	Code            string           `json:"code"`
	Ref             string           `json:"reference"`
	OwnRef          string           `json:"merchant_reference"`
	Attention       bool             `json:"attention"`
	CreatedAt       time.Time        `json:"created_at"`
	UpdatedAt       time.Time        `json:"updated_at"`
}

func (l *lines) encode(p *store.Exported) error {
	return l.enc.Encode(line{
		ID: p.ID, Kind: p.Kind, Provider: p.Provider, Account: p.Account, State: p.State, Settled: p.Settled, Currency: p.Currency,
		AmountMinor: p.Amount, Amount: decimal(p.Amount, p.Currency), AuthorizedMinor: p.Authorized, Authorized: decimal(p.Authorized, p.Currency),
		CapturedMinor: p.Captured, Captured: decimal(p.Captured, p.Currency), RefundedMinor: p.Refunded, Refunded: decimal(p.Refunded, p.Currency),
		Capture: p.Capture, Reason: p.Reason, Code: p.Code, Ref: p.Ref, OwnRef: p.OwnRef, Attention: p.Attention,
		CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt,
	})
}

func (l *lines) flush() error { return l.w.Flush() }
