// Package delivery brings webhooks to merchants' endpoints, each at least once.
//
// A [Follower] reads the streams of events and writes one row per message and
// endpoint, in the transaction that moves its checkpoint: whatever crashes, a
// message is written once. A [Dispatcher] takes rows that are due, sends them and
// notes what came of it. A row that is taken becomes due again a little later, so
// that a sender who dies between sending and noting is followed by another; the
// receiver knows the repeat by its webhook-id. Any number of replicas may run.
//
// Endpoints do not wait for each other: each has its own few senders. Within an
// endpoint there is no order; a message tells the payment's version.
//
// The rows live in the schema migrations.Kept, which no rebuild of the projection
// touches. The connection's search path names it; no SQL does.
package delivery
