// Package projection keeps rows in Postgres equal to what the streams add up to.
//
// A Projector follows every stream from its checkpoint and writes rows and
// checkpoint in one transaction, so that a message counts once however often it
// is read and however many projectors run. It halts on what cannot be: a gap, a
// stream that is shorter than what was read of it, an event that does not follow
// the one before. Halting is per stream and for good; a person has to look.
//
// What the rows say depends on the messages only, never on the order in which
// streams are read beside each other. So a Rebuild beside the live rows ends with
// the same rows, and RowHashes can tell.
//
// Rows live in the schema Live. The connection's search path names it; no SQL
// does.
package projection
