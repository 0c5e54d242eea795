// Package chaos drives payments through real processes while those processes, the
// connections between them, the broker, the database and the providers fail in
// every way that has a name here; then it heals everything, waits until all is
// quiet, and has everything verified.
package chaos
