//go:build !linux

package cpu

// hugePages does nothing where the system cannot be asked.
func hugePages[E any]([]E) {}
