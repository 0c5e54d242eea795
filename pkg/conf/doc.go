// Package conf reads a program's configuration from environment variables into
// a struct, tells everything that is wrong with it at once, and keeps secrets
// from being printed.
//
// A configuration is a struct whose fields carry these tags:
//
//	env         the variable, with the options of github.com/caarlos0/env:
//	            required, notEmpty, file, expand
//	envDefault  the value when the variable is unset or empty
//	envPrefix   on a struct field: put before every variable inside it
//	desc        one line for --help
//
// A field of type [Secret] or [PII] may hold the value itself or a reference to
// it, file:/path or env:NAME, which [Load] follows.
//
// The package keeps no state; every function is safe for concurrent use.
package conf
