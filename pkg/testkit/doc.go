// Package testkit gives tests what they cannot make up: a Postgres database of
// their own, and a way to wait for a condition.
//
// The server behind [Postgres] is, in this order: the one DATABASE_URL names; a
// private one from the binaries on this machine; a private one from binaries
// installed on the spot, where this process may do that. Else the test is skipped
// and says what to install; with TESTKIT_REQUIRE=1 that is a failure. A test
// binary starts at most one server, and it ends with the binary, even when that
// is killed.
//
// On a server that DATABASE_URL names one template database stays behind for
// each state of the migrations; it saves later runs the work.
package testkit
