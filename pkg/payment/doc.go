// Package payment holds the words of Payloom and the two pure functions that
// decide about money.
//
// A command asks for an operation on a payment. Whatever happens to the payment
// is an event; the events of one payment are its ledger. Fold turns events into
// a Payment and is the only way a Payment changes. Decide looks at a Payment and
// a Command and says what is to be done now. Observe turns what a provider said,
// asked or unasked, into events.
//
// Nothing in this package does I/O, reads a clock or imports anything but the
// standard library. All values are plain data; none of the functions keeps or
// changes its arguments, so all may be called concurrently.
package payment
