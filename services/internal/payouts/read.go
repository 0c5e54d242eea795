package payouts

import (
	"regexp"
	"slices"
	"strconv"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/service"
	"github.com/payloom/payloom/services/internal/intake"
)

// MaxKey is the longest key of a batch, in characters: a payment's id and a stroke fit
// behind it.
const MaxKey = 255 - 1 - 64

// ReqID returns the idempotency key of a line that brings none of its own: the batch's
// key and the payment's id, or the number of the line. The same line of the same batch
// has the same key for ever.
func ReqID(key, paymentID string, line int) payment.ReqID {
	if paymentID == "" {
		// No payment's id has a colon in it.
		paymentID = "line:" + strconv.Itoa(line)
	}
	return payment.ReqID(key + "/" + paymentID)
}

// Batch is what is known of all lines.
type Batch struct {
	Merchant payment.Merchant
	Key      string // the batch's own idempotency key
	Format   Format
	Header   Header // of CSV
}

// Payout is one line, as far as it can be read without knowing accounts.
type Payout struct {
	*intake.Request
	// Project is the number of the provider's project when the line says one.
	Project string
	// Readable is false where nothing can be told but what is wrong with the line.
	Readable bool

	line   int
	format Format
	own    bool // the req id is the line's own
}

var projects = regexp.MustCompile(`^[1-9][0-9]{0,17}$`)

// Read reads one line and checks all that can be without knowing the provider.
func (b Batch) Read(l Line) *Payout {
	p := &Payout{Request: &intake.Request{Faults: &intake.Faults{}}, line: l.Number, format: b.Format}
	doc, fault := b.document(l, p)
	if fault != nil {
		p.Faults.List = append(p.Faults.List, *fault)
		return p
	}
	p.Readable = true
	p.Faults.RefuseCards(doc)
	id, f := payment.ReqID(doc.Text("req_id")), p.Faults
	if p.own = id != ""; !p.own {
		id = ReqID(b.Key, doc.Text("payment_id"), l.Number)
		if doc.Text("payment_id") == "" {
			// By its number a line would be another one, and be paid again, as soon as
			// somebody edits the file above it.
			f.Add("payment_id", "required", "is needed, or a req_id: it is what a line is known by when the batch is sent again")
		}
	}
	if id.Reserved() {
		f.Add("req_id", "reserved", "must not begin with %s", payment.ReservedReqID)
	}
	p.Request = intake.ReadLine(payment.Command{
		ID: payment.DeriveCommandID(b.Merchant, id), Merchant: b.Merchant, ReqID: id, Kind: payment.Payout,
	}, doc, f)
	if p.Project != "" && !projects.MatchString(p.Project) {
		f.Add("account", "format", "must be the number of a project")
	}
	if !p.own {
		// What is wrong with a key that was made of the payment's id is the id's fault.
		f.List = slices.DeleteFunc(f.List, func(e service.FieldError) bool { return e.Field == "req_id" && e.Code != "type" })
	}
	return p
}

// document returns the line as an object of the API.
func (b Batch) document(l Line, p *Payout) (intake.Document, *service.FieldError) {
	if fault := l.Unreadable(); fault != nil {
		return intake.Document{}, fault
	}
	text := l.Text
	if b.Format == CSV {
		row, fault := b.Header.Row(l)
		if fault != nil {
			return intake.Document{}, fault
		}
		text, p.Project = row.Object, row.Project
		for _, field := range row.Missing {
			p.Faults.Add(field, "required", "is required")
		}
	}
	doc, err := intake.Parse(text)
	if err != nil {
		return doc, &service.FieldError{Field: WholeLine, Code: "malformed", Detail: "the " + err.Error()}
	}
	return doc, nil
}

// Errors returns all that is wrong with the line, by the names that its format has.
func (p *Payout) Errors() []service.FieldError {
	list := slices.Clone(p.Faults.List)
	if p.format == CSV {
		// There is no column for all of the amount; what is wrong with it is said by its parts.
		list = slices.DeleteFunc(list, func(e service.FieldError) bool { return e.Field == "amount" && len(list) > 1 })
		Rename(list)
	}
	return list
}

// Result returns the answer to the line with the names that are fit to be told: of a
// rejected one those that nothing is wrong with.
func (p *Payout) Result(s Status) Result {
	r := Result{Line: p.line, Status: s}
	if !p.Readable {
		r.Errors = p.Errors()
		return r
	}
	c := p.Command
	if s != Rejected {
		r.ReqID, r.PaymentID, r.CommandID = c.ReqID, c.Payment, c.ID
		return r
	}
	r.Errors = p.Errors()
	// A key or an id that was made of a wrong one tells nothing.
	good := !p.Faults.Has("payment_id") && !p.Faults.Has("req_id")
	if good {
		r.ReqID = c.ReqID
	}
	if good && c.Payment != payment.DeriveID(c.ID) {
		r.PaymentID = c.Payment
	}
	return r
}
