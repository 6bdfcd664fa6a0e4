package checkpoint

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// LockName is the file that [Lock] keeps in a folder. It stays there, empty,
// after Unlock: removing it could let two runs hold one lock each.
const LockName = ".lock"

// FolderLock is a held lock.
type FolderLock struct{ file *flock.Flock }

// tries is how often Lock tries again.
const tries = 10

// Lock takes the folder dir, which must exist, for this run alone. It waits a tenth
// of a second at most. The system releases the lock when the process ends in any way. It
// wraps [ErrInUse] when another run, or this one, already holds it.
func Lock(dir string) (*FolderLock, error) {
	file := flock.New(filepath.Join(dir, LockName), flock.SetPermissions(0o666))
	ok, err := file.TryLock()
	for range tries { // one who asks whether it is held holds it for a moment
		if ok || err != nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
		ok, err = file.TryLock()
	}
	if err != nil {
		return nil, fmt.Errorf("locking the output folder: %w", err)
	}
	if !ok {
		return nil, fmt.Errorf("%s: %w", dir, ErrInUse)
	}
	return &FolderLock{file}, nil
}

// Held tells whether a process holds the lock of dir, and yes where that cannot be
// known. It makes no lock file, and is in nobody's way: Lock tries again.
func Held(dir string) bool {
	path := filepath.Join(dir, LockName)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return false
	}
	file := flock.New(path)
	ok, err := file.TryRLock()
	if !ok || err != nil {
		return true
	}
	return file.Unlock() != nil
}

// Unlock releases the folder.
func (l *FolderLock) Unlock() error { return l.file.Unlock() }
