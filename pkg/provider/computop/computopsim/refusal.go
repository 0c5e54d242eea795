package computopsim

import "github.com/payloom/payloom/pkg/provider/computop/paygate"

// refusal is a request that Paygate turns down, as it says so.
type refusal struct {
	code        paygate.Code
	description string
	codeExt     string // Amazon's own code, where Amazon refused
}

// Categories of response codes (Paygate documentation, A4 error codes).
const (
	catCipher  = "001" // encryption or decryption of the request
	catMissing = "010"
	catFormat  = "011"
	catInvalid = "012"
	catLong    = "014"
	catEmpty   = "015"
	catUnknown = "016" // unknown value
	catUsed    = "017" // already used
	catAmazon  = "252" // the Amazon Pay module
)

// Details that name a parameter.
const (
	detNone       = "0000"
	detPayID      = "0001"
	detTransID    = "0002"
	detMerchantID = "0003"
	detReqID      = "0004"
	detAmount     = "0005"
	detCurrency   = "0006"
	detData       = "0007"
	detLen        = "0008"
	detOrderDesc  = "0011"
	detChDesc     = "0013"
	detURLSuccess = "0020"
	detURLFailure = "0021"
	detURLNotify  = "0022"
	detRefNr      = "0032"
	detMAC        = "0044"
)

// Details of the Amazon Pay module.
const (
	detBuyerCancelled = "0053"
	detNotFound       = "0061"
	detNotAllowed     = "0063"
	detOverCapture    = "0067"
	detNotCaptured    = "0069"
	detBelowMinimum   = "0070"
	detCaptured       = "0072"
	detNotAuthorised  = "0075"
	detBusy           = "0045"
	detDeclined       = "0100"
	detOverRefund     = "0957"
	detRefunded       = "0958"
	detPending        = "0985"
	detReversed       = "1519"
	detNothingToUndo  = "1815"
	detExpired        = "1834"
)

func failed(category, detail, description string) *refusal {
	return &refusal{code: paygate.Code(paygate.SeverityFailed + category + detail), description: description}
}

func (r *refusal) with(codeExt string) *refusal {
	r.codeExt = codeExt
	return r
}

// pendingCode says that the final result comes by notify.
const pendingCode = paygate.Code(paygate.SeverityPending + catAmazon + detPending)
