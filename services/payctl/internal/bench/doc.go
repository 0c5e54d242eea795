// Package bench measures a running Payloom from outside: it has a mandate charged
// as fast as ingress takes it, sees each charge's end on the EVENTS stream, and
// verifies at the end that nothing is lost, doubled or stuck.
//
// One payment is one command and one call to the provider: intent, call, outcome,
// and the provider's notify of it. Payments with a buyer would measure the buyer.
package bench
