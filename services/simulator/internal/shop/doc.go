// Package shop is a small web shop that is paid through Payloom with Amazon Pay
// at Computop Paygate, or on Axerve's page. It is a demo and an example: what it does is what the
// front and back end of a real shop have to do.
//
//	cart          the Amazon Pay button; a click has the shop's back end open a
//	              payment at Payloom's ingress, and hands what comes back to the
//	              button (initCheckout)
//	Amazon        the buyer chooses instrument and address
//	review        address and amount, and the ways to change them
//	Amazon        the buyer confirms, at the address that the review page links to
//	confirmation  how the payment stands, as Payloom's query API tells
//	orders        the merchant's side: capture, refund, cancel, and payouts to
//	              wallets at ECommPay
//
// The other way to pay needs no script: the back end opens a payment whose action
// is a redirect, sends the browser there, and it comes back to confirmation or
// failure.
//
// The pages need no script of their own inside and no style but the shop's file,
// so the Content-Security-Policy allows neither; what a browser brings back in an
// address names an order and proves nothing. Nothing is kept but in memory.
//
// Steps and parameters of the button are those of the Paygate documentation,
// "Amazon Pay Checkout v2".
package shop
