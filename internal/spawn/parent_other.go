//go:build !linux

package spawn

import "syscall"

// dieWithParent says nothing: on this system a process outlives the one that started it.
func dieWithParent() *syscall.SysProcAttr { return nil }
