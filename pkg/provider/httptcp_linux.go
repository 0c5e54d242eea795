package provider

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// userTimeout returns what a net.Dialer does to a socket before it connects: it
// gives up on bytes that nobody has acknowledged for d.
func userTimeout(d time.Duration) func(network, address string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) {
			failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(d.Milliseconds()))
		})
		if err != nil {
			return err
		}
		return failed
	}
}
