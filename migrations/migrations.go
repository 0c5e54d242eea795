// Package migrations holds the schema of the projection as SQL files for goose.
//
// No file names a schema: whoever runs them sets the search path, so that the
// same files make the schema that is read and the one that a rebuild fills
// beside it. Each schema keeps its own goose version table.
package migrations

import "embed"

// Schema is the schema of the rows that are read. Whoever runs the files creates
// it and sets the search path to it.
const Schema = "payloom"

// FS holds the files, in the order of their numbers.
//
//go:embed *.sql
var FS embed.FS
