//go:build !linux

package pgbox

import "syscall"

// dieWithParent leaves the work to the guard: other kernels send no such signal.
func dieWithParent(*syscall.SysProcAttr) {}
