//go:build !amd64 || noasm

package kernel

// native returns nil: this build has the Go loops only.
func native(Path) *Set { return nil }
