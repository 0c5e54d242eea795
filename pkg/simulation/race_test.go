//go:build race

package simulation_test

// raced tells whether the race detector is on, which makes a world ten times slower.
const raced = true
