//go:build !linux

package stack

import "syscall"

// dieWithParent does nothing: other kernels send no such signal, and a child
// outlives a parent that was killed.
func dieWithParent(*syscall.SysProcAttr) {}
