//go:build !race

package main

// goodEach says how many lines of a long batch there are for each that is a payout.
const goodEach = 1
