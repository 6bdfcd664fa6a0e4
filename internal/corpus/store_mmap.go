//go:build darwin || freebsd || linux || netbsd || openbsd

package corpus

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/sparsebert/sparsebert-gpu/internal/fileformat"
)

// mapFile returns the content of the file at path, mapped read-only, and what
// releases it. The file must not shrink before that.
func mapFile(path string) (data []byte, release func() error, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("mapping %s: %w", path, err)
	}
	defer f.Close() // a mapping outlives its file descriptor
	info, err := f.Stat()
	if err != nil {
		return nil, nil, fmt.Errorf("mapping %s: %w", path, err)
	}
	nothing := func() error { return nil }
	switch size := info.Size(); {
	case !info.Mode().IsRegular():
		return nil, nil, badData(path, fileformat.KindOf(info.Mode()), "a file of token shards")
	case size == 0: // mmap refuses an empty range
		return nil, nothing, nil
	case int64(int(size)) != size:
		return nil, nil, badData(path, fmt.Sprintf("%d bytes", size), "a file that fits this machine's address space")
	default:
		data, err := unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_SHARED)
		if err != nil {
			return nil, nil, fmt.Errorf("mapping %s: %w", path, err)
		}
		return data, func() error { return unix.Munmap(data) }, nil
	}
}
