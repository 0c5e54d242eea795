// Package signature signs HTTP requests and verifies them: a profile of HTTP
// Message Signatures (RFC 9421) with the body's digest (RFC 9530), so that a
// client may take any library of that standard in its own language.
//
// The profile: algorithms ed25519 and hmac-sha256; parameters keyid and created,
// the latter not further than Window from the verifier's clock; a signature must
// cover what Covered says. Components with parameters are not taken.
package signature
