package stack

import "syscall"

// dieWithParent makes the kernel kill the child when the thread that started it
// ends, as it does when this process is killed.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }
