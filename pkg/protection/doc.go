// Package protection holds the rules by which all replicas of a worker together
// treat a provider with care: how many calls it takes, when it is left alone, and
// what an operator has switched off. It is pure: states go in, states come out,
// and time is an argument. Package guard keeps the states and shares them.
package protection
