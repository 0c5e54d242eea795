// Package worker carries out commands at a provider: intent, call, outcome. It
// is generic over providers and knows neither the queue nor the stream, only a
// ledger that appends to the event it was decided from.
//
// Any number of workers may handle the same command at the same time, any number
// of times, and each may be killed between any two lines: one effect comes out.
package worker
