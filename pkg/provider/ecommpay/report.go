package ecommpay

import (
	"errors"
	"strconv"
	"strings"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider/ecommpay/gate"
)

// RefRequestID is the name, in a payment's references, of the id of the request
// that ECommPay accepted.
const RefRequestID = "request_id"

// report is what a callback or the answer to an inquiry says of one payment. Both
// come in two layouts, and members may be missing from either.
type report struct {
	project   string
	id        string // payment_id
	kind      string // payment.type: payout
	status    string // payment.status
	requestID string
	sum       *sum // as requested
	ops       []operation
	fault     string // code of the first error
}

// operation is one thing the platform did about a payment. With retries, and
// after a reversal, there are several.
type operation struct {
	id        string // digits
	kind      string // payout, or one that names a reversal
	status    string
	code      string
	requestID string
	initial   *sum
}

type sum struct {
	minor    int64
	currency string
}

func (s sum) money() payment.Money {
	return payment.Money{Minor: s.minor, Currency: payment.Currency(s.currency)}
}

var (
	errLayout  = errors.New("members are missing")
	errForeign = errors.New("it is about another payment, amount or currency")
)

// read returns what m says. The error wraps errLayout.
func read(m gate.Message) (report, error) {
	r := report{
		project:   text(m.Get("project_id"), m.Get("general", "project_id")),
		id:        text(m.Get("payment", "id"), m.Get("general", "payment_id")),
		kind:      text(m.Get("payment", "type"), m.Get("transaction", "type")),
		status:    text(m.Get("payment", "status")),
		requestID: text(m.Get("request_id"), m.Get("operation", "request_id")),
		fault:     faultOf(m),
	}
	if m.Get("operation").Kind() == gate.Object {
		r.ops = append(r.ops, readOperation(m.Get("operation")))
	}
	for _, v := range m.Get("operations").Items() {
		r.ops = append(r.ops, readOperation(v))
	}
	r.sum = r.requested(sumOf(m.Get("sum_request")), sumOf(m.Get("payment", "sum")))
	if r.project == "" || r.id == "" || r.status == "" || !r.agrees(m) {
		return report{}, errLayout
	}
	return r, nil
}

// agrees tells whether m names one payment wherever it names any.
func (r report) agrees(m gate.Message) bool {
	inGeneral, inPayment := text(m.Get("general", "payment_id")), text(m.Get("payment", "id"))
	return inGeneral == "" || inPayment == "" || inGeneral == inPayment
}

func readOperation(v gate.Value) operation {
	op := operation{
		id: text(v.Get("id")), kind: text(v.Get("type")), status: text(v.Get("status")),
		code: code(v.Get("code")), requestID: text(v.Get("request_id")), initial: sumOf(v.Get("sum_initial")),
	}
	if op.initial == nil {
		op.initial = sumOf(v.Get("sum"))
	}
	return op
}

// text returns the first of values that is text or a number. The signature does
// not tell these two apart.
func text(values ...gate.Value) string {
	for _, v := range values {
		if t, ok := v.Text(); ok && t != "" {
			return t
		}
	}
	return ""
}

// code returns a response code, and nothing of what is none.
func code(v gate.Value) string {
	if t := text(v); codePattern.MatchString(t) {
		return t
	}
	return ""
}

// faultOf returns the code of m's first error. The member may be text, or empty.
func faultOf(m gate.Message) string {
	for _, v := range m.Get("errors").Items() {
		if c := code(v.Get("code")); c != "" {
			return c
		}
	}
	return ""
}

func sumOf(v gate.Value) *sum {
	minor, ok := v.Get("amount").Int()
	currency := text(v.Get("currency"))
	if !ok || currency == "" {
		return nil
	}
	return &sum{minor, currency}
}

// requested returns the sum as it was asked for: what the payout's operation calls
// the initial one, for payment.sum may be another where money was converted.
func (r report) requested(others ...*sum) *sum {
	if op, ok := r.last(operation.payout); ok && op.initial != nil {
		return op.initial
	}
	for _, s := range others {
		if s != nil {
			return s
		}
	}
	return nil
}

func (o operation) reversal() bool { return strings.Contains(status(o.kind), "reversal") }

func (o operation) payout() bool { return status(o.kind) == "payout" }

// last returns the latest of the operations that is asks for. Their order in a
// message says nothing, their ids grow.
func (r report) last(is func(operation) bool) (operation, bool) {
	var last operation
	found := false
	for _, op := range r.ops {
		if is(op) && (!found || later(op.id, last.id)) {
			last, found = op, true
		}
	}
	return last, found
}

// later compares ids as numbers of any length.
func later(a, b string) bool {
	if len(a) != len(b) {
		return len(a) > len(b)
	}
	return a > b
}

// code returns the code of the payment's last operation, or that of the error.
func (r report) code() string {
	if op, ok := r.last(func(operation) bool { return true }); ok && op.code != "" {
		return op.code
	}
	return r.fault
}

// ref returns the id of the operation that decided, or that of the request.
func (r report) ref() string {
	for _, is := range []func(operation) bool{operation.reversal, operation.payout} {
		if op, ok := r.last(is); ok && op.id != "" {
			return op.id
		}
	}
	return r.requestID
}

// refs returns what later inquiries need.
func (r report) refs() map[string]string {
	id := r.requestID
	if op, ok := r.last(operation.payout); ok && op.requestID != "" {
		id = op.requestID
	}
	if id == "" {
		return nil
	}
	return map[string]string{RefRequestID: id}
}

// ours tells whether r is about a payout of this project.
func (r report) ours(projectID int64) bool {
	if r.project != strconv.FormatInt(projectID, 10) {
		return false
	}
	if r.kind != "" {
		whole := operation{kind: r.kind}
		return whole.payout() || whole.reversal()
	}
	if _, ok := r.last(func(o operation) bool { return o.payout() || o.reversal() }); ok {
		return true
	}
	// An error names no type, as nothing of that type came to be.
	return status(r.status) == "error" && len(r.ops) == 0
}

// matches tells whether r is about the payout that money was asked for under key.
func (r report) matches(key string, money payment.Money) bool {
	return r.id == key && (r.sum == nil || r.sum.money() == money)
}

// paidSum returns the sum that was asked for and paid out, with its currency, which
// a result does not carry; zero where r tells of no success.
func (r report) paidSum() payment.Money {
	if s, _ := r.judge(); s != succeeded {
		return payment.Money{}
	}
	return r.sum.money()
}

// result returns what r says as the port has it. What a person must look into is
// pending, and so is inquired about.
func (r report) result() payment.Result {
	s, code := r.judge()
	out := payment.Result{Ref: r.ref(), Refs: r.refs(), Code: code}
	switch s {
	case succeeded:
		out.Status, out.Amount = payment.Approved, r.sum.minor
	case declined:
		out.Status, out.Reason = payment.Declined, judge(code).declined()
	case failed:
		out.Status, out.Reason = payment.Failed, judge(code).reason
	case reversed:
		out.Status, out.Reason = payment.Failed, payment.ReasonReversed
	case silent:
		return payment.Result{Code: code}
	case pending, doubtful:
		out.Status = payment.Pending
	}
	return out
}

// declined returns why a payout was declined. A code that says nothing leaves the
// bare fact.
func (v verdict) declined() payment.Reason {
	switch v.class {
	case transient, limit, invalid, misset, refused:
		return v.reason
	case query, fine, wait, manual:
	}
	return payment.ReasonDeclined
}
