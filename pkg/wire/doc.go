// Package wire translates between the words of package payment and the messages
// of proto/payloom/v1, both ways, and nothing else.
//
// What Marshal writes is deterministic: equal values have equal bytes, in this
// and later versions, so bytes may be hashed and compared. What Unmarshal cannot
// understand completely it refuses with ErrUndecodable: an enum value, a type of
// event or a schema version of a later release never turns into a zero value
// that looks valid. New readers are therefore rolled out before new writers.
//
// Events may hold fields that this version does not know, and are read without
// them. A command must not: executing only the known part of an order would be
// executing another one.
//
// All functions may be called concurrently.
package wire
