// Package verify checks from outside that nothing is lost, doubled or stuck: it
// reads every stream, the rows in Postgres and the simulators' ledgers, and
// compares them by rules of its own.
//
// It decodes messages with package wire and shares nothing else with the
// services: what payments have become is worked out here a second time, from the
// events and the documented state machine, so that a mistake in the first
// implementation shows.
package verify
