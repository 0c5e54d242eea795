// Package letters finds dead letters and gives them another chance. A letter is never
// changed: what an operator did with it stands in the audit. Replaying is safe however
// often it is done, because it hands over what the broker still keeps: a command is
// woken under its own id, and its ledger decides; a callback is interpreted again, and
// what the payment knows it does not learn twice.
package letters
