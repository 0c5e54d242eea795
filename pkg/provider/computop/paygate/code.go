package paygate

// Code is a Paygate response code, eight characters: one of severity, three of
// category, four of detail. Intermediate messages carry a bare "0" (Paygate
// documentation, A4 error codes).
type Code string

// Success is the only code that means success.
const Success Code = "00000000"

// Severities, the first character of a code.
const (
	SeverityOK       = "0"
	SeverityFailed   = "2"
	SeverityFatal    = "4" // data may be lost; the outcome is unknown
	SeverityPending  = "6" // the final result comes by notify
	SeverityInterim  = "7" // 3-D Secure in progress
	codeLength       = 8
	categoryPosition = 1
	detailPosition   = 4
)

// OK tells whether the code means success: only "00000000" does. A bare "0"
// and any other code that begins with zero do not.
func (c Code) OK() bool { return c == Success }

// Complete tells whether the code has all eight characters.
func (c Code) Complete() bool { return len(c) == codeLength }

// Severity returns the first character, or "" when the code is incomplete.
func (c Code) Severity() string { return c.part(0, categoryPosition) }

// Category returns the three characters that name the module or the kind of
// parameter error, such as "252" for Amazon Pay; "" when incomplete.
func (c Code) Category() string { return c.part(categoryPosition, detailPosition) }

// Detail returns the last four characters; "" when incomplete.
func (c Code) Detail() string { return c.part(detailPosition, codeLength) }

func (c Code) part(from, to int) string {
	if !c.Complete() {
		return ""
	}
	return string(c[from:to])
}
