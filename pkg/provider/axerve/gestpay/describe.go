package gestpay

import (
	"errors"
	"strings"
	"time"
)

// description is an answer put into words for a line: keys in snake case, no key
// for what the answer does not tell.
type description map[string]any

func describeError(op Operation, err error) description {
	d := description{"outcome": OutcomeOf(Reply{}, err), "alert": true, "neutral_state": nil}
	var fault *Fault
	if errors.As(err, &fault) {
		d["http_status"] = fault.Status
		d["fault_code"] = fault.Code
		d["retryable"] = op.ReadOnly() && !fault.Client()
		d["alert"] = fault.Client()
	} else {
		d["reason"] = reason(err)
		d["error"] = reason(err)
	}
	if !op.ReadOnly() && (fault == nil || !fault.Client()) {
		d["money_operation_outcome"] = Unknown
	}
	return d
}

// reason is the error without the names of the kinds it wraps.
func reason(err error) string {
	text := err.Error()
	for _, kind := range []error{ErrProtocol, ErrXML} {
		text = strings.TrimPrefix(text, kind.Error()+": ")
	}
	return text
}

func describe(r Reply, expected *linePayment) description {
	d := description{
		"outcome":             r.Outcome(),
		"error_code":          r.ErrorCode.Trim(),
		"error_class":         r.ErrorCode.Class(),
		"error_description":   r.ErrorDescription,
		"retryable":           r.Retryable(),
		"alert":               r.Alert(),
		"shop_transaction_id": r.ShopTransactionID,
		"bank_transaction_id": r.BankTransactionID,
		"fields":              r.Fields,
		"next":                next(r),
		"neutral_state":       neutralState(r, expected),
	}
	if r.BuyerCanRetry() {
		d["buyer_can_retry"] = true
	}
	switch r.Operation {
	case OpEncrypt:
		d["crypt_string"] = r.CryptDecryptString
	case OpDecrypt, OpPay:
		d.payment(r)
	case OpRead:
		d.transaction(r)
	case OpSettle, OpRefund, OpDelete: // tell no more than the common part
	}
	if expected != nil {
		d.compare(r, *expected)
	}
	return d
}

// payment adds what Decrypt and callPagamS2S tell.
func (d description) payment(r Reply) {
	d.common(r)
	d["payment_method"] = r.PaymentMethod
	d["token"] = r.Token
	d["token_expiry"] = nil
	if r.TokenExpiryMonth+r.TokenExpiryYear != "" {
		d["token_expiry"] = r.TokenExpiryMonth + "/" + r.TokenExpiryYear
	}
	d["buyer_name"], d["buyer_email"] = r.BuyerName, r.BuyerEmail
	if len(r.CustomInfo) > 0 {
		d["custom_info"] = r.CustomInfo
		d["custom_info_decoded"] = DecodeCustomInfo(r.CustomInfo)
	}
	if minor, _, err := r.AmountMinor(); err == nil {
		d["amount_minor"] = minor
	}
	if r.Outcome() == PaymentPending {
		d["fulfil"] = false
	}
	if r.Outcome() == PaymentOK && r.Token != "" {
		d["mandate_state"] = "ACTIVE"
	}
}

func (d description) common(r Reply) {
	d["authorization_code"] = r.AuthorizationCode
	d["currency_uic"] = r.UICCode
	if iso, found := ISOCurrency(r.UICCode); found {
		d["currency"] = iso
	}
}

// transaction adds what callReadTrxS2S tells.
func (d description) transaction(r Reply) {
	d.common(r)
	d["company"] = r.Company
	d["transaction_state"] = r.TransactionState
	d["amount_element_present"] = r.Amount != ""
	d["events"] = describeEvents(r)
	ledger, err := r.Ledger()
	if err != nil {
		return
	}
	d["ledger"] = description{
		"authorized_minor":       ledger.Authorised,
		"capture_reserved_minor": ledger.Reserved,
		"captured_minor":         ledger.Captured,
		"cancelled_minor":        ledger.Cancelled,
		"refund_requested_minor": ledger.RefundRequested,
		"refunded_minor":         ledger.Refunded,
	}
	d["capture_pending"] = ledger.CapturePending()
	d["remaining_capturable_minor"] = ledger.Capturable()
	d["refund_pending_minor"] = ledger.RefundPending()
	if len(ledger.Unknown) > 0 {
		d["unknown_events"] = ledger.Unknown
	}
	d["amazon"] = describeOrder(r.Order)
}

func describeEvents(r Reply) []description {
	all := make([]description, 0, len(r.Events))
	iso, _ := ISOCurrency(r.UICCode)
	for _, e := range r.Events {
		d := description{"type": e.Type, "id": e.ID}
		if minor, err := ParseAmount(e.Amount, iso); err == nil {
			d["amount_minor"] = minor
		}
		if at, err := e.At(); err == nil {
			d["at_local"], d["tz"] = at.Format("2006-01-02T15:04:05"), EventZone
			d["at_utc"] = at.UTC().Format(time.RFC3339)
		}
		if e.Referred != "" {
			d["referred"] = e.Referred
		}
		all = append(all, d)
	}
	return all
}

func describeOrder(o *OrderReferenceDetails) any {
	if o == nil {
		return nil
	}
	d := description{
		"order_reference_id":            o.ID,
		"state":                         o.State,
		"environment":                   o.Environment,
		"language":                      o.Language,
		"created_at":                    o.CreationTime,
		"expires_at":                    o.ExpirationTime,
		"seller_order_id":               o.SellerOrderID,
		"order_total_currency":          o.TotalCurrency,
		"buyer_name":                    o.BuyerName,
		"buyer_email":                   o.BuyerEmail,
		"destination_type":              o.DestinationType,
		"shipping":                      describeAddress(o.Shipping),
		"billing":                       describeAddress(o.Billing),
		"request_payment_authorization": o.RequestPaymentAuthorization,
	}
	if minor, err := o.TotalMinor(); err == nil {
		d["order_total_minor"] = minor
	}
	return d
}

func describeAddress(a *Address) any {
	if a == nil {
		return nil
	}
	return description{
		"name": a.Name, "lines": append([]string{}, a.Lines...), "city": a.City, "region": a.Region,
		"postal_code": a.PostalCode, "country": a.Country, "phone": a.Phone,
	}
}

// next is the call to make before anything else, or nil.
func next(r Reply) any {
	switch r.Outcome() {
	case PaymentOK:
		if r.Operation != OpRead {
			return OpRead
		}
	case OpOK, Unknown:
		return OpRead
	case OpKO:
		switch r.ErrorCode.Class() {
		case ClassConflict, ClassExpired, ClassNotFound, ClassAmbiguous:
			return OpRead
		default:
		}
	default:
	}
	return nil
}

// compare adds whether the answer is about the payment that was meant. Of a
// mismatch nothing may be applied.
func (d description) compare(r Reply, want linePayment) {
	if r.Operation != OpDecrypt && r.Operation != OpPay || r.ShopTransactionID == "" {
		return
	}
	matches := matches(r, want)
	d["matches_expected"] = matches
	if !matches {
		d["alert"], d["neutral_state"], d["next"] = true, nil, nil
	}
}

func matches(r Reply, want linePayment) bool {
	minor, iso, err := r.AmountMinor()
	return err == nil && r.ShopTransactionID == want.ShopTransactionID && iso == want.Currency && minor == want.AmountMinor
}

// neutralStates are the states a payment takes by an outcome; what is not here
// leaves it as it is.
var neutralStates = map[Operation]map[Outcome]string{
	OpEncrypt: {CallOK: "REQUIRES_ACTION"},
	OpDecrypt: {PaymentOK: "AUTHORIZED", PaymentKO: "FAILED", PaymentPending: "PENDING"},
	OpPay:     {PaymentOK: "AUTHORIZED", PaymentKO: "FAILED", PaymentPending: "PENDING", Unknown: "PENDING"},
	OpRead:    {PaymentKO: "FAILED", PaymentPending: "PENDING"},
	OpSettle:  {OpOK: "CAPTURED"},
	OpDelete:  {OpOK: "CANCELLED"},
}

// neutralState is the payment's state by this answer alone, or nil.
func neutralState(r Reply, expected *linePayment) any {
	outcome := r.Outcome()
	if outcome == PaymentOK && expected != nil && expected.Recurring == "tokenize_only" {
		return nil // a mandate was given and no money moved
	}
	if outcome == PaymentOK && r.Operation == OpRead {
		return ledgerState(r)
	}
	if outcome == CallFailed && (r.Operation == OpEncrypt || r.Operation == OpPay) {
		switch r.ErrorCode.Class() {
		case ClassInvalidRequest:
			return "FAILED"
		case ClassBuyerAction:
			return "REQUIRES_ACTION"
		default:
			return nil
		}
	}
	if state, found := neutralStates[r.Operation][outcome]; found {
		return state
	}
	return nil
}

func ledgerState(r Reply) any {
	l, err := r.Ledger()
	switch {
	case err != nil:
		return nil
	case l.Captured > 0 && l.Refunded >= l.Captured:
		return "REFUNDED"
	case l.Captured > 0 && l.Refunded > 0:
		return "PARTIALLY_REFUNDED"
	case l.Captured > 0:
		return "CAPTURED"
	case l.Cancelled > 0:
		return "CANCELLED"
	}
	return "AUTHORIZED"
}
