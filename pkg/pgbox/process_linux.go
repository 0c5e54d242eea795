package pgbox

import "syscall"

// dieWithParent makes the kernel ask the server to stop when its parent dies.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = fastShutdown }
