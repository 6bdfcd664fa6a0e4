//go:build !linux

package mpi

// bound says nothing: this system binds no process.
func bound() (own, launchers int) { return 0, 0 }
