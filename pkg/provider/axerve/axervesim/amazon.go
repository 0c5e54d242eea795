package axervesim

import "github.com/payloom/payloom/pkg/provider/axerve/gestpay"

// address is one of the buyer's at Amazon; any of its lines may be empty.
type address struct {
	label, name, street, extra, zip, city, state, country, phone string
}

// addressBook is the buyer's, all invented.
var addressBook = []address{
	{"Home", "Test Buyer", "Via dell'Esempio 7", "", "10121", "Torino", "TO", "IT", "+39 011 0000000"},
	{"Work", "Test Buyer & Co", "Große Gasse 3", "2. Stock", "1010", "Wien", "", "AT", "+43 1 0000000"},
	{"Parcel shop", "Test Buyer", "1 Sample Road", "", "AB1 2CD", "Exampleton", "Kent", "GB", "+44 20 00000000"},
}

// shipping is the address as a destination is written.
func (a address) shipping() []gestpay.Node {
	return leaves("StateOrRegion", a.state, "Phone", a.phone, "City", a.city, "CountryCode", a.country,
		"PostalCode", a.zip, "Name", a.name, "AddressLine1", a.street, "AddressLine2", a.extra)
}

// billing is the address as a billing address is written: other elements, in
// another order, and the first line empty.
func (a address) billing() []gestpay.Node {
	return leaves("City", a.city, "CountryCode", a.country, "PostalCode", a.zip, "Name", a.name,
		"AddressLine1", "", "AddressLine2", a.street, "AddressLine3", a.extra)
}

type instrument struct {
	label    string
	declines bool
}

// wallet is the buyer's.
var wallet = []instrument{
	{label: "Visa **** 1111"},
	{label: "Mastercard **** 4444"},
	{label: "Visa **** 0002", declines: true},
}
