//go:build unix

package host

import "golang.org/x/sys/unix"

// FreeBytes returns what a user may still write to dir's file system, -1 when
// the system does not say.
func FreeBytes(dir string) int64 {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return -1
	}
	return int64(s.Bavail) * int64(s.Bsize)
}
