//go:build !linux

package provider

import (
	"syscall"
	"time"
)

// userTimeout returns nil: only Linux bounds how long a sent byte may wait.
func userTimeout(time.Duration) func(network, address string, c syscall.RawConn) error { return nil }
