package computop

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider/computop/paygate"
)

// The names of Paygate's and Amazon's ids in a payment's references.
const (
	RefPayID            = "pay_id"               // of the payment, for every follow-up
	RefXID              = "xid"                  // of the step that opened it
	RefChargeID         = "charge_id"            // for refund and cancel
	RefChargePermission = "charge_permission_id" // for further charges of a series
)

// reply is a decrypted message of Paygate: an answer, a notify or a return.
type reply struct {
	fields map[string]string // by lower-case name
	// open is set when it came without encryption. Whoever can write to the
	// connection could have made it, so it is good for refusals only.
	open bool
}

var (
	errNoAnswer = errors.New("answer cannot be read")
	errForeign  = errors.New("answer belongs to another call")
)

var payIDPattern = regexp.MustCompile(`^[0-9A-Za-z]{32}$`)

func (r reply) get(name string) string { return strings.TrimSpace(r.fields[strings.ToLower(name)]) }

func (r reply) status() string { return r.get("Status") }

func (r reply) code() paygate.Code { return paygate.Code(r.get("Code")) }

func (r reply) judge() verdict { return judge(r.status(), r.code()) }

// minor returns an amount in minor units and whether the field is there.
// check has made sure that it is a number.
func (r reply) minor(name string) (int64, bool) {
	v, ok := r.fields[strings.ToLower(name)]
	if !ok {
		return 0, false
	}
	amount, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
	return amount, err == nil
}

// check tells whether the amounts that are there are n..10.
func (r reply) check() error {
	for _, name := range []string{"Amount", "AmountAuth", "AmountCap", "AmountCred"} {
		if v, ok := r.fields[strings.ToLower(name)]; ok && !formatN(10).fits(strings.TrimSpace(v)) {
			return fmt.Errorf("%w: %s is no amount", errNoAnswer, name)
		}
	}
	return nil
}

// totals returns the running totals, or nil when one of them is missing.
func (r reply) totals() *payment.Totals {
	authorized, a := r.minor("AmountAuth")
	captured, b := r.minor("AmountCap")
	refunded, c := r.minor("AmountCred")
	if !a || !b || !c {
		return nil
	}
	return &payment.Totals{Authorized: authorized, Captured: captured, Refunded: refunded}
}

// refs returns the ids that later operations need.
func (r reply) refs() map[string]string {
	refs := map[string]string{}
	for name, field := range map[string]string{
		RefPayID: "PayID", RefChargeID: "chargeid", RefChargePermission: "chargepermissionid",
	} {
		if v := r.get(field); v != "" {
			refs[name] = v
		}
	}
	return refs
}

// mandate returns the right to charge again. Every payment has a permission;
// whether it allows a series, the payment's terms tell.
func (r reply) mandate() *payment.Mandate {
	if id := r.get("chargepermissionid"); id != "" {
		return &payment.Mandate{ID: id}
	}
	return nil
}

// open returns the answer's fields, decrypted with the first of codecs that
// gives something with a Status.
func open(codecs []*paygate.Codec, body []byte) (reply, error) {
	env, extras, err := paygate.ParseEnvelope(body)
	switch {
	case errors.Is(err, paygate.ErrNoEnvelope):
		return openly(extras)
	case err != nil:
		return reply{}, errNoAnswer
	}
	for _, codec := range codecs {
		plaintext, err := codec.Open(env)
		if err != nil {
			continue
		}
		r := reply{fields: paygate.ParseMessage(plaintext).Map()}
		if r.status() != "" {
			return r, r.check()
		}
	}
	return reply{}, errNoAnswer
}

// openly reads an answer that is not encrypted, as Paygate gives where it could
// not tell whose key to use.
func openly(form map[string][]string) (reply, error) {
	r := reply{fields: map[string]string{}, open: true}
	for name, values := range form {
		r.fields[strings.ToLower(name)] = values[0]
	}
	if r.get("mid") == "" && r.status() == "" {
		return reply{}, errNoAnswer
	}
	return r, r.check()
}

// belongs tells whether an answer is to a request with these fields. Fields that
// the answer leaves out say nothing; TransID may come as n/a.
func (r reply) belongs(merchantID string, request map[string]string) error {
	for _, pair := range [][2]string{
		{"mid", merchantID}, {"merchantid", merchantID},
		{"payid", request["PayID"] + request["PayId"]},
		{"transid", request["TransID"]}, {"amount", request["Amount"]}, {"currency", request["Currency"]},
	} {
		name, sent := pair[0], pair[1]
		got := r.get(name)
		if sent == "" || got == "" || name == "transid" && strings.EqualFold(got, "n/a") {
			continue
		}
		if name == "amount" {
			got = strings.TrimLeft(got, "0")
		}
		if got != sent {
			return fmt.Errorf("%w: %s differs", errForeign, name)
		}
	}
	return nil
}
