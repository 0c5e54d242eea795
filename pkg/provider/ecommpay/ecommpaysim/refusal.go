package ecommpaysim

import "regexp"

// refusal is a request that the Gate turns down, as it says so.
type refusal struct {
	code    string
	message string
	field   string
}

// The Gate's response codes, as far as the simulator gives them (ECommPay
// documentation, Unified codes).
const (
	codeSuccess        = "0"
	codeProcessing     = "9999"
	codeAtProvider     = "29999"
	codeValidation     = "502"
	codeMalformed      = "2003"
	codeMissing        = "2004"
	codeEmail          = "2261"
	codeProject        = "2442"
	codeMethod         = "2541"
	codeAboveLimit     = "2642"
	codePaymentID      = "3024"
	codeDuplicate      = "3041"
	codeNotFound       = "3061"
	codeCurrency       = "3121"
	codeSignature      = "3261"
	codeNoSignature    = "3262"
	codeBelowLimit     = "3358"
	codeGeneralDecline = "20000"
	codeAmountLimit    = "20101"
	codeProviderDown   = "20202"
)

var messages = map[string]string{
	codeSuccess: "Success", codeProcessing: "Awaiting processing", codeAtProvider: "Awaiting processing",
	codeValidation: "Validation error", codeMalformed: "Bad request", codeMissing: "Required field not provided",
	codeEmail: "Invalid e-mail", codeProject: "Project not found", codeMethod: "Unknown payment method",
	codeAboveLimit: "Amount above limit", codePaymentID: "Invalid payment id", codeDuplicate: "Payment ID already exists",
	codeNotFound: "Transaction not found", codeCurrency: "Invalid currency", codeSignature: "Invalid signature",
	codeNoSignature: "Signature is empty", codeBelowLimit: "Amount below limit", codeGeneralDecline: "General decline",
	codeAmountLimit: "Amount or frequency limit exceeded", codeProviderDown: "Provider not available",
}

var codePattern = regexp.MustCompile(`^[0-9]{1,6}$`)

func messageOf(code string) string {
	if m, ok := messages[code]; ok {
		return m
	}
	return "Simulated"
}

func refuse(code, field string) *refusal {
	return &refusal{code: code, message: messageOf(code), field: field}
}
