//go:build !unix

package host

// FreeBytes is not known on this system.
func FreeBytes(string) int64 { return -1 }
