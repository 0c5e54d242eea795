// Package seal encrypts personal data so that it can be erased from where nothing
// can be deleted: each data subject has a data key, what is known about the subject
// is encrypted with it, and once the key is destroyed nobody reads that any more.
//
// A data key is kept wrapped, that is encrypted itself, by a key-encryption key. A
// [Ring] holds those in memory; a key management service may take its place as
// another [Wrapper]. Where wrapped keys are kept is for package bus.
//
// All encryption is AES-256-GCM with random nonces (NIST SP 800-38D). Everything
// may be used concurrently.
package seal
