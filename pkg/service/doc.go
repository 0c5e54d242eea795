// Package service is what every Payloom program has in common: the main
// function, logging, health, metrics, tracing, HTTP servers and the order in
// which all of it stops.
//
// A program's main is one line:
//
//	func main() { service.Main("worker-computop", &Config{}, run) }
//
// where Config embeds [Config] and run(ctx, rt) opens what it needs, calls
// rt.Health.SetReady(true), serves until ctx ends, and closes in reverse order.
package service
