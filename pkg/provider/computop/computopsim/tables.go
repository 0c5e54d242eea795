package computopsim

// The tables are the request tables of Paygate's documentation for Amazon Pay,
// one per call. A parameter that stands in no table is ignored.

var (
	fieldMerchantID = field{name: "MerchantID", class: special, max: 30, mandatory: true, detail: detMerchantID}
	fieldPayID      = field{name: "PayID", class: alphanum, max: 32, exact: true, mandatory: true, detail: detPayID}
	fieldTransID    = field{name: "TransID", class: special, max: 64, mandatory: true, detail: detTransID}
	fieldAmount     = field{name: "Amount", class: digits, max: 10, mandatory: true, detail: detAmount}
	fieldCurrency   = field{name: "Currency", class: letters, max: 3, exact: true, mandatory: true, detail: detCurrency}
	fieldMAC        = field{name: "MAC", class: hexMAC, max: 64, exact: true, mandatory: true, detail: detMAC}
	fieldRefNr      = field{name: "refnr", class: special, max: 30, detail: detRefNr}
	fieldReqID      = field{name: "ReqId", class: special, max: 32, detail: detReqID}
	fieldChDesc     = field{name: "ChDesc", class: special, max: 16, detail: detChDesc}
	fieldOrderDesc  = field{name: "OrderDesc", class: special, max: 127, detail: detOrderDesc}
	fieldChargeID   = field{name: "chargeid", class: special, max: 256, mandatory: true, detail: detNone}
	fieldTxType     = field{name: "TxType", values: []string{txAuthorize, txSale}, detail: detNone}
	fieldURLNotify  = field{name: "URLNotify", class: special, max: 256, mandatory: true, detail: detURLNotify}
	// The documentation lists EU, US and JP; integrations use UK as well.
	fieldCountry = field{name: "CountryCode", values: []string{"EU", "UK", "US", "JP"}, mandatory: true, detail: detNone}
)

const (
	txAuthorize   = "Authorize"
	txSale        = "AuthorizeWithCapture"
	tokenUpdate   = "UpdateAuthorizeAmount"
	rtfInitial    = "I"
	rtfSubsequent = "R"
)

func optional(f field) field {
	f.mandatory = false
	return f
}

func mandatory(f field) field {
	f.mandatory = true
	return f
}

var initTable = []field{
	fieldMerchantID, fieldTransID, fieldRefNr, fieldMAC, fieldCountry, fieldAmount, fieldCurrency,
	{name: "URLSuccess", class: special, max: 256, mandatory: true, detail: detURLSuccess},
	{name: "URLFailure", class: special, max: 256, mandatory: true, detail: detURLFailure},
	fieldURLNotify,
	{name: "URLCancel", class: special, max: 256, mandatory: true, detail: detNone},
	{name: "ShopUrl", class: special, max: 256, mandatory: true, detail: detNone},
	fieldTxType,
	{name: "LocalCurrency", class: letters, max: 3, exact: true, detail: detCurrency},
	{name: "Scope", class: special, max: 128, detail: detNone},
	fieldChDesc, fieldOrderDesc,
	{name: "RTF", values: []string{rtfInitial}, detail: detNone},
	{name: "cycle", values: []string{"Year", "Month", "Week", "Day", "Variable"}, detail: detNone},
	{name: "Value", class: digits, max: 4, detail: detNone},
	{name: "InstallmentAmount", class: digits, max: 10, detail: detNone},
	fieldReqID,
}

// updateTable is the sample of the documentation plus what the interface takes
// everywhere else; the sample shows neither MerchantID nor MAC.
var updateTable = []field{
	optional(fieldMerchantID), fieldPayID, optional(fieldTransID), fieldAmount, fieldCurrency, fieldCountry,
	{name: "eventToken", values: []string{tokenUpdate}, mandatory: true, detail: detNone},
	optional(fieldMAC),
}

// chargeTable is a further payment of a series. The documentation leaves it
// empty; this is the shape that other recurring calls of Paygate have.
var chargeTable = []field{
	fieldMerchantID, optional(fieldPayID), fieldTransID, fieldRefNr, fieldMAC, fieldCountry, fieldAmount, fieldCurrency,
	fieldURLNotify, fieldTxType, fieldChDesc, fieldOrderDesc, fieldReqID,
	{name: "RTF", values: []string{rtfSubsequent}, mandatory: true, detail: detNone},
	{name: "chargepermissionid", class: special, max: 256, mandatory: true, detail: detNone},
}

var captureTable = []field{
	fieldMerchantID, fieldPayID, fieldTransID, fieldAmount, fieldCurrency, fieldRefNr, fieldMAC,
	fieldChDesc, fieldOrderDesc, fieldReqID,
}

var creditTable = []field{
	fieldMerchantID, fieldPayID, fieldTransID, fieldAmount, fieldCurrency, fieldRefNr, fieldMAC,
	mandatory(fieldOrderDesc), fieldChargeID, fieldReqID,
}

// reverseTable lists what the documentation lists, and the three parameters
// that other clients of Paygate send along and put into the MAC.
var reverseTable = []field{
	fieldMerchantID, fieldPayID, fieldMAC, fieldChargeID, fieldReqID,
	{name: "Reason", class: special, max: 1024, detail: detNone},
	optional(fieldTransID), optional(fieldAmount), optional(fieldCurrency),
}

var inquireTable = []field{fieldMerchantID, fieldPayID, fieldTransID, optional(fieldMAC)}

var inquire24Table = []field{fieldMerchantID, fieldTransID, optional(fieldMAC)}
