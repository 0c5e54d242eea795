// Package stack runs the whole of Payloom on this machine: a broker and a
// database, unless the caller has them, and the real service binaries as child
// processes that are watched and, when they die, started again.
//
// What it started it ends, in the reverse order, and the kernel ends it when this
// process is killed. It is what payctl up, demo and bench stand on, and tests.
package stack
