// Package axervesim plays Axerve Ecommerce Solutions (Gestpay) with Amazon Pay at
// the wire: the services WsCryptDecrypt and WSs2s, the payment page that buyers
// click through, and the notifications a shop gets.
//
// It shares the codec with the client it is there to test and nothing else.
// Which elements a call needs, how they are formatted, what a state allows and
// what happens to the money are decided here a second time, from the provider's
// documentation, so that a misreading on one side shows.
//
// Every effect on money is written to a ledger that only the simulator writes.
// Faults are scripted with rules; time can run faster; everything random comes
// from a seed and from what a request says, so that a run can be repeated
// whatever the order in which concurrent calls arrive.
package axervesim
