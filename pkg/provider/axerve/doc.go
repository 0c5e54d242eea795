// Package axerve drives Amazon Pay through Axerve Ecommerce Solutions (Gestpay):
// the SOAP services WsCryptDecrypt and WSs2s, the hosted payment page, and the
// calls and browser returns that carry a and b.
//
//	authorize by redirect         Encrypt, then pagam.aspx
//	authorize by order reference  callPagamS2S with transKey
//	authorize by mandate          callPagamS2S with tokenValue
//	capture                       callSettleS2S
//	refund                        callRefundS2S
//	cancel                        callDeleteS2S
//	inquiry                       callReadTrxS2S
//	callback, browser return      Decrypt
//
// What the package holds on to:
//
//   - KO of a call is not KO of a payment. An answer without the payment's id has
//     refused the call, and fails no payment.
//   - OK does not tell whether money was taken. The events of callReadTrxS2S do:
//     every OK is followed by such a read, and what cannot be read is pending.
//   - A settle that fails for technical reasons may have been queued, which shows
//     as PRE, and is executed at night. So doubt about a capture or a refund lasts
//     until the night has passed: Settle is 31 hours.
//   - One capture per payment; the rest of a partial one is forfeited.
//   - Nothing decides on a description. It is localised.
//   - a and b prove nothing. They are believed once our own Decrypt has read them.
//
// An attempt's key is its shopTransactionId, with one exception: charges without
// a buyer go out under the key of their command's first attempt, however often
// they are tried. Amazon Pay takes a shopTransactionId once, so what was executed
// and does not show yet cannot be executed again.
//
// Whether money is taken at once ("unified") or later ("separated") is a setting
// of the shop in Axerve's back office, and not of a payment. So are the addresses
// that Axerve calls: see Config.Responses.
package axerve
