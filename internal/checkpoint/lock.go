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
	return take(filepath.Join(dir, LockName), dir, (*flock.Flock).TryLock)
}

// LockShared takes the folder as Lock does, beside others that take it so: Lock and
// LockShared exclude each other.
func LockShared(dir string) (*FolderLock, error) {
	return take(filepath.Join(dir, LockName), dir, (*flock.Flock).TryRLock)
}

// LockFile takes a file as Lock takes a folder, and makes it where it is not there.
func LockFile(path string) (*FolderLock, error) {
	return take(path, path, (*flock.Flock).TryLock)
}

// AwaitFile is LockFile that waits until the lock is free.
func AwaitFile(path string) (*FolderLock, error) {
	return take(path, path, func(f *flock.Flock) (bool, error) { return true, f.Lock() })
}

// take takes the lock of a file with a function of it; what is what the lock is of.
func take(path, what string, try func(*flock.Flock) (bool, error)) (*FolderLock, error) {
	file := flock.New(path, flock.SetPermissions(0o666))
	ok, err := try(file)
	for range tries { // one who asks whether it is held holds it for a moment
		if ok || err != nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
		ok, err = try(file)
	}
	if err != nil {
		return nil, fmt.Errorf("locking %s: %w", what, err)
	}
	if !ok {
		return nil, fmt.Errorf("%s: %w", what, ErrInUse)
	}
	return &FolderLock{file}, nil
}

// Held tells whether a process holds the lock of dir, and yes where that cannot be
// known. It makes no lock file, and is in nobody's way: Lock tries again. Of LockShared's
// holders it knows nothing.
func Held(dir string) bool { return HeldFile(filepath.Join(dir, LockName)) }

// HeldFile is Held for the lock of a file.
func HeldFile(path string) bool {
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
