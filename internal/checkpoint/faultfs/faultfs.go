// Package faultfs is a checkpoint.FS that fails on purpose: at a chosen
// operation, in a chosen way. Tests walk the fault through every operation of
// a save and look at what is left on disk.
package faultfs

import (
	"errors"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
)

// Mode is the way in which an operation fails.
type Mode int

const (
	// Fail returns Err and does nothing; a Write first writes half its bytes,
	// as a disk does that fills up.
	Fail Mode = iota
	// Short makes a Write take half its bytes and report no error, against
	// the contract of io.Writer. Other operations fail as under Fail.
	Short
	// Crash fails like Fail, and so does every operation after it: nothing
	// more reaches the disk, as after a kill or a power cut.
	Crash
)

// ErrCrash is returned by the operations after a Crash.
var ErrCrash = errors.New("operation after a simulated crash")

// FS counts its operations and fails the one numbered At (from 1; 0: none).
// Err must be set where At is. It is for one goroutine.
type FS struct {
	Base checkpoint.FS
	At   int
	Mode Mode
	Err  error

	Ops  []string // the operations so far: "write PATH", "rename PATH", ...
	dead bool
}

// next counts an operation and says whether it fails.
func (f *FS) next(op, path string) error {
	f.Ops = append(f.Ops, op+" "+path)
	if f.dead {
		return ErrCrash
	}
	if len(f.Ops) != f.At {
		return nil
	}
	f.dead = f.Mode == Crash
	return f.Err
}

// MkdirAll implements checkpoint.FS.
func (f *FS) MkdirAll(path string) error {
	if err := f.next("mkdirall", path); err != nil {
		return err
	}
	return f.Base.MkdirAll(path)
}

// Mkdir implements checkpoint.FS.
func (f *FS) Mkdir(path string) error {
	if err := f.next("mkdir", path); err != nil {
		return err
	}
	return f.Base.Mkdir(path)
}

// SyncDir implements checkpoint.FS.
func (f *FS) SyncDir(path string) error {
	if err := f.next("syncdir", path); err != nil {
		return err
	}
	return f.Base.SyncDir(path)
}

// Rename implements checkpoint.FS.
func (f *FS) Rename(from, to string) error {
	if err := f.next("rename", from); err != nil {
		return err
	}
	return f.Base.Rename(from, to)
}

// RemoveAll implements checkpoint.FS.
func (f *FS) RemoveAll(path string) error {
	if err := f.next("removeall", path); err != nil {
		return err
	}
	return f.Base.RemoveAll(path)
}

// Create implements checkpoint.FS.
func (f *FS) Create(path string) (checkpoint.WriteSyncer, error) {
	if err := f.next("create", path); err != nil {
		return nil, err
	}
	file, err := f.Base.Create(path)
	if err != nil {
		return nil, err
	}
	return &faultFile{file, f, path}, nil
}

type faultFile struct {
	checkpoint.WriteSyncer
	fs   *FS
	path string
}

func (w *faultFile) Write(p []byte) (int, error) {
	crashed := w.fs.dead
	err := w.fs.next("write", w.path)
	switch {
	case err == nil:
		return w.WriteSyncer.Write(p)
	case crashed:
		return 0, err
	}
	n, werr := w.WriteSyncer.Write(p[:len(p)/2])
	if werr != nil {
		return n, werr
	}
	if w.fs.Mode == Short {
		return n, nil
	}
	return n, err
}

func (w *faultFile) Sync() error {
	if err := w.fs.next("sync", w.path); err != nil {
		return err
	}
	return w.WriteSyncer.Sync()
}

// Close closes the file in every case, so that no test runs out of handles.
func (w *faultFile) Close() error {
	err := w.fs.next("close", w.path)
	if cerr := w.WriteSyncer.Close(); err == nil {
		err = cerr
	}
	return err
}
