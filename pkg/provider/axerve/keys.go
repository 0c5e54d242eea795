package axerve

import (
	"regexp"
	"strconv"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/axerve/gestpay"
)

// keySeparator stands before an attempt's number. A shopTransactionId may hold no
// character that payment ids do not have, so ids that end as a numbered key does
// are not taken.
const keySeparator = "_-"

var (
	// A shopTransactionId has 32 characters (Axerve documentation, Amazon Pay);
	// "_-99" must fit behind.
	paymentIDs = regexp.MustCompile(`^[A-Za-z0-9_-]{1,28}$`)
	// The gateway has "--" among what it refuses inside values (API reference,
	// Encrypt).
	notPaymentIDs = regexp.MustCompile(`--|_-[0-9]{1,6}$`)
	numberedKeys  = regexp.MustCompile(`^(.+)_-([0-9]{1,2})$`)
)

// splitKey returns the payment and the number of an attempt's key.
func splitKey(key string) (payment.ID, int) {
	m := numberedKeys.FindStringSubmatch(key)
	if m == nil {
		return payment.ID(key), 1
	}
	n, _ := strconv.Atoi(m[2]) // at most six digits
	return payment.ID(m[1]), n
}

// firstKey returns the key of the first of a command's attempts, of which a is
// one.
func firstKey(a payment.Attempt) string {
	id, n := splitKey(a.Key)
	return payment.AttemptKey(id, keySeparator, n-(a.Number-1))
}

// direct tells whether a payment is made without the buyer.
func direct(m payment.Method) bool { return m == payment.OrderReference || m == payment.MandateCharge }

// shopIDOf returns the shopTransactionId of the payment that call speaks of.
func shopIDOf(call provider.Call) gestpay.ShopTransactionID {
	if id := call.Payment.Refs[RefShopID]; id != "" && !call.Operation.Kind.Opens() {
		return gestpay.ShopTransactionID(id)
	}
	if direct(methodOf(call)) && call.Operation.Kind.Opens() {
		return gestpay.ShopTransactionID(firstKey(call.Operation.Attempt))
	}
	return gestpay.ShopTransactionID(call.Operation.Attempt.Key)
}

// methodOf returns how the call's payment is opened.
func methodOf(call provider.Call) payment.Method {
	if a := call.Command.Authorization; a != nil {
		return a.Method
	}
	return call.Payment.Terms.Method
}

func bankIDOf(call provider.Call) gestpay.BankTransactionID {
	return gestpay.BankTransactionID(call.Payment.Refs[RefBankID])
}
