//go:build !unix

package host

// PeakBytes is not known on this system.
func PeakBytes() int64 { return 0 }
