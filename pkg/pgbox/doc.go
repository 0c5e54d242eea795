// Package pgbox runs a private Postgres server from the binaries installed on
// this machine: for tests, in a folder that vanishes, and for a laptop, in one
// that stays. It works as root too, by running the server as the user postgres.
//
// The server listens on a free port of 127.0.0.1 with a password of its own and
// ends when this process ends, even when that is killed.
package pgbox
