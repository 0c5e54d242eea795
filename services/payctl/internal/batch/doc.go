// Package batch sends payouts line by line to ingress and tells of each what became
// of it, in order and once, whatever happens on the way: what was not answered is sent
// again.
package batch
