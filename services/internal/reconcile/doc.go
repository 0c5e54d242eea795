// Package reconcile has recent payments compared with their providers' books, turn by
// turn, and reports what came of it.
//
// It asks and compares nothing itself: for each payment that is due it gives a sync
// command that the provider's worker carries out, in its own time and within its own
// limits. What differs comes back as events, and so as rows. See
// docs/adr/0018-reconciliation-asks-the-workers.md.
package reconcile
