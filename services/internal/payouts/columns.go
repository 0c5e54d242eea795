package payouts

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/payloom/payloom/pkg/service"
	"github.com/payloom/payloom/services/internal/intake"
)

// Column is one column of a CSV file.
type Column struct {
	Name     string
	Field    string // what the API calls it
	Required bool
}

// Project is the column that chooses the account.
const Project = "general.project_id"

// Columns lists the columns: the parameters of a payout request but the signature
// (ECommPay documentation, Amazon Pay, request format), and what Payloom adds.
func Columns() []Column {
	return []Column{
		{"req_id", "req_id", false},
		{Project, "account", false},
		{"general.payment_id", "payment_id", false},
		{"payment.amount", "amount.value", true},
		{"payment.currency", "amount.currency", true},
		{"payment.description", "description", false},
		{"customer.id", "beneficiary.customer_id", true},
		{"customer.ip_address", "beneficiary.ip_address", true},
		{"customer.first_name", "beneficiary.first_name", true},
		{"customer.last_name", "beneficiary.last_name", true},
		{"customer.email", "beneficiary.email", true},
		{"customer.address", "beneficiary.address", true},
		{"account.number", "beneficiary.account_number", true},
		{"reference", "reference", false},
	}
}

// Rename says errors of the API's fields by the columns they come from.
func Rename(list []service.FieldError) {
	for i, e := range list {
		for _, c := range Columns() {
			if c.Field == e.Field {
				list[i].Field = c.Name
			}
		}
	}
}

// Header is the first line of a CSV file.
type Header struct{ fields []string } // of the API, in the order of the columns

// HeaderError says what is wrong with the first line of a CSV file.
type HeaderError struct{ Fields []service.FieldError }

// Error implements error.
func (e *HeaderError) Error() string {
	parts := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		parts[i] = f.Field + " " + f.Detail
	}
	return "columns: " + strings.Join(parts, "; ")
}

// ReadHeader reads the first line of a CSV file. Any error is a *HeaderError that
// names every column that is unknown, there twice, or missing.
func ReadHeader(l Line) (Header, error) {
	var f intake.Faults
	names := readNames(l, &f)
	h := Header{}
	for i, name := range names {
		at := slices.IndexFunc(Columns(), func(c Column) bool { return c.Name == name })
		switch {
		case at < 0:
			f.Add(intake.Shown(name), "unknown", "is no column of payouts")
		case slices.Contains(names[:i], name):
			f.Add(name, "duplicate", "is there twice")
		default:
			h.fields = append(h.fields, Columns()[at].Field)
		}
	}
	for _, c := range Columns() {
		if c.Required && !slices.Contains(names, c.Name) && !f.Has(WholeLine) {
			f.Add(c.Name, "required", "is missing")
		}
	}
	if len(f.List) > 0 {
		return Header{}, &HeaderError{f.List}
	}
	return h, nil
}

func readNames(l Line, f *intake.Faults) []string {
	if fault := l.Unreadable(); fault != nil {
		f.List = append(f.List, *fault)
		return nil
	}
	if l.Blank() {
		f.Add(WholeLine, "required", "must be the header: the names of the columns, separated by commas")
		return nil
	}
	names, fault := fields(l.Text)
	switch {
	case fault != nil:
		f.List = append(f.List, *fault)
		return nil
	case len(names) == 1 && strings.ContainsAny(names[0], ";\t"):
		f.Add(WholeLine, "separator", "must separate columns by commas")
		return nil
	}
	return names
}

// Unreadable returns what keeps a line from being looked at, nil when it can be.
func (l Line) Unreadable() *service.FieldError {
	switch {
	case l.TooLong:
		return &service.FieldError{Field: WholeLine, Code: "too_long", Detail: fmt.Sprintf("is longer than %d bytes", MaxLine)}
	case !utf8.Valid(l.Text):
		return &service.FieldError{Field: WholeLine, Code: "encoding", Detail: "is not UTF-8"}
	}
	return nil
}

// fields reads one line of CSV (RFC 4180). That a field may not go over lines is on
// purpose: no field of a payout does, and a quote that is missing spoils one line
// rather than all that follow.
func fields(text []byte) ([]string, *service.FieldError) {
	r := csv.NewReader(bytes.NewReader(text))
	all, err := r.Read()
	if err != nil {
		return nil, &service.FieldError{
			Field: WholeLine, Code: "quotes",
			Detail: "has quotes that do not match: a field with commas or quotes stands in quotes, each quote in it twice, and ends on its line",
		}
	}
	return all, nil
}

// Row is one payout of a CSV file.
type Row struct {
	// Object is the payout as the API takes it, in JSON.
	Object []byte
	// Project is what is said about the provider's project, which may be nothing.
	Project string
	// Missing are the API's names of required columns that are empty.
	Missing []string
}

// row is a payout as the API takes it, with whatever a file says in it.
type row struct {
	ReqID       string `json:"req_id,omitempty"`
	PaymentID   string `json:"payment_id,omitempty"`
	Description string `json:"description,omitempty"`
	Reference   string `json:"reference,omitempty"`
	Amount      struct {
		Value    any    `json:"value,omitempty"`
		Currency string `json:"currency,omitempty"`
	} `json:"amount"`
	Beneficiary struct {
		CustomerID    string `json:"customer_id,omitempty"`
		IPAddress     string `json:"ip_address,omitempty"`
		FirstName     string `json:"first_name,omitempty"`
		LastName      string `json:"last_name,omitempty"`
		Email         string `json:"email,omitempty"`
		Address       string `json:"address,omitempty"`
		AccountNumber string `json:"account_number,omitempty"`
	} `json:"beneficiary"`
}

var integers = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)

// Row reads a line under the header: a row, or what keeps it from being one. An empty
// cell is the same as none.
func (h Header) Row(l Line) (Row, *service.FieldError) {
	if fault := l.Unreadable(); fault != nil {
		return Row{}, fault
	}
	cells, fault := fields(l.Text)
	switch {
	case fault != nil:
		return Row{}, fault
	case len(cells) != len(h.fields):
		return Row{}, &service.FieldError{Field: WholeLine, Code: "columns", Detail: "must have as many fields as the header has columns"}
	}
	var out Row
	var r row
	for i, field := range h.fields {
		r.set(field, cells[i], &out)
		if cells[i] == "" && required(field) {
			out.Missing = append(out.Missing, field)
		}
	}
	var err error
	if out.Object, err = json.Marshal(r); err != nil {
		return Row{}, &service.FieldError{Field: WholeLine, Code: "malformed", Detail: "cannot be read"}
	}
	return out, nil
}

func required(field string) bool {
	return slices.ContainsFunc(Columns(), func(c Column) bool { return c.Field == field && c.Required })
}

func (r *row) set(field, cell string, out *Row) {
	switch field {
	case "req_id":
		r.ReqID = cell
	case "account":
		out.Project = cell
	case "payment_id":
		r.PaymentID = cell
	case "description":
		r.Description = cell
	case "reference":
		r.Reference = cell
	case "amount.value":
		r.Amount.Value = number(cell)
	case "amount.currency":
		r.Amount.Currency = cell
	default:
		r.setBeneficiary(field, cell)
	}
}

func (r *row) setBeneficiary(field, cell string) {
	b := &r.Beneficiary
	switch field {
	case "beneficiary.customer_id":
		b.CustomerID = cell
	case "beneficiary.ip_address":
		b.IPAddress = cell
	case "beneficiary.first_name":
		b.FirstName = cell
	case "beneficiary.last_name":
		b.LastName = cell
	case "beneficiary.email":
		b.Email = cell
	case "beneficiary.address":
		b.Address = cell
	case "beneficiary.account_number":
		b.AccountNumber = cell
	}
}

// number returns a cell as a JSON number. What is none stays text, so that whoever
// reads the object says what is wrong with it.
func number(cell string) any {
	switch {
	case cell == "":
		return nil
	case integers.MatchString(cell):
		return json.RawMessage(cell)
	}
	return cell
}
