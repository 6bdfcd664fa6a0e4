package checkpoint

import (
	"io"
	"os"
)

// FS is what [Save] and [Prune] do to a file system. Tests put a
// failing one in its place. Paths are as the caller built them.
type FS interface {
	// MkdirAll makes a folder and its parents; one that exists is no error.
	MkdirAll(path string) error
	// Mkdir makes a folder that must not exist.
	Mkdir(path string) error
	// Create makes a file that must not exist, for writing.
	Create(path string) (WriteSyncer, error)
	// SyncDir makes the entries of a folder durable.
	SyncDir(path string) error
	// Rename moves from to to, which must not exist. It is atomic.
	Rename(from, to string) error
	// RemoveAll removes a tree; a missing one is no error.
	RemoveAll(path string) error
}

// WriteSyncer is a file being written. Sync makes its content durable.
type WriteSyncer interface {
	io.WriteCloser
	Sync() error
}

// OS is the FS of the operating system.
type OS struct{}

// MkdirAll implements [FS].
func (OS) MkdirAll(path string) error { return os.MkdirAll(path, 0o777) }

// Mkdir implements [FS].
func (OS) Mkdir(path string) error { return os.Mkdir(path, 0o777) }

// Create implements [FS].
func (OS) Create(path string) (WriteSyncer, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
}

// SyncDir implements [FS].
func (OS) SyncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	err = d.Sync()
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	return err
}

// Rename implements [FS].
func (OS) Rename(from, to string) error { return os.Rename(from, to) }

// RemoveAll implements [FS].
func (OS) RemoveAll(path string) error { return os.RemoveAll(path) }
