// Package simkit is what simulators of providers have in common whatever the
// provider: randomness that a seed fixes, timers that leave nothing behind, a
// courier for callbacks, rules for faults, the faults that any HTTP service can
// have, and the control interface over HTTP.
//
// It knows no provider. What a provider accepts, answers and does with money is
// decided in its simulator alone.
package simkit
