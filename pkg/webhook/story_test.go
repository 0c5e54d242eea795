package webhook

import (
	"fmt"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/wire"
)

// story is a payment's ledger as it is being told.
type story struct {
	t     *testing.T
	id    payment.ID
	by    payment.Provider
	now   time.Time
	after payment.Payment
	told  []wire.Record
}

func newStory(t *testing.T, by payment.Provider, id payment.ID) *story {
	t.Helper()
	return &story{t: t, id: id, by: by, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
}

// add appends an event about the operation that was asked for under a req id.
func (s *story) add(req string, source payment.Source, data payment.EventData) *story {
	s.t.Helper()
	s.now = s.now.Add(1500 * time.Millisecond)
	e := s.after.Next(payment.Event{
		ID: fmt.Sprintf("EVENT%021d", len(s.told)+1), Payment: s.id, Merchant: "demo", Provider: s.by,
		Command: payment.DeriveCommandID("demo", payment.ReqID(req)), At: s.now, Source: source, Data: data,
	})
	s.after = payment.Fold(s.after, e)
	r := wire.Record{Event: e, After: s.after}
	if n := len(s.told); n > 0 {
		before, err := wire.MarshalRecord(s.told[n-1])
		if err != nil {
			s.t.Fatal(err)
		}
		r.Prev = wire.Hash(before)
	}
	s.told = append(s.told, r)
	return s
}

func (s *story) last() wire.Record { return s.told[len(s.told)-1] }

func euros(minor int64) payment.Money { return payment.Money{Minor: minor, Currency: "EUR"} }

func (s *story) start(req string, k payment.Kind, amount payment.Money) *story {
	s.t.Helper()
	d := payment.AttemptStarted{
		Kind: k, Amount: amount, Attempt: 1, Key: string(s.id), Idem: string(payment.DeriveCommandID("demo", payment.ReqID(req))), Account: "eu",
	}
	if k == payment.Authorize {
		d.Terms = &payment.Terms{Capture: payment.CaptureManual, Method: payment.Button, Country: "EU",
			Return: payment.ReturnURLs{Success: "https://shop.example/thanks"}}
	}
	return s.add(req, payment.FromWorker, d)
}

var payID = map[string]string{"pay_id": "6fbe8fbc7f3a4b1c9a1f0d5c3f1e2a7b"}

// opening is a payment whose buyer is at the wallet's button.
func opening(t *testing.T) *story {
	t.Helper()
	return newStory(t, payment.Computop, "order-10042").start("open", payment.Authorize, euros(12990)).
		add("open", payment.FromAnswer, payment.ActionRequired{Attempt: 1, Ref: payID["pay_id"], Refs: payID, Action: payment.Action{
			Type: payment.ActionButton, Payload: `{"storeId":"amzn1.application-oa2-client.example"}`, Signature: "c2lnbmF0dXJl", PublicKeyID: "SANDBOX-EXAMPLE",
		}})
}

func authorized(t *testing.T) *story {
	t.Helper()
	return opening(t).add("open", payment.FromCallback, payment.OperationSucceeded{Ref: payID["pay_id"], Refs: payID, Code: "00000000", Amount: 12990})
}

func (s *story) done(req string, k payment.Kind, minor int64) *story {
	s.t.Helper()
	return s.start(req, k, euros(minor)).add(req, payment.FromAnswer, payment.OperationSucceeded{Ref: "ref-" + req, Code: "00000000", Amount: minor})
}

func rupees(minor int64) payment.Money { return payment.Money{Minor: minor, Currency: "INR"} }

func payout(t *testing.T) *story {
	t.Helper()
	return newStory(t, payment.ECommPay, "payout-77").start("pay", payment.Payout, rupees(50000))
}

func paidOut(t *testing.T) *story {
	t.Helper()
	return payout(t).add("pay", payment.FromCallback, payment.OperationSucceeded{Ref: "4500001", Code: "0", Amount: 50000})
}

// buyer is an example of personal data.
var buyer = payment.Buyer{
	Name: "Alex Example", Email: "alex@buyer.example", Phone: "+49 30 0000000",
	Shipping: &payment.Address{Name: "Alex Example", Lines: []string{"Example Street 1"}, City: "Berlin", PostalCode: "10115", Country: "DE"},
}
