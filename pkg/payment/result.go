package payment

// Status is the kind of a provider's answer.
type Status string

// The statuses of a result.
const (
	Approved  Status = "approved"
	Declined  Status = "declined" // somebody said no: bank, wallet, risk rule
	Failed    Status = "failed"   // will not happen, for another reason than a decline
	Pending   Status = "pending"  // accepted; final word by callback or inquiry
	NeedBuyer Status = "need_buyer"
)

// Final tells whether nothing follows a result of status s.
func (s Status) Final() bool { return s == Approved || s == Declined || s == Failed }

// Reason says in our words why something was not approved.
type Reason string

// The reasons.
const (
	ReasonDeclined         Reason = "declined"
	ReasonBuyerCancelled   Reason = "cancelled_by_buyer"
	ReasonExpired          Reason = "expired"
	ReasonAmount           Reason = "amount_not_allowed"
	ReasonState            Reason = "not_allowed_in_this_state"
	ReasonUnsupported      Reason = "not_supported"
	ReasonInvalid          Reason = "invalid_request"
	ReasonConfiguration    Reason = "configuration"
	ReasonRefundBlocked    Reason = "refund_blocked"
	ReasonUnavailable      Reason = "provider_unavailable"
	ReasonThrottled        Reason = "throttled"
	ReasonNoAnswer         Reason = "no_answer"
	ReasonUnclear          Reason = "unclear_answer"
	ReasonNotFound         Reason = "not_found_at_provider"
	ReasonExists           Reason = "payment_exists"
	ReasonNotStarted       Reason = "payment_not_started"
	ReasonTooMany          Reason = "too_many_operations"
	ReasonFrozen           Reason = "payment_frozen"
	ReasonCurrency         Reason = "currency_differs"
	ReasonReqIDReused      Reason = "req_id_reused"
	ReasonReversed         Reason = "taken_back_by_provider"
	ReasonMandateInvalid   Reason = "mandate_invalid"
	ReasonNothingToInquire Reason = "cannot_be_inquired"
)

// Result is a provider's answer about one operation. A decline is a result, not
// an error.
type Result struct {
	Status  Status
	Amount  int64             // minor units that took effect; 0: as asked
	Ref     string            // the provider's id of the operation
	Refs    map[string]string // provider's references that later operations need
	Code    string            // the provider's own code
	Reason  Reason
	Totals  *Totals // what the provider says of the payment as a whole; nil: nothing
	Action  *Action // for NeedBuyer
	Mandate *Mandate
	Buyer   *Buyer
}

// Totals are a provider's running totals of a payment, in minor units.
type Totals struct {
	Authorized int64
	Captured   int64
	Refunded   int64
}

// ActionType says what the shop's front end has to do.
type ActionType string

// The types of action.
const (
	ActionButton   ActionType = "button"   // hand Payload, Signature and PublicKeyID to the wallet's button
	ActionRedirect ActionType = "redirect" // send the buyer to URL
	ActionReview   ActionType = "review"   // show the review page, then send the buyer to URL
)

// Action is what the buyer, by way of the shop's front end, must do next.
type Action struct {
	Type        ActionType
	URL         string
	Payload     string // as the provider made it, unchanged
	Signature   string
	PublicKeyID string
	SessionID   string // the wallet's checkout session
}

// Mandate is the right to charge a buyer again without the buyer.
type Mandate struct {
	ID    string // the provider's token or permission id
	Cycle Cycle
}

// Buyer is what a provider tells about the buyer. All of it is personal data.
type Buyer struct {
	Name       string
	Email      string
	Phone      string
	Shipping   *Address
	Billing    *Address
	Instrument string // what the buyer pays with, as the wallet describes it
}

// Address is a postal address.
type Address struct {
	Name       string
	Lines      []string
	City       string
	Region     string
	PostalCode string
	Country    string // ISO 3166 alpha-2
	Phone      string
}
