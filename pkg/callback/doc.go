// Package callback receives what providers and buyers' browsers bring, and works
// out later what it means.
//
// A [Receiver] answers a provider only after its callback is stored, so that
// until then the provider keeps its own copy and calls again. It sends a buyer's
// browser on to the shop, and believes nothing it brings about money. An
// [Interpreter] turns what was stored into events of the payment that it speaks
// of. [Reverify] does that again, after a key or a parser was mended.
//
// The package stores no event but those that payment.Observe returns, and each
// of them by naming the event it was decided from.
package callback
