package projection

import "github.com/payloom/payloom/pkg/payment"

// The documents that stand in jsonb columns, and that the query API gives out as
// they are.
type (
	// Action is what the buyer has to do.
	Action struct {
		Type        string `json:"type"`
		URL         string `json:"url,omitempty"`
		Payload     string `json:"payload,omitempty"`
		Signature   string `json:"signature,omitempty"`
		PublicKeyID string `json:"public_key_id,omitempty"`
		SessionID   string `json:"session_id,omitempty"`
	}
	// Buyer is what the provider told of the buyer; personal data.
	Buyer struct {
		Name       string   `json:"name,omitempty"`
		Email      string   `json:"email,omitempty"`
		Phone      string   `json:"phone,omitempty"`
		Shipping   *Address `json:"shipping,omitempty"`
		Billing    *Address `json:"billing,omitempty"`
		Instrument string   `json:"instrument,omitempty"`
	}
	// Address is a postal address.
	Address struct {
		Name       string   `json:"name,omitempty"`
		Lines      []string `json:"lines,omitempty"`
		City       string   `json:"city,omitempty"`
		Region     string   `json:"region,omitempty"`
		PostalCode string   `json:"postal_code,omitempty"`
		Country    string   `json:"country,omitempty"`
		Phone      string   `json:"phone,omitempty"`
	}
	// Mandate is the right to charge again.
	Mandate struct {
		ID    string `json:"id"`
		Cycle string `json:"cycle,omitempty"`
	}
)

func actionDocument(a *payment.Action) *string {
	if a == nil {
		return nil
	}
	return document(Action{
		Type: string(a.Type), URL: a.URL, Payload: a.Payload, Signature: a.Signature,
		PublicKeyID: a.PublicKeyID, SessionID: a.SessionID,
	}, true)
}

func buyerDocument(b *payment.Buyer) *string {
	if b == nil {
		return nil
	}
	return document(BuyerOf(b), true)
}

// BuyerOf returns b as the query API gives it out.
func BuyerOf(b *payment.Buyer) *Buyer {
	if b == nil {
		return nil
	}
	return &Buyer{
		Name: b.Name, Email: b.Email, Phone: b.Phone, Shipping: addressOf(b.Shipping), Billing: addressOf(b.Billing),
		Instrument: b.Instrument,
	}
}

func addressOf(a *payment.Address) *Address {
	if a == nil {
		return nil
	}
	return &Address{
		Name: a.Name, Lines: a.Lines, City: a.City, Region: a.Region,
		PostalCode: a.PostalCode, Country: a.Country, Phone: a.Phone,
	}
}

func mandateDocument(m *payment.Mandate) *string {
	if m == nil {
		return nil
	}
	return document(Mandate{ID: m.ID, Cycle: string(m.Cycle)}, true)
}
