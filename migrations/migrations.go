// Package migrations holds the schema of the projection as SQL files for goose.
//
// No file names a schema: whoever runs them sets the search path, so that the
// same files make the schema that is read and the one that a rebuild fills
// beside it. Each schema keeps its own goose version table. The exception is Kept:
// what no stream can bring back is in one place, whatever the projection is.
package migrations

import "embed"

// Schema is the schema of the rows that are read. Whoever runs the files creates
// it and sets the search path to it.
const Schema = "payloom"

// Kept is the schema of the rows that are no projection. A file that makes them
// names it, and does nothing where they exist already.
const Kept = "payloom_kept"

// FS holds the files, in the order of their numbers.
//
//go:embed *.sql
var FS embed.FS
