package ecommpaysim

import (
	"fmt"
	"strconv"

	"github.com/payloom/payloom/pkg/provider/ecommpay/gate"
)

// payout takes a request. Everything is checked before anything is done, in the
// order in which a caller can do something about it.
func (s *Simulator) payout(c *call) (document, *refusal) {
	if c.method != "amazonpay" {
		return document{}, refuse(codeMethod, "")
	}
	if refused := checkRequired(c.message); refused != nil {
		return document{}, refused
	}
	if refused := s.authenticate(c, []string{"general", "project_id"}, gate.InGeneral); refused != nil {
		return document{}, refused
	}
	if refused := s.checkValues(c.message); refused != nil {
		return document{}, refused
	}
	p := s.newPayment(c)
	if s.book.payments[p.key()] != nil {
		return s.again(p)
	}
	s.accept(p)
	return acceptance(p), nil
}

func (s *Simulator) newPayment(c *call) *payment {
	amount, _ := c.message.Get("payment", "amount").Int()
	p := &payment{
		project: c.project, id: c.paymentID(), amount: amount, currency: c.text("payment", "currency"),
		account: c.text("account", "number"), customerID: c.text("customer", "id"),
		callbackURL: c.text("general", "merchant_callback_url"), created: s.cfg.Now(), status: "processing", stage: StageProcessing,
	}
	if p.callbackURL == "" {
		p.callbackURL = c.project.CallbackURL
	}
	return p
}

// again takes a request with a payment_id that is in use: not, unless duplicates
// are noticed late.
func (s *Simulator) again(p *payment) (document, *refusal) {
	if !s.cfg.LateDuplicates {
		return document{}, refuse(codeDuplicate, "general.payment_id")
	}
	s.number(p)
	s.refuseLater(p, codeDuplicate)
	return acceptance(p), nil
}

// number gives p its ids. They depend on what is asked for and on nothing that
// happens at the same time.
func (s *Simulator) number(p *payment) {
	s.book.counts[p.key()]++
	n := strconv.Itoa(s.book.counts[p.key()])
	project := strconv.FormatInt(p.project.ID, 10)
	p.requestID = fmt.Sprintf("%s-%08d", s.seed.HexID("request", project, p.id, n)[:12], s.seed.Number("request", project, p.id, n)%1e8)
	// Sixteen digits, as operations have, with room for those that follow.
	// No card begins with a 1: whoever looks for card numbers must not find one here.
	p.baseID = 1_000_000_000_000_000 + s.seed.Number("operation", project, p.id, n)%900_000_000_000*1000
	s.book.order = append(s.book.order, p)
	s.book.requests[requestKey{p.project.ID, p.requestID}] = p
}

// accept registers p and sets it going, or lets it come to nothing.
func (s *Simulator) accept(p *payment) {
	s.number(p)
	rule := s.scripted(p)
	if rule.Outcome == Refuse {
		s.refuseLater(p, rule.Code)
		return
	}
	op := s.register(p)
	s.after(s.cfg.ProcessDelay/2, s.locked(func() { s.handOver(p, op) }))
	if rule.Outcome != Hold {
		s.after(s.cfg.ProcessDelay, s.locked(func() { s.end(p, rule) }))
	}
}

// register books p and its first operation, which moves nothing yet.
func (s *Simulator) register(p *payment) *operation {
	s.book.payments[p.key()] = p
	op := s.begin(p, kindPayout)
	s.record(p, KindPayout, p.amount, op).Pending = true
	p.entry = len(s.book.ledger) - 1
	return op
}

// refuseLater has a request that was accepted come to nothing.
func (s *Simulator) refuseLater(p *payment, code string) {
	s.after(s.cfg.ProcessDelay/2, s.locked(func() {
		p.stage, p.status, p.fault = StageRefused, "error", code
		s.tell(p, OpCallbackError)
	}))
}

// handOver is the step to the wallet's side.
func (s *Simulator) handOver(p *payment, op *operation) {
	if p.stage != StageProcessing || op.status != "processing" {
		return // somebody was faster
	}
	s.finish(op, "external processing", codeAtProvider)
	if s.cfg.Intermediate {
		s.tell(p, OpCallbackProcessing)
	}
}

// end brings a payout to the end that the script has for it, unless somebody was
// faster.
func (s *Simulator) end(p *payment, rule ScriptRule) {
	if p.stage != StageProcessing {
		return
	}
	switch rule.Outcome {
	case Success:
		s.succeed(p)
	case Reverse:
		s.succeed(p)
		s.after(s.cfg.ReversalDelay, s.locked(func() { s.reverse(p) }))
	case Decline:
		s.decline(p, rule.Code)
	case Partial:
		s.payPart(p)
	case Retry:
		s.retry(p)
	case Hold, Refuse:
	}
}

func (s *Simulator) succeed(p *payment) {
	p.stage, p.status = StageSuccess, "success"
	s.finish(p.lastOp(), "success", codeSuccess)
	s.settle(p, true)
	s.tell(p, OpCallbackSuccess)
}

func (s *Simulator) decline(p *payment, code string) {
	p.stage, p.status = StageDeclined, "decline"
	s.finish(p.lastOp(), "decline", code)
	s.settle(p, false)
	s.tell(p, OpCallbackDecline)
}

// reverse takes a success back, with an operation of its own.
func (s *Simulator) reverse(p *payment) {
	if p.stage != StageSuccess {
		return
	}
	s.takeBack(p)
	s.tell(p, OpCallbackReversal)
}

// takeBack is reverse without telling anybody.
func (s *Simulator) takeBack(p *payment) {
	p.stage, p.status = StageReversed, s.cfg.ReversedStatus
	op := s.begin(p, kindReversal)
	s.finish(op, "success", codeSuccess)
	s.record(p, KindReversal, p.amount, op)
}

// payPart pays half, and gives up the rest.
func (s *Simulator) payPart(p *payment) {
	p.stage, p.status = StagePartial, "partially paid out"
	s.finish(p.lastOp(), "decline", codeAmountLimit)
	s.settle(p, false)
	s.record(p, KindPayout, p.amount/2, p.lastOp())
	s.tell(p, OpCallbackPartial)
}

// retry has the first operation declined and a second one, of the same payment,
// succeed.
func (s *Simulator) retry(p *payment) {
	p.status = "awaiting retry"
	s.finish(p.lastOp(), "decline", codeProviderDown)
	if s.cfg.Intermediate {
		s.tell(p, OpCallbackProcessing)
	}
	s.after(s.cfg.ProcessDelay, s.locked(func() {
		if p.stage == StageProcessing {
			s.begin(p, kindPayout)
			s.succeed(p)
		}
	}))
}
