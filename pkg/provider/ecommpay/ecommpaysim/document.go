package ecommpaysim

import (
	"strconv"
	"time"

	"github.com/payloom/payloom/pkg/provider/ecommpay/gate"
)

// document is a body that the platform sends.
type document struct{ body []byte }

// dateLayout is how the platform writes times: the offset without a colon.
const dateLayout = "2006-01-02T15:04:05-0700"

func date(t time.Time) string { return t.UTC().Format(dateLayout) }

// acceptance is the answer to a request that is taken. It says nothing of money.
func acceptance(p *payment) document {
	return document{mustJSON(map[string]any{
		"status": "success", "request_id": p.requestID, "project_id": p.project.ID, "payment_id": p.id,
	})}
}

// absence is the answer to an inquiry about what is not there.
func absence(project int64) document {
	return document{mustJSON(map[string]any{
		"project_id": project, "payment": map[string]any{"status": "error"},
		"errors": []any{fault(codeNotFound)},
	})}
}

func fault(code string) map[string]any {
	return map[string]any{"code": code, "message": messageOf(code)}
}

func (p *payment) sum() map[string]any {
	return map[string]any{"amount": p.amount, "currency": p.currency}
}

func (p *payment) view(op *operation) map[string]any {
	v := map[string]any{
		"id": op.id, "type": op.kind, "status": op.status, "date": date(op.at), "created_date": date(op.created),
		"request_id": p.requestID, "sum_initial": p.sum(), "sum_converted": p.converted(), "code": op.code, "message": messageOf(op.code),
	}
	wallet := map[string]any{"id": 1811, "payment_id": op.provider, "auth_code": ""}
	if op.provider != "" {
		wallet["date"] = date(op.at)
	}
	v["provider"] = wallet
	return v
}

// converted is the sum in the wallet's currency. What a dollar comes to there is
// the platform's business; here it is another number, so that nobody takes it for
// the sum that was asked for.
func (p *payment) converted() map[string]any {
	if p.currency == "INR" {
		return p.sum()
	}
	return map[string]any{"amount": p.amount / 2, "currency": "INR"}
}

// common are the members that callbacks and status answers share.
func (s *Simulator) common(p *payment) map[string]any {
	at := p.created
	if len(p.ops) > 0 {
		at = p.lastOp().at
	}
	return map[string]any{
		"project_id": p.project.ID,
		"payment": map[string]any{
			"id": p.id, "type": "payout", "status": p.status, "date": date(at), "method": "amazonpay",
			"sum": p.sum(), "description": "",
		},
		"account":  map[string]any{"number": p.account},
		"customer": map[string]any{"id": p.customerID, "phone": p.account},
		// A member that nobody has seen before, outside of what is signed.
		"x" + strconv.FormatUint(s.seed.Number("extra", p.id)%1000, 10): map[string]any{"extended": []any{}},
	}
}

// refusedBody is the message about a request that came to nothing: no type, no
// sum, no operation.
func refusedBody(p *payment) map[string]any {
	return map[string]any{
		"project_id": p.project.ID, "request_id": p.requestID,
		"payment":  map[string]any{"id": p.id, "status": "error"},
		"customer": map[string]any{"id": p.customerID},
		"errors":   []any{fault(p.fault)},
	}
}

// statusBody is the answer to an inquiry: all operations, in no order.
func (s *Simulator) statusBody(p *payment) map[string]any {
	m := s.common(p)
	var ops []any
	for _, op := range p.ops {
		ops = append(ops, p.view(op))
	}
	s.seed.Random("order", p.id, strconv.Itoa(len(ops))).Shuffle(len(ops), func(i, j int) { ops[i], ops[j] = ops[j], ops[i] })
	m["operations"] = ops
	return m
}

// callbackBody is a callback's content and where its signature goes.
func (s *Simulator) callbackBody(p *payment) (map[string]any, gate.Place) {
	switch {
	case p.stage == StageRefused:
		return refusedBody(p), gate.AtTop
	case s.cfg.Layout == LayoutGeneral:
		return s.generalBody(p), gate.InGeneral
	}
	m := s.common(p)
	m["operation"] = p.view(p.lastOp())
	return m, gate.AtTop
}

// generalBody is the other layout.
func (s *Simulator) generalBody(p *payment) map[string]any {
	op := p.lastOp()
	view := p.view(op)
	view["sum"], view["processing_time"] = view["sum_initial"], nil
	delete(view, "sum_initial")
	delete(view, "sum_converted")
	return map[string]any{
		"request_id":  p.requestID,
		"transaction": map[string]any{"id": op.id, "date": date(op.at), "type": op.kind},
		"payment": map[string]any{
			"id": p.id, "status": p.status, "method": "amazonpay", "date": date(op.at), "result_code": op.code,
			"result_message": messageOf(op.code), "provider_id": 1811, "is_new_attempts_available": false,
		},
		"sum_request": p.sum(), "sum_real": p.converted(),
		"account": map[string]any{"number": p.account}, "customer": map[string]any{"id": p.customerID},
		"general":     map[string]any{"project_id": p.project.ID, "payment_id": p.id},
		"description": "", "operations": []any{view}, "errors": []any{},
		"return_url": map[string]any{"method": "GET", "body": []any{}, "encrypted": []any{}, "url": "https://merchant.example/back"},
	}
}

// signed encodes m with its signature.
func (p *payment) signed(m map[string]any, place gate.Place) document {
	return seal(m, p.project.Secret, place)
}

// seal encodes m with its signature under secret. It may be longer than what a merchant
// may send.
func seal(m map[string]any, secret string, place gate.Place) document {
	body := mustJSON(m)
	message, err := gate.ParseUpTo(len(body), body)
	if err != nil {
		panic(err) // it was encoded a moment ago
	}
	body, err = message.Signed(secret, place)
	if err != nil {
		panic(err) // it has no signature yet, and a place for one
	}
	return document{body}
}
