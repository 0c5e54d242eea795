// Package gate is the codec of ECommPay's Gate: JSON bodies that are
// authenticated by a signature inside them, and by nothing else.
//
// The signature is an HMAC-SHA512 over a canonical text: every scalar of the body
// as a line "path:value", the lines in the natural order of their paths, joined
// with semicolons. What the JSON text looked like does not matter, what it says
// does: numbers are carried as they were written.
//
// The package turns bytes into signed bytes and back and knows no payment: what a
// member means is the business of its callers.
//
//	body, err := gate.Seal(secret, raw, gate.InGeneral)
//	…
//	m, err := gate.Parse(body)
//	match, err := m.Verify(secret)
//	id, ok := m.Get("payment", "id").Text()
//
// Nothing in the canonical text is escaped but colons in names, so two bodies may
// have one signature when a name or a value holds a semicolon. Such bodies are not
// sealed; those that come in are reported, see Match.
package gate
