package gestpay

import (
	"testing"
)

func TestOutcome(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reply Reply
		want  Outcome
	}{
		"a refused Decrypt is no refused payment":          {Reply{Operation: OpDecrypt, TransactionResult: ResultKO, ErrorCode: "74"}, CallFailed},
		"a refused payment is named":                       {Reply{Operation: OpDecrypt, TransactionResult: ResultKO, ShopTransactionID: "x", ErrorCode: "9999"}, PaymentKO},
		"a payment that failed technically was recorded":   {Reply{Operation: OpPay, TransactionResult: ResultKO, BankTransactionID: "1", ErrorCode: "9999"}, PaymentKO},
		"a charge nobody knows of":                         {Reply{Operation: OpPay, TransactionResult: ResultKO, ErrorCode: "9999"}, Unknown},
		"a charge with a code in no list":                  {Reply{Operation: OpPay, TransactionResult: ResultKO, ErrorCode: "31337"}, Unknown},
		"a charge refused with code 0":                     {Reply{Operation: OpPay, TransactionResult: ResultKO, ErrorCode: "0"}, Unknown},
		"a charge with a dead token":                       {Reply{Operation: OpPay, TransactionResult: ResultKO, ErrorCode: "1165"}, CallFailed},
		"a charge from a strange address":                  {Reply{Operation: OpPay, TransactionResult: ResultKO, ErrorCode: "1142"}, CallFailed},
		"a charge whose id was used":                       {Reply{Operation: OpPay, TransactionResult: ResultKO, ErrorCode: "4707"}, Unknown},
		"a read refused beside the id that was asked with": {Reply{Operation: OpRead, TransactionResult: ResultKO, BankTransactionID: "1", ErrorCode: "9999"}, CallFailed},
		"a read from a strange address":                    {Reply{Operation: OpRead, TransactionResult: ResultKO, BankTransactionID: "1", ErrorCode: "1142"}, CallFailed},
		"a read declined without an event":                 {Reply{Operation: OpRead, TransactionResult: ResultKO, BankTransactionID: "1", ErrorCode: "74"}, PaymentKO},
		"a read of what failed technically":                {Reply{Operation: OpRead, TransactionResult: ResultKO, ErrorCode: "418", Events: []Event{{Type: EventAuthorised}}}, PaymentKO},
		"not found by the bank's id":                       {Reply{Operation: OpRead, TransactionResult: ResultKO, BankTransactionID: "1", ErrorCode: "2011"}, NotFound},
		"a settle that may have been queued":               {Reply{Operation: OpSettle, TransactionResult: ResultKO, ErrorCode: "4705"}, Unknown},
		"a settle in the wrong state":                      {Reply{Operation: OpSettle, TransactionResult: ResultKO, ErrorCode: "2019"}, OpKO},
		"a refund with a code in no list":                  {Reply{Operation: OpRefund, TransactionResult: ResultKO, ErrorCode: "1008"}, Unknown},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := c.reply.Outcome(); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

func TestVerify_RefusesContradictions(t *testing.T) {
	t.Parallel()
	event := func(kind, amount string) string {
		return `<event><eventtype>` + kind + `</eventtype><eventamount>` + amount + `</eventamount></event>`
	}
	cases := map[string]struct {
		op    Operation
		inner string
	}{
		"a payment without a name":           {OpDecrypt, `<TransactionResult>OK</TransactionResult><ErrorCode>0</ErrorCode>`},
		"a pending one without a name":       {OpPay, `<TransactionResult>XX</TransactionResult>`},
		"a payment with an error code":       {OpPay, `<TransactionResult>OK</TransactionResult><ShopTransactionID>x</ShopTransactionID><ErrorCode>74</ErrorCode>`},
		"a string that is none":              {OpEncrypt, `<TransactionResult>OK</TransactionResult><ErrorCode>0</ErrorCode><CryptDecryptString/>`},
		"a transaction that is none":         {OpRead, `<TransactionResult>OK</TransactionResult><ErrorCode>0</ErrorCode>`},
		"a pending read without a name":      {OpRead, `<TransactionResult>XX</TransactionResult><ErrorCode>0</ErrorCode>`},
		"refused, with money moved":          {OpRead, `<TransactionResult>KO</TransactionResult><Currency>242</Currency><Events>` + event("MOV", "1.00") + `</Events>`},
		"an amount that is none":             {OpRead, `<TransactionResult>OK</TransactionResult><Currency>242</Currency><Events>` + event("MOV", "1,00") + `</Events>`},
		"amounts in a currency that is none": {OpRead, `<TransactionResult>OK</TransactionResult><Currency>978</Currency><Events>` + event("MOV", "1.00") + `</Events>`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			element := c.op.ResultElement()
			r, err := Parse(c.op, 200, []byte("<"+element+">"+c.inner+"</"+element+">"))
			if got := OutcomeOf(r, err); got != ProtocolError {
				t.Errorf("%s, %v", got, err)
			}
		})
	}
}

func TestReply_Retryable(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]struct {
		op               Operation
		retryable, alert bool
	}{
		"encrypt_ko_system.xml":          {OpEncrypt, true, false},
		"encrypt_ko_ip.xml":              {OpEncrypt, false, true},
		"readtrx_call_failure.xml":       {OpRead, true, false},
		"settle_ko_technical.xml":        {OpSettle, false, false},
		"settle_ko_ids_missing.xml":      {OpSettle, false, true},
		"readtrx_unknown_event_type.xml": {OpRead, false, true},
		"decrypt_ok.xml":                 {OpDecrypt, false, false},
	} {
		r := mustParse(t, want.op, file)
		if r.Retryable() != want.retryable || r.Alert() != want.alert {
			t.Errorf("%s: retryable %v, alert %v", file, r.Retryable(), r.Alert())
		}
	}
}

func TestLedger(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		file                               string
		pending                            bool
		capturable, refundPending, refunds int64
	}{
		"authorised":                {file: "readtrx_authorized.xml", capturable: 4990},
		"a capture reserved":        {file: "readtrx_capture_reserved_pre.xml", pending: true},
		"and executed":              {file: "readtrx_pre_then_mov.xml"},
		"a partial capture is all":  {file: "readtrx_partial_capture.xml"},
		"cancelled":                 {file: "readtrx_cancelled.xml"},
		"a refund asked for":        {file: "readtrx_refund_requested.xml", refundPending: 1500},
		"and given":                 {file: "readtrx_partially_refunded.xml", refunds: 1500},
		"refunds without a request": {file: "readtrx_refunded_twice_full.xml", refunds: 4990},
		"a refused authorisation":   {file: "readtrx_declined_code0.xml"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, err := mustParse(t, OpRead, c.file).Ledger()
			if err != nil {
				t.Fatal(err)
			}
			if l.CapturePending() != c.pending || l.Capturable() != c.capturable || l.RefundPending() != c.refundPending || l.Refunded != c.refunds {
				t.Errorf("%+v", l)
			}
		})
	}
}

func TestEvent_At(t *testing.T) {
	t.Parallel()
	for date, want := range map[string]string{
		"20/01/26 10:05:10": "2026-01-20T09:05:10Z", // winter
		"20/07/26 10:05:10": "2026-07-20T08:05:10Z", // summer
	} {
		at, err := Event{Date: date}.At()
		if err != nil || at.UTC().Format("2006-01-02T15:04:05Z") != want {
			t.Errorf("%s: %v, %v", date, at, err)
		}
	}
	if _, err := (Event{Date: "2026-01-20"}).At(); err == nil {
		t.Error("another layout is no date")
	}
}
