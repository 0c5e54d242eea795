// Package computop drives Amazon Pay Checkout v2 through Computop Paygate's
// classic interface: server-to-server calls to the .aspx endpoints, encrypted
// notifies to URLNotify, and the buyer's returns to ShopUrl, URLSuccess,
// URLFailure and URLCancel.
//
//	authorize      amazonAPA.aspx   button, or RTF=R for a further charge of a series
//	update_amount  amazonAPA.aspx   eventToken=UpdateAuthorizeAmount
//	capture        capture.aspx
//	refund         credit.aspx
//	cancel         reverse.aspx, after a look at inquire.aspx
//	inquiry        inquire.aspx by PayID, inquire24.aspx by TransID
//
// What the package holds on to:
//
//   - Only Code 00000000 is success, wherever it arrives. The encrypted block
//     that Paygate sends to URLFailure can be copied to URLNotify; it decrypts,
//     and its MAC is genuine.
//   - What the buyer's browser brings never says anything about money.
//   - The amounts of an inquiry are the truth, LastStatus is only the last step.
//   - reverse.aspx undoes the last step, whatever it was. It is sent only after
//     an inquiry that shows an authorisation and nothing else.
//   - ReqId suppresses a repeat only when the first call had reached a final
//     status. So nothing that moves money is resent in doubt: it is inquired
//     about.
//
// TransID is the attempt's key, ReqId its idempotency key. The names under which
// later operations find Paygate's ids in a payment are the Ref constants.
package computop
