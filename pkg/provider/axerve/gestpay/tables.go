package gestpay

// slot is an element of a request: where it stands in the table is where it is
// sent.
type slot struct {
	name string
	max  int // characters; 0 for elements with children or without a documented length
	must bool
}

// tables hold the elements of each request in the order of the WSDL, with the
// lengths of the API reference. Elements that carry card data are left out on
// purpose: this codec cannot send them.
var tables = map[Operation][]slot{
	OpEncrypt: {
		{name: "shopLogin", max: 30, must: true},
		{name: "uicCode", max: 3, must: true},
		{name: "amount", max: 9, must: true},
		{name: "shopTransactionId", max: 32, must: true},
		{name: "buyerName", max: 50},
		{name: "buyerEmail", max: 50},
		{name: "languageId", max: 2},
		{name: "customInfo", max: 1000},
		{name: "requestToken", max: 25},
		{name: "ppSellerProtection"},
		{name: "transKey"},
		{name: "shippingDetails"},
		{name: "paymentTypes"},
		{name: "paymentTypeDetail"},
		{name: "redFraudPrevention"},
		{name: "Red_CustomerInfo"},
		{name: "Red_ShippingInfo"},
		{name: "Red_BillingInfo"},
		{name: "Red_CustomerData"},
		{name: "Red_CustomInfo"},
		{name: "Red_Items"},
		{name: "Consel_MerchantPro"},
		{name: "Consel_CustomerInfo"},
		{name: "payPalBillingAgreementDescription"},
		{name: "amazonPayBillingAgreementDescription"},
		{name: "OrderDetails"},
		{name: "apikey"},
		{name: "transDetails"},
	},
	OpDecrypt: {
		{name: "shopLogin", max: 30, must: true},
		{name: "CryptedString", must: true},
		{name: "apikey"},
	},
	OpPay: {
		{name: "shopLogin", max: 30, must: true},
		{name: "uicCode", max: 3, must: true},
		{name: "amount", max: 9, must: true},
		{name: "shopTransactionId", max: 32, must: true},
		{name: "buyerName", max: 50},
		{name: "buyerEmail", max: 58}, // 50 and the prefix ":NOSEND:"
		{name: "languageId", max: 2},
		{name: "cof"},
		{name: "min"},
		{name: "transKey", max: 50},
		{name: "PARes"},
		{name: "customInfo", max: 1000},
		{name: "IDEA"},
		{name: "requestToken", max: 25},
		{name: "tokenValue", max: 25},
		{name: "executionDate"},
		{name: "clientIP"},
		{name: "itemType"},
		{name: "recurrent"},
		{name: "subMerchantId"},
		{name: "ppSellerProtection"},
		{name: "paymentTypes"},
		{name: "paymentDeviceDetails"},
		{name: "shippingDetails"},
		{name: "redFraudPrevention"},
		{name: "Red_CustomerInfo"},
		{name: "Red_ShippingInfo"},
		{name: "Red_BillingInfo"},
		{name: "Red_CustomerData"},
		{name: "Red_CustomInfo"},
		{name: "Red_Items"},
		{name: "OrderDetails"},
		{name: "apikey"},
		{name: "transDetails"},
		{name: "marketPlace"},
	},
	OpRead: {
		{name: "shopLogin", max: 30, must: true},
		{name: "shopTransactionId", max: 50},
		{name: "bankTransactionId", max: 18},
		{name: "apikey"},
		{name: "paymentDeviceDetails"},
	},
	// Only here are the ids called shopTransID and bankTransID; another name is
	// dropped without a word and answered 2016.
	OpSettle: {
		{name: "shopLogin", max: 30, must: true},
		{name: "uicCode", max: 3, must: true},
		{name: "amount", max: 9, must: true},
		{name: "shopTransID", max: 50},
		{name: "bankTransID", max: 18},
		{name: "settlementID", max: 20},
		{name: "FullFillment"},
		{name: "apikey"},
		{name: "paymentDeviceDetails"},
	},
	OpRefund: {
		{name: "shopLogin", max: 30, must: true},
		{name: "uicCode", max: 3, must: true},
		{name: "amount", max: 9, must: true},
		{name: "shopTransactionId", max: 50},
		{name: "bankTransactionId", max: 18},
		{name: "settlementID", max: 20},
		{name: "OrderDetail"},
		{name: "RefundReason", max: 50},
		{name: "chargeBackFraud", max: 1},
		{name: "apikey"},
		{name: "paymentDeviceDetails"},
	},
	OpDelete: {
		{name: "shopLogin", max: 30, must: true},
		{name: "shopTransactionId", max: 50},
		{name: "bankTransactionId", max: 18},
		{name: "CancelReason", max: 50},
		{name: "apikey"},
		{name: "paymentDeviceDetails"},
	},
}

// idNames are the two elements of which a call on a transaction needs one.
func idNames(op Operation) (shop, bank string) {
	if op == OpSettle {
		return "shopTransID", "bankTransID"
	}
	return "shopTransactionId", "bankTransactionId"
}
