package gestpay

import "time"

// OrderReferenceDetails is what Amazon knows of a payment. State is Amazon's and
// says nothing about the payment: "Draft" stands beside captured ones.
type OrderReferenceDetails struct {
	ID                string // Amazon Order Reference Id, S02-…
	State             string // Draft, Open, Suspended, Canceled, Closed
	ReasonCode        string
	ReasonDescription string
	LastUpdate        string // times as they were written; see Created
	CreationTime      string
	ExpirationTime    string
	Language          string // such as it-IT
	Environment       string // Sandbox or Live
	SellerOrderID     string
	TotalCurrency     string // ISO 4217
	TotalAmount       string
	BuyerName         string
	BuyerEmail        string
	BuyerPhone        string
	DestinationType   string   // Physical; "" for digital goods
	Shipping          *Address // nil unless the buyer chose one at Amazon
	Billing           *Address
	BillingType       string
	Constraints       []Constraint

	RequestPaymentAuthorization bool
}

// Constraint is something Amazon misses in an order.
type Constraint struct{ ID, Description string }

// Address is a shipping or billing address. Lines are the non-empty ones of
// AddressLine1 to AddressLine3, in order: the first may be the empty one.
type Address struct {
	Name       string
	Lines      []string
	City       string
	County     string
	District   string
	Region     string
	PostalCode string
	Country    string // ISO 3166 alpha-2
	Phone      string
}

func orderReferenceDetails(result Node) *OrderReferenceDetails {
	n, found := result.Child("OrderReferenceDetails")
	if !found || n.empty() {
		return nil
	}
	return &OrderReferenceDetails{
		ID:                n.Get("AmazonOrderReferenceId"),
		State:             n.Get("OrderReferenceStatus", "State"),
		ReasonCode:        n.Get("OrderReferenceStatus", "ReasonCode"),
		ReasonDescription: n.Get("OrderReferenceStatus", "ReasonDescription"),
		LastUpdate:        n.Get("OrderReferenceStatus", "LastUpdateTimestamp"),
		CreationTime:      n.Get("CreationTimestamp"),
		ExpirationTime:    n.Get("ExpirationTimestamp"),
		Language:          n.Get("OrderLanguage"),
		Environment:       n.Get("ReleaseEnvironment"),
		SellerOrderID:     n.Get("SellerOrderAttributes", "SellerOrderId"),
		TotalCurrency:     n.Get("OrderTotal", "CurrencyCode"),
		TotalAmount:       n.Get("OrderTotal", "Amount"),
		BuyerName:         n.Get("Buyer", "Name"),
		BuyerEmail:        n.Get("Buyer", "Email"),
		BuyerPhone:        n.Get("Buyer", "Phone"),
		DestinationType:   n.Get("Destination", "DestinationType"),
		Shipping:          address(n, "Destination", "PhysicalDestination"),
		Billing:           address(n, "BillingAddress", "PhysicalAddress"),
		BillingType:       n.Get("BillingAddress", "AddressType"),
		Constraints:       constraints(n),

		RequestPaymentAuthorization: n.Get("RequestPaymentAuthorization") == "true",
	}
}

func address(n Node, path ...string) *Address {
	for _, name := range path {
		next, found := n.Child(name)
		if !found {
			return nil
		}
		n = next
	}
	if n.empty() {
		return nil
	}
	a := &Address{
		Name: n.Get("Name"), City: n.Get("City"), County: n.Get("County"), District: n.Get("District"),
		Region: n.Get("StateOrRegion"), PostalCode: n.Get("PostalCode"), Country: n.Get("CountryCode"), Phone: n.Get("Phone"),
	}
	for _, name := range []string{"AddressLine1", "AddressLine2", "AddressLine3"} {
		if line := n.Get(name); line != "" {
			a.Lines = append(a.Lines, line)
		}
	}
	return a
}

func constraints(n Node) []Constraint {
	list, _ := n.Child("Constraints")
	var all []Constraint
	for _, c := range list.Children {
		all = append(all, Constraint{ID: c.Get("ConstraintID"), Description: c.Get("Description")})
	}
	return all
}

// Created is when the buyer began, in UTC; the zero time when not told.
func (o OrderReferenceDetails) Created() time.Time { return timestamp(o.CreationTime) }

// Expires is when Amazon forgets the order reference, in UTC; the zero time when
// not told.
func (o OrderReferenceDetails) Expires() time.Time { return timestamp(o.ExpirationTime) }

func timestamp(text string) time.Time {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}

// TotalMinor is the order's total in minor units; an error wraps ErrAmount.
func (o OrderReferenceDetails) TotalMinor() (int64, error) {
	return ParseAmount(o.TotalAmount, o.TotalCurrency)
}

// Sandbox tells whether the order was made in Amazon's sandbox.
func (o OrderReferenceDetails) Sandbox() bool { return o.Environment == "Sandbox" }
