package gestpay

import (
	"errors"
	"fmt"
)

// decisive are the elements a decision hangs on. One that stands twice could be
// read in two ways, so it is refused.
var decisive = []string{
	"TransactionType", "TransactionResult", "ShopTransactionID", "BankTransactionID", "Currency", "Amount",
	"ErrorCode", "CryptDecryptString", "TOKEN", "Events", "OrderReferenceDetails",
}

var (
	errResult        = errors.New("TransactionResult is none of OK, KO and XX")
	errNoString      = errors.New("OK without CryptDecryptString")
	errNoShopID      = errors.New("a result without ShopTransactionID")
	errOKWithCode    = errors.New("OK beside an error code")
	errNothingFound  = errors.New("OK without a transaction")
	errRefusedMoney  = errors.New("KO beside events that moved money")
	errUnfinished    = errors.New("a call that is not final")
	errEventAmount   = errors.New("an event's amount is not readable")
	errEventCurrency = errors.New("events without a known currency")
)

// verify refuses answers that contradict themselves.
func (r Reply) verify(n Node) error {
	if r.TransactionType != "" && !r.Operation.is(r.TransactionType) {
		return errOtherOperation
	}
	if err := once(n); err != nil {
		return err
	}
	switch r.TransactionResult {
	case ResultOK:
		if r.ErrorCode != "" && !r.ErrorCode.OK() && r.Operation != OpRead {
			return errOKWithCode
		}
	case ResultKO, ResultPending:
	default:
		return errResult
	}
	switch r.Operation {
	case OpRead:
		return r.verifyRead()
	case OpDecrypt, OpPay:
		return r.verifyPayment()
	default:
		return r.verifyCall()
	}
}

func once(n Node) error {
	for _, name := range decisive {
		count := 0
		for _, c := range n.Children {
			if c.Name == name {
				count++
			}
		}
		if count > 1 {
			return fmt.Errorf("%s stands twice", name)
		}
	}
	return nil
}

// verifyPayment: a payment's result names the payment. KO without a name is a
// refused call and fine.
func (r Reply) verifyPayment() error {
	if r.TransactionResult != ResultKO && r.ShopTransactionID == "" {
		return errNoShopID
	}
	return nil
}

func (r Reply) verifyCall() error {
	switch {
	case r.TransactionResult == ResultPending:
		return errUnfinished
	case r.Operation == OpEncrypt && r.TransactionResult == ResultOK && r.CryptDecryptString == "":
		return errNoString
	}
	return nil
}

func (r Reply) verifyRead() error {
	if r.TransactionResult == ResultOK && !r.Found() {
		return errNothingFound
	}
	if r.TransactionResult == ResultPending && !r.Found() && r.ShopTransactionID == "" {
		return errNoShopID
	}
	for _, e := range r.Events {
		// A refused authorisation is written as an AUT event and nothing follows.
		if r.TransactionResult == ResultKO && e.Type.movesMoney() {
			return errRefusedMoney
		}
	}
	return r.verifyEvents()
}

// verifyEvents: sums over amounts that were not understood would be wrong.
func (r Reply) verifyEvents() error {
	if len(r.Events) == 0 {
		return nil
	}
	iso, found := ISOCurrency(r.UICCode)
	if !found {
		return errEventCurrency
	}
	for _, e := range r.Events {
		if _, err := ParseAmount(e.Amount, iso); err != nil && e.Type.Known() {
			return errEventAmount
		}
	}
	return nil
}
