// Package migrations holds the database schema as goose migrations.
package migrations

import "embed"

// FS holds the migration files at its root, named NNNN_title.sql.
//
//go:embed *.sql
var FS embed.FS
