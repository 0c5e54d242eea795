// Package e2e tests the real programs: it builds them, runs them as processes, and
// kills them.
package e2e
