package spawn

import "syscall"

// dieWithParent has the system kill a process when the one that started it ends.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
