//go:build !linux

package group

// cores names those that this process may run on: here, all.
func cores() string { return "" }
