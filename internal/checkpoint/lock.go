package checkpoint

import (
	"fmt"
	"path/filepath"

	"github.com/gofrs/flock"
)

// LockName is the file that [Lock] keeps in a folder. It stays there, empty,
// after Unlock: removing it could let two runs hold one lock each.
const LockName = ".lock"

// FolderLock is a held lock.
type FolderLock struct{ file *flock.Flock }

// Lock takes the folder dir, which must exist, for this run alone, without
// waiting. The system releases the lock when the process ends in any way. It
// wraps [ErrInUse] when another run, or this one, already holds it.
func Lock(dir string) (*FolderLock, error) {
	file := flock.New(filepath.Join(dir, LockName))
	ok, err := file.TryLock()
	if err != nil {
		return nil, fmt.Errorf("locking the output folder: %w", err)
	}
	if !ok {
		return nil, fmt.Errorf("%s: %w", dir, ErrInUse)
	}
	return &FolderLock{file}, nil
}

// Unlock releases the folder.
func (l *FolderLock) Unlock() error { return l.file.Unlock() }
