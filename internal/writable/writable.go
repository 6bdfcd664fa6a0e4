// Package writable says whether files can be made in a folder. Permission bits do not tell: the
// file system may be read-only, and root is above them. So it makes a file and removes it.
package writable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// prefix is how the names of the files begin.
const prefix = ".writable-"

// Check makes an empty file in the folder dir and removes it. It returns what the system says where
// it cannot, without the file's name. A process that is killed in between leaves the file.
func Check(dir string) error {
	f, err := os.CreateTemp(dir, prefix+"*")
	if err != nil {
		return reason(err)
	}
	return errors.Join(reason(f.Close()), reason(os.Remove(f.Name())))
}

// Nearest returns path where it exists, else the nearest folder above it that does: where path would
// be made. A file in the way, or a folder that may not be looked into, counts as existing.
func Nearest(path string) string {
	path = filepath.Clean(path)
	for {
		_, err := os.Stat(path)
		above := filepath.Dir(path)
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) || above == path {
			return path
		}
		path = above
	}
}

// IsLeft says whether name, without its folder, is that of a file of [Check]: one that a killed
// process left, or that of a check which another process makes now.
func IsLeft(name string) bool { return strings.HasPrefix(name, prefix) }

// reason is what the system says, without the name of a file that is not the user's.
func reason(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}
