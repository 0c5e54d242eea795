//go:build race

package main

// goodEach says how many lines of a long batch there are for each that is a payout: the
// race detector makes the rules of commands ten times as slow.
const goodEach = 20
