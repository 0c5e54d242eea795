// Package guard lets calls to a provider through, or has them wait, as all
// replicas of a worker agree: limits in calls per second, circuit breakers, and
// what an operator has paused. The rules are package protection's; the states are
// shared through a store with compare-and-set, and followed, not polled.
//
// A store that cannot be reached stops no money and opens no floodgate: what was
// known last goes on to hold, each replica takes its own share of a limit, and
// each opens and closes its own breakers.
package guard
