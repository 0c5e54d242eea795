package payment

import "time"

// Command asks for one operation on one payment. It is immutable; its ID is
// derived from Merchant and ReqID.
type Command struct {
	ID       CommandID
	Merchant Merchant
	ReqID    ReqID
	Payment  ID
	Provider Provider
	Account  string // the merchant's account at the provider; empty: the default one
	Kind     Kind
	Amount   Money // zero for Cancel and Sync

	Description   string // what is bought or why money goes back; goes to the provider
	StatementText string // on the buyer's statement
	Reference     string // the merchant's own reference of the operation

	Authorization *Authorization // for Authorize
	Beneficiary   *Beneficiary   // for Payout

	// Closed is set by whoever reads the command when its personal data is missing:
	// it was erased, or is not this reader's. What is left must not be executed.
	Closed bool

	// At is the broker's time of acceptance. It is set by whoever reads the
	// command from the broker and is not part of what was asked.
	At time.Time
}

// Method says how the buyer comes to pay.
type Method string

// The methods of an authorisation.
const (
	Button         Method = "button"          // the shop shows the wallet's button
	Redirect       Method = "redirect"        // the buyer goes to the provider's page
	OrderReference Method = "order_reference" // the shop holds a wallet's order reference
	MandateCharge  Method = "mandate"         // a mandate of an earlier payment is charged
)

// CaptureMode says when authorised money is taken.
type CaptureMode string

// The capture modes.
const (
	CaptureManual CaptureMode = "manual"    // by a later capture
	CaptureAuto   CaptureMode = "automatic" // at once: a sale
)

// Authorization is what opening a payment needs beyond its amount.
type Authorization struct {
	Method        Method
	Capture       CaptureMode
	Country       string     // marketplace: EU, UK, US, JP
	LocalCurrency Currency   // what the buyer is charged in, where the marketplace allows another
	Scope         []string   // the buyer's details that are wanted; empty: all
	Language      string     // of the provider's pages, e.g. en_GB
	Return        ReturnURLs // where the buyer's browser goes
	Recurring     *Recurring // set: the payment begins a series
	Mandate       string     // for MandateCharge
	OrderRef      string     // for OrderReference
}

// ReturnURLs are the shop's pages, https.
type ReturnURLs struct {
	Success string
	Failure string
	Cancel  string
	Review  string // where the buyer reviews address and instrument; buttons only
}

// Recurring describes a series of payments the buyer agrees to.
type Recurring struct {
	Cycle    Cycle
	Interval int   // units of Cycle; 0 for Variable
	Amount   Money // per cycle; zero minor units when not fixed
	Only     bool  // no payment now, only the mandate
}

// Cycle is the unit of a series.
type Cycle string

// The cycles.
const (
	Year     Cycle = "year"
	Month    Cycle = "month"
	Week     Cycle = "week"
	Day      Cycle = "day"
	Variable Cycle = "variable"
)

// Beneficiary is who receives a payout. All of it is personal data.
type Beneficiary struct {
	CustomerID    string
	IPAddress     string
	FirstName     string
	LastName      string
	Email         string
	Address       string
	AccountNumber string // of the wallet: its phone number, digits
}
