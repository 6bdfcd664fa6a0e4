//go:build !linux

package group

// bound says nothing: this system binds no process.
func bound() (own, launchers int) { return 0, 0 }
