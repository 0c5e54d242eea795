package computop

import (
	"strings"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider/computop/paygate"
)

// class is what an answer means for the operation it speaks of. The zero value
// is the dangerous one.
type class int

const (
	unclear       class = iota // may have been executed: inquire
	success                    // executed
	pending                    // accepted; the final word comes by notify
	buyer                      // the buyer is at it
	declined                   // somebody said no
	failed                     // will not happen
	rejected                   // never executed as written
	refused                    // not executed now; will be later
	active                     // another step is under way, perhaps our own earlier one
	misconfigured              // refused for our settings: every call will be
	unlisted                   // failed, says its first digit; the table does not have it
)

type verdict struct {
	class  class
	reason payment.Reason
}

var doubt = verdict{unclear, payment.ReasonUnclear}

// judge says what status and code mean together. The code decides; a status that
// contradicts it leaves the outcome unclear.
func judge(status string, code paygate.Code) verdict {
	status = strings.ToUpper(status)
	switch {
	case code.OK():
		return judgeSuccess(status)
	case !code.Complete():
		return judgeInterim(status, code)
	}
	switch code.Severity() {
	case paygate.SeverityPending:
		return verdict{pending, ""}
	case paygate.SeverityFailed:
		return judgeFailure(status, code)
	}
	// 4 is fatal, data may be lost; 7 is 3-D Secure and not for Amazon; 0 with
	// anything behind it is no success.
	return doubt
}

func judgeSuccess(status string) verdict {
	switch {
	case status == "OK", status == "AUTHORIZED":
		return verdict{success, ""}
	case interim(status):
		return verdict{pending, ""}
	}
	return doubt
}

// judgeInterim is for messages between the steps. They carry the code "0".
func judgeInterim(status string, code paygate.Code) verdict {
	switch {
	case code != "0":
		return doubt
	case status == "REQUEST", status == "AUTHORIZE_REQUEST":
		return verdict{buyer, ""}
	case interim(status), status == "AUTHORIZED", status == "OK":
		return verdict{pending, ""}
	}
	return doubt
}

func judgeFailure(status string, code paygate.Code) verdict {
	switch {
	case interim(status):
		return verdict{pending, ""}
	case status != "FAILED":
		return doubt
	}
	if v, ok := categories[code.Category()]; ok {
		if v.class == rejected && misset[code.Detail()] {
			return verdict{misconfigured, payment.ReasonConfiguration}
		}
		return v
	}
	if v, ok := details[code.Detail()]; ok {
		return v
	}
	return verdict{unlisted, payment.ReasonUnclear}
}

// interim tells whether status is one of a step that is not finished.
func interim(status string) bool {
	return status == "PENDING" || strings.HasSuffix(status, "REQUEST") || strings.HasSuffix(status, "_WAITING")
}

// categories are the codes whose middle three digits decide (Paygate
// documentation, A4 error codes). The others are decided by the detail.
var categories = map[string]verdict{
	"001": {misconfigured, payment.ReasonConfiguration}, // our encryption could not be undone
	"010": {rejected, payment.ReasonInvalid},            // parameter missing
	"011": {rejected, payment.ReasonInvalid},            // format
	"012": {rejected, payment.ReasonInvalid},            // invalid
	"013": {rejected, payment.ReasonInvalid},            // too short
	"014": {rejected, payment.ReasonInvalid},            // too long
	"015": {rejected, payment.ReasonInvalid},            // empty
	"016": {rejected, payment.ReasonInvalid},            // unknown value
	"017": doubt,                                        // TransID or ReqId used already, by an attempt of ours
	"018": {rejected, payment.ReasonExpired},            // expired
	"019": {rejected, payment.ReasonUnsupported},        // not in this version
	"030": doubt,                                        // database
	"040": doubt,                                        // locked
	"050": {misconfigured, payment.ReasonConfiguration}, // the merchant's set-up
}

// misset are the parameters that hold our credentials: when one of them is
// wrong, so is every other call.
var misset = map[string]bool{
	"0003": true, // MerchantID
	"0007": true, // Data
	"0008": true, // Len
	"0044": true, // MAC
}

// details are the last four digits of codes that begin with 2. What is missing
// here is unlisted, not a decline.
var details = map[string]verdict{
	// The parameter of that number.
	"0001": {rejected, payment.ReasonInvalid}, "0002": {rejected, payment.ReasonInvalid},
	"0004": {rejected, payment.ReasonInvalid}, "0005": {rejected, payment.ReasonInvalid},
	"0006": {rejected, payment.ReasonInvalid}, "0011": {rejected, payment.ReasonInvalid},
	"0013": {rejected, payment.ReasonInvalid}, "0020": {rejected, payment.ReasonInvalid},
	"0021": {rejected, payment.ReasonInvalid}, "0022": {rejected, payment.ReasonInvalid},
	"0032": {rejected, payment.ReasonInvalid},
	"0003": {misconfigured, payment.ReasonConfiguration}, "0007": {misconfigured, payment.ReasonConfiguration},
	"0008": {misconfigured, payment.ReasonConfiguration}, "0044": {misconfigured, payment.ReasonConfiguration},

	// Nobody knows.
	"0000": doubt, "0055": doubt, // unspecified
	"0040": doubt, "0050": doubt, "0051": doubt, "0052": doubt, "0056": doubt, // no answer from behind
	"0705": doubt, "0709": doubt, "0710": doubt, "0934": doubt, "0994": doubt,
	"0984": doubt,                // voided
	"1821": doubt, "1822": doubt, // between Amazon and Paygate
	"1836": doubt, // Amazon's warning: check by hand

	// Done already, probably by an attempt of ours: the totals tell.
	"0068": doubt, "0072": doubt, "0958": doubt, "0935": doubt, "0960": doubt,
	"1515": doubt, "1519": doubt, "1716": doubt, "1815": doubt,

	"0985": {pending, ""},

	// Not executed now.
	"0045": {refused, payment.ReasonThrottled}, // merchant busy
	"0121": {refused, payment.ReasonUnavailable}, "0391": {refused, payment.ReasonUnavailable},
	"0396": {refused, payment.ReasonUnavailable}, "0922": {refused, payment.ReasonUnavailable},
	"0949": {refused, payment.ReasonUnavailable},
	"0062": {active, payment.ReasonUnavailable}, "0064": {active, payment.ReasonUnavailable},
	"0065": {active, payment.ReasonUnavailable}, "0066": {active, payment.ReasonUnavailable},

	// Said no.
	"0100": {declined, payment.ReasonDeclined}, "0305": {declined, payment.ReasonDeclined},
	"0991": {declined, payment.ReasonDeclined},
	"0053": {failed, payment.ReasonBuyerCancelled}, "0703": {failed, payment.ReasonBuyerCancelled},
	"0946": {failed, payment.ReasonBuyerCancelled},
	"0950": {failed, payment.ReasonUnclear}, "0951": {failed, payment.ReasonUnclear}, // without detail
	"0952": {failed, payment.ReasonUnclear}, "1835": {failed, payment.ReasonUnclear},
	"1818": {failed, payment.ReasonState}, // order cancelled at Amazon
	"1834": {failed, payment.ReasonExpired},

	// Cannot be done.
	"0060": {rejected, payment.ReasonUnsupported}, "0071": {rejected, payment.ReasonUnsupported},
	"0101": {rejected, payment.ReasonUnsupported}, "0077": {rejected, payment.ReasonUnsupported},
	"0078": {rejected, payment.ReasonUnsupported}, "0080": {rejected, payment.ReasonUnsupported},
	"0081": {rejected, payment.ReasonUnsupported}, "0082": {rejected, payment.ReasonUnsupported},
	"0992": {rejected, payment.ReasonUnsupported},
	"0063": {rejected, payment.ReasonState}, // not allowed
	"0061": {rejected, payment.ReasonNotFound},
	"0069": {failed, payment.ReasonState}, "0075": {failed, payment.ReasonState}, // nothing captured, nothing authorised
	"0067": {rejected, payment.ReasonAmount}, "0070": {rejected, payment.ReasonAmount},
	"0074": {rejected, payment.ReasonAmount}, "0957": {rejected, payment.ReasonAmount},
	"0954": {failed, payment.ReasonRefundBlocked}, "0955": {failed, payment.ReasonRefundBlocked},
	"0956": {failed, payment.ReasonRefundBlocked}, "0959": {failed, payment.ReasonRefundBlocked},
}
