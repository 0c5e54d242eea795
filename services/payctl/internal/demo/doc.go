// Package demo drives payments of every kind through a running Payloom, as a shop,
// its order system and its buyers would, and checks that each ends as it must: in
// its state, in its sums, and in the provider's own ledger.
//
// Some payments meet faults on the way: answers that get lost after the money has
// moved, callbacks that come twice, late, out of order, or forged.
package demo
