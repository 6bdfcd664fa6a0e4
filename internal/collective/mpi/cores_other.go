//go:build !linux

package mpi

// cores names those that this process may run on: here, all.
func cores() string { return "" }

// bound says nothing: this system binds no process.
func bound() (own, launchers int) { return 0, 0 }
