// Package webhook says how a merchant is told by HTTP what became of an
// operation: which events are told, under which names, with which body, and how
// the message is signed.
//
// Messages follow the Standard Webhooks specification: the headers webhook-id,
// webhook-timestamp and webhook-signature, the last one "v1," and the base64 of
// the HMAC-SHA256 of "id.timestamp.body". During a rotation a message bears one
// signature for each of two secrets, with a space between.
//
// A receiver written in Go needs nothing but [Verify]. Package delivery below
// brings messages to endpoints.
package webhook
