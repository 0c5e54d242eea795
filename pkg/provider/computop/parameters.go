package computop

// The tables are those of the Paygate documentation, Amazon Pay Checkout v2.

var (
	rowMerchantID  = parameter{"MerchantID", formatANS(30), must, ""}
	rowPayID       = parameter{"PayID", exactly("an", classAlphanum, 32), must, ""}
	rowTransID     = parameter{"TransID", formatKey(64), must, "payment_id"}
	rowRefNr       = parameter{"refnr", formatANS(30), may, "reference"}
	rowMAC         = parameter{"MAC", exactly("an", classHexDigits, 64), must, ""}
	rowAmount      = parameter{"Amount", formatN(10), must, "amount.value"}
	rowCurrency    = parameter{"Currency", exactly("a", classUpper, 3), must, "amount.currency"}
	rowCountryCode = parameter{"CountryCode", exactly("an", classUpper, 2), must, "authorization.country"}
	rowURLNotify   = parameter{"URLNotify", formatANS(256), must, ""}
	rowTxType      = parameter{"TxType", formatAN(20), must, "authorization.capture"}
	rowChDesc      = parameter{"ChDesc", formatANS(16), when, "statement_text"}
	rowOrderDesc   = parameter{"OrderDesc", formatANS(127), may, "description"}
	rowChargeID    = parameter{"chargeid", formatANS(256), must, ""}
	rowRTF         = parameter{"RTF", exactly("ans", classUpper, 1), when, ""}
	// ReqId is listed for capture and reverse. Integrations send it with init and
	// credit too; nothing relies on it there.
	rowReqID = parameter{"ReqId", formatKey(32), may, ""}
)

// initTable opens a payment (Initialize Amazon Pay interface). TxType is
// conditional there; it is always sent, because without it Paygate captures at
// once. Response=encrypt asks for encrypted returns.
var initTable = table{
	rowMerchantID, rowTransID, rowRefNr, rowMAC, rowCountryCode, rowAmount, rowCurrency,
	{"URLSuccess", formatANS(256), must, ""},
	{"URLFailure", formatANS(256), must, ""},
	rowURLNotify,
	{"URLCancel", formatANS(256), must, ""},
	{"ShopUrl", formatANS(256), must, ""},
	rowTxType,
	{"LocalCurrency", exactly("a", classUpper, 3), when, "authorization.local_currency"},
	{"Scope", upTo("a", classNames, 128), may, "authorization.scope"},
	rowChDesc, rowOrderDesc, rowRTF,
	// The documentation gives cycle as an..7, and Variable as one of its values.
	{"cycle", formatA(8), when, "authorization.recurring.cycle"},
	{"Value", formatN(4), when, "authorization.recurring.interval"},
	{"InstallmentAmount", formatN(10), when, "authorization.recurring.amount.value"},
	rowReqID,
	{"Response", formatA(7), may, ""},
}

// chargeTable charges a series again. The documentation has a heading for it and
// no table; this is the shape that other recurring calls of Paygate have.
var chargeTable = table{
	rowMerchantID, rowTransID, rowRefNr, rowMAC, rowCountryCode, rowAmount, rowCurrency, rowURLNotify, rowTxType, rowChDesc, rowOrderDesc,
	parameter{rowRTF.name, rowRTF.format, must, ""},
	{"chargepermissionid", formatANS(256), must, "authorization.mandate"},
	rowReqID,
}

// updateTable changes the amount (Update Amount). The sample shows neither
// MerchantID nor MAC; both are sent, as everywhere else. PayId is spelt so.
var updateTable = table{
	rowMerchantID,
	parameter{"PayId", rowPayID.format, must, ""},
	rowAmount, rowCurrency, rowCountryCode,
	{"eventToken", formatA(21), must, ""},
	rowMAC,
}

// captureTable takes authorised money (Amazon Pay capture a payment).
var captureTable = table{rowMerchantID, rowPayID, rowTransID, rowAmount, rowCurrency, rowRefNr, rowMAC, rowChDesc, rowOrderDesc, rowReqID}

// creditTable gives money back (Amazon Pay credit a payment).
var creditTable = table{
	rowMerchantID, rowPayID, rowTransID, rowAmount, rowCurrency, rowRefNr, rowMAC,
	parameter{rowOrderDesc.name, rowOrderDesc.format, must, rowOrderDesc.field},
	rowChargeID, rowReqID,
}

// reverseTable cancels the order (Amazon Pay reverse an order). It has no
// TransID and no amount; their places in the MAC stay empty.
var reverseTable = table{
	rowMerchantID, rowPayID, rowMAC,
	{"Reason", upTo("a", classWords, 1024), may, ""},
	rowChargeID, rowReqID,
}

// The inquiries need no MAC.
var (
	inquireTable   = table{rowMerchantID, rowPayID, rowTransID}
	inquire24Table = table{rowMerchantID, rowTransID}
)
