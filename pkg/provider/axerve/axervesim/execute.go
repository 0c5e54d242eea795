package axervesim

import (
	"github.com/payloom/payloom/pkg/provider/axerve/gestpay"
)

// execute does what was asked, atomically, and returns the fields of the answer.
func (s *Simulator) execute(c *call, rule Rule) []gestpay.Node {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Calls[c.name]++
	r := c.authenticate()
	if r == nil {
		var answer []gestpay.Node
		if answer, r = s.run(c, rule); r == nil {
			return answer
		}
	}
	s.stats.Refusals[r.code]++
	return c.refused(r)
}

func (s *Simulator) run(c *call, rule Rule) ([]gestpay.Node, *refusal) {
	switch c.op {
	case gestpay.OpEncrypt:
		return s.encrypt(c)
	case gestpay.OpDecrypt:
		return s.decrypt(c)
	case gestpay.OpPay:
		return s.pay(c)
	case gestpay.OpRead:
		return s.read(c)
	case gestpay.OpSettle:
		return s.settle(c, rule.Fault == FaultQueued)
	case gestpay.OpRefund:
		return s.refund(c)
	default:
		return s.delete(c)
	}
}

// head is what every answer begins with.
func (c *call) head(result gestpay.Result) []gestpay.Node {
	return []gestpay.Node{
		gestpay.Leaf("TransactionType", c.op.TransactionType()),
		gestpay.Leaf("TransactionResult", string(result)),
	}
}

// verdict is the code and its text.
func verdict(code gestpay.Code) []gestpay.Node {
	return []gestpay.Node{
		gestpay.Leaf("ErrorCode", string(code)),
		gestpay.Leaf("ErrorDescription", descriptions[code]),
	}
}

func leaves(pairs ...string) []gestpay.Node {
	nodes := make([]gestpay.Node, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		nodes = append(nodes, gestpay.Leaf(pairs[i], pairs[i+1]))
	}
	return nodes
}

func group(name string, children ...gestpay.Node) gestpay.Node {
	return gestpay.Node{Name: name, Children: children}
}

func join(parts ...[]gestpay.Node) []gestpay.Node {
	var all []gestpay.Node
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// refused is the answer to a call that was turned down. Encrypt and Decrypt leave
// everything out but the code; callPagamS2S and callReadTrxS2S send every element
// empty; the others give the bank's id back.
func (c *call) refused(r *refusal) []gestpay.Node {
	head := c.head(gestpay.ResultKO)
	switch c.op {
	case gestpay.OpEncrypt, gestpay.OpDecrypt:
		return join(head, verdict(r.code))
	case gestpay.OpPay:
		return join(head, new(payment).payFields("", result{code: r.code}))
	case gestpay.OpRead:
		none := &payment{shop: new(Shop)}
		if r.code == gestpay.CodeAmbiguous {
			none.shopID = c.get("shopTransactionId")
		}
		return join(head, none.readFields("", r.code, nil))
	default:
		_, bankID := c.ids()
		return join(head, leaves("ShopTransactionID", "", "BankTransactionID", bankID), verdict(r.code))
	}
}
