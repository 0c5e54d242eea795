// Package ecommpaysim plays ECommPay's Gate with payouts to Amazon Pay wallets at
// the wire: the endpoints a merchant calls and the callbacks it gets, and the Data
// API's listing of operations.
//
// It shares the codec with the client it is there to test and nothing else. Which
// members a request has, what they look like, what may be paid out and what
// happens to the money are decided here a second time, from the provider's
// documentation, so that a misreading on one side shows.
//
// Every effect on money is written to a ledger that only the simulator writes.
// What becomes of a payout is scripted, by the end of its amount, account or id;
// see Script. Faults are scripted with rules; time can run faster; everything
// random comes from a seed and from what a request says, so that a run can be
// repeated whatever the order in which concurrent calls arrive.
package ecommpaysim
