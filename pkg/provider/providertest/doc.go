// Package providertest is the exam that every provider passes, and a scripted
// provider for the tests of others.
//
// A provider's own test is a Harness and one call:
//
//	func TestConformance(t *testing.T) {
//		providertest.Run(t, providertest.Harness{…})
//	}
//
// The exam speaks to the provider through the port only and plays the other side
// through a Simulator, whose ledger of effects is the judge. It asks what the
// worker relies on: that a decline is a result, that what may have been executed
// is never called not sent, that an inquiry finds what was, that the declared
// class of recovery is the real one, and that nobody learns a secret.
package providertest
