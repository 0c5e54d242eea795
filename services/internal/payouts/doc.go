// Package payouts is how many payouts are written in one file or body, and what is
// answered to each of them: lines of CSV or of JSON in, lines of JSON out. Ingress
// reads and answers so, and payctl sends and reads so.
package payouts

import (
	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/service"
)

// Format is how payouts are written.
type Format string

// The formats.
const (
	CSV    Format = "csv"
	NDJSON Format = "ndjson"
)

// MediaType returns what HTTP calls the format.
func (f Format) MediaType() string {
	if f == CSV {
		return "text/csv"
	}
	return "application/x-ndjson"
}

// First returns the number of the first line that holds a payout: a CSV file begins
// with a header.
func (f Format) First() int {
	if f == CSV {
		return 2
	}
	return 1
}

// FirstLine is the query parameter that tells which line of the whole the first
// payout of a body is.
const FirstLine = "first_line"

// Status is what became of a line.
type Status string

// The statuses.
const (
	Accepted    Status = "accepted"    // stored by this line
	Replayed    Status = "replayed"    // was stored before
	Rejected    Status = "rejected"    // is not stored, and never will be as it is
	Unavailable Status = "unavailable" // nobody knows; send it again
)

// Result is the answer to one line.
type Result struct {
	Line      int               `json:"line"`
	ReqID     payment.ReqID     `json:"req_id,omitempty"`
	PaymentID payment.ID        `json:"payment_id,omitempty"`
	CommandID payment.CommandID `json:"command_id,omitempty"`
	Status    Status            `json:"status"`
	// Errors say what is wrong with a rejected line, by column or JSON field; the
	// field WholeLine stands for all of it.
	Errors []service.FieldError `json:"errors,omitempty"`
}

// WholeLine is the field of an error that is about no field.
const WholeLine = "line"

// Counts are the results so far.
type Counts struct {
	Lines    int `json:"lines"` // that have a result: blank ones have none
	Accepted int `json:"accepted"`
	Replayed int `json:"replayed"`
	Rejected int `json:"rejected"`
}

// Add counts one result. One that is unavailable does not count.
func (c *Counts) Add(s Status) {
	switch s {
	case Accepted:
		c.Accepted++
	case Replayed:
		c.Replayed++
	case Rejected:
		c.Rejected++
	case Unavailable:
		return
	}
	c.Lines++
}

// Reason says why a batch ended early.
type Reason string

// The reasons.
const (
	ReasonUnavailable Reason = "unavailable" // the broker could not store a line in time
	ReasonStopping    Reason = "stopping"    // the server is being stopped
	ReasonStalled     Reason = "stalled"     // nothing came for too long
	ReasonUnreadable  Reason = "unreadable"  // the body broke off
	ReasonForbidden   Reason = "forbidden"   // the API key opens this no more
	ReasonFailed      Reason = "failed"      // the server's fault
)

// End is the last line of the answer. An answer without it broke off.
type End struct {
	Done bool `json:"done"`
	// ResumeFrom is the line to send next when the batch ended early.
	ResumeFrom int    `json:"resume_from,omitempty"`
	Reason     Reason `json:"reason,omitempty"`
	Counts
}
