//go:build unix

package host

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// PeakBytes is the largest resident memory that this process has had, 0 when the
// system does not say.
func PeakBytes() int64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	unit := int64(1 << 10)
	if runtime.GOOS == "darwin" || runtime.GOOS == "ios" {
		unit = 1
	}
	return int64(u.Maxrss) * unit
}
