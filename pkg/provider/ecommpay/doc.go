// Package ecommpay sends payouts to Amazon Pay wallets in India through
// ECommPay's Gate: JSON bodies over HTTPS, authenticated by a signature inside
// them, in both directions.
//
//	payout    POST /v2/payment/wallet/amazonpay/payout
//	inquiry   POST /v2/payment/status, by payment id
//	          POST /v2/payment/status/request, by request id: for requests that
//	          were accepted and came to nothing
//	listing   POST /operations/get, of the Data API, which has an address, a token
//	          and a secret of its own
//
// What the package holds on to:
//
//   - The answer "success" says that a request was accepted, never that money
//     moved. That is said by a signed callback, or by the signed answer to an
//     inquiry, and by payment.status in it: success, decline or error. Any other
//     status, known or not, is not the end.
//   - A success may be taken back, by an operation whose type names a reversal.
//   - payment_id is unique within a project for ever. The attempt's key is the
//     payment_id, doubt is resolved by sending the same request again, and the
//     code 3041 means that there is such a payment already: it is asked about,
//     and never taken for a failure of the payout.
//   - The refusal of a repeated request says nothing about what became of the
//     first one. It is believed only when an inquiry finds nothing either.
//   - The signature does not tell apart messages with a semicolon in a value. No
//     semicolon is sent, and a callback that holds one changes nothing by itself.
//   - A listing is believed for ids and times, whose names the documentation has. What
//     an operation did to money is asked by its payment id.
//   - A callback that tells of an error speaks of a request, and there may have
//     been several with one payment_id. Only an inquiry tells what it means.
//
// The names under which a payment's references are kept are the Ref constants.
package ecommpay
