// Package bus is Payloom's queue and ledger on NATS JetStream, and the only
// package that knows so.
//
// Streams and durable consumers are data (topology.go), applied by Provision and
// never created by a service. There is one way to publish (publisher.go): every
// message states what it expects to find on its subject, and an answer that got
// lost is resolved by looking, so that a message is stored once or not at all.
package bus
