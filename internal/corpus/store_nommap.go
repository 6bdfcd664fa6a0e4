//go:build !(darwin || freebsd || linux || netbsd || openbsd)

package corpus

import (
	"fmt"
	"os"
)

// mapFile returns the content of the file at path, read into memory where this
// program does not map files.
func mapFile(path string) (data []byte, release func() error, err error) {
	data, err = os.ReadFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return data, func() error { return nil }, nil
}
