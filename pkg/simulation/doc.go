// Package simulation plays the real worker and the real interpreter of callbacks
// against a world in memory that does what brokers, networks, providers and
// machines do on their worst days, and checks what came of the money.
//
// A world is made from a seed and nothing else. It has a time of its own and lets
// one handler run at a time, so a seed that finds something finds it again:
//
//	SIM_SEED=4711 go test -run TestRun_OneSeed -v ./pkg/simulation
//
// Everything in it is for tests.
package simulation
