//go:build !amd64 || noasm

package kernel

// native returns nil: this build has the Go loops only.
func native(Path) *Set { return nil }

// intel does not matter here.
func intel() bool { return false }

// Pause does nothing here.
func Pause() {}

// FlushSubnormals does nothing here: subnormals are kept.
func FlushSubnormals() (mode uint32) { return 0 }

// Restore ends what FlushSubnormals began.
func Restore(uint32) {}
