package shop

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/payloom/payloom/pkg/payment"
)

// rupees are what wallets in India are paid in.
const rupees payment.Currency = "INR"

// payoutCommand is the command that pays out, as the ingress takes it.
type payoutCommand struct {
	PaymentID   string      `json:"payment_id"`
	Provider    string      `json:"provider"`
	Amount      money       `json:"amount"`
	Description string      `json:"description"`
	Beneficiary beneficiary `json:"beneficiary"`
}

// beneficiary is who gets the money. The shop keeps none of it.
type beneficiary struct {
	CustomerID    string `json:"customer_id"`
	IPAddress     string `json:"ip_address"`
	FirstName     string `json:"first_name"`
	LastName      string `json:"last_name"`
	Email         string `json:"email"`
	Address       string `json:"address"`
	AccountNumber string `json:"account_number"`
}

// field is one field of the form, with what it is filled in with.
type field struct {
	Name, Label, Value string
}

// payoutFields are what ECommPay asks for, filled in with somebody who does not
// exist.
func payoutFields() []field {
	return []field{
		{"amount", "Amount in " + string(rupees), "1500.00"},
		{"account_number", "Wallet's phone number", "9100000000"},
		{"first_name", "First name", "Test"},
		{"last_name", "Last name", "Person"},
		{"email", "E-mail", "person@example.com"},
		{"address", "Address", "1 Example Street, Example Town"},
		{"customer_id", "Customer number", "c-1009"},
		{"ip_address", "IP address", "203.0.113.7"},
	}
}

var payoutIDs = regexp.MustCompile(`^payout-[a-z0-9]{12}$`)

func newPayoutID() string { return "payout-" + strings.ToLower(rand.Text()[:12]) }

// payOut sends money to a customer. The form carries the payout's id, so a button
// that is pressed twice pays once.
func (s *Shop) payOut(w http.ResponseWriter, r *http.Request, v visitor) {
	s.flash(v, s.paysOut(r))
	http.Redirect(w, r, "/shop/orders", http.StatusSeeOther)
}

// paysOut does what the form asks for and returns what to tell the merchant.
func (s *Shop) paysOut(r *http.Request) string {
	id := r.PostFormValue("id")
	amount, err := payment.ParseDecimal(strings.TrimSpace(r.PostFormValue("amount")), rupees)
	switch {
	case !payoutIDs.MatchString(id):
		return "Nothing was paid out: reload this page and try again."
	case err != nil || amount.Minor <= 0:
		return fmt.Sprintf("Nothing was paid out: write the amount as in 1500.00, in %s.", rupees)
	}
	command, err := s.payloom.send(r.Context(), "/v1/payouts", id, payoutOf(id, amount, r))
	if err != nil {
		s.failed(r, id, err)
		return "Payloom did not take the payout: " + err.Error() + "."
	}
	s.memory.keepPayout(id, amount)
	p, err := s.payloom.await(r.Context(), id, s.waits.operation, func(p paid) bool { return p.done(command) })
	if err != nil {
		s.failed(r, id, err)
		return "The payout is on its way; how it stands cannot be looked up right now."
	}
	switch op, found := p.operation(command); {
	case !found || !op.Status.Terminal():
		return "The payout is on its way."
	case op.Status == payment.OpSucceeded:
		return "The payout is done."
	default:
		return "The payout came to nothing" + because(op.Reason) + "."
	}
}

func payoutOf(id string, amount payment.Money, r *http.Request) payoutCommand {
	text := func(name string) string { return strings.TrimSpace(r.PostFormValue(name)) }
	return payoutCommand{
		PaymentID: id, Provider: string(payment.ECommPay), Amount: moneyOf(amount), Description: "The weaver's shop",
		Beneficiary: beneficiary{
			CustomerID: text("customer_id"), IPAddress: text("ip_address"), FirstName: text("first_name"), LastName: text("last_name"),
			Email: text("email"), Address: text("address"), AccountNumber: text("account_number"),
		},
	}
}

// keepPayout lists a payout among the orders.
func (m *memory) keepPayout(id string, amount payment.Money) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.orders[id]; !known {
		m.keep(order{PaymentID: id, Cart: newCart(), Placed: m.now(), payout: amount})
	}
}
