// Package atomicdir makes an output folder that is either whole or not there,
// whatever stops the program: it is filled under a temporary name near by, synced
// to disk and renamed.
package atomicdir

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sparsebert/sparsebert-gpu/internal/writable"
)

// Error says why a folder cannot be made where the user wants it. Nothing has
// been written then.
type Error struct {
	Path            string
	Found, Expected string
	Err             error // the cause below, or nil
}

// Error returns one line: "PATH: found X, expected Y".
func (e *Error) Error() string {
	return fmt.Sprintf("%s: found %s, expected %s", e.Path, e.Found, e.Expected)
}

// Unwrap returns the cause, or nil.
func (e *Error) Unwrap() error { return e.Err }

// Check returns an [*Error] unless path is free or an empty folder, and can be
// written to. It is for the beginning of a command, so that hours of reading do
// not end with a folder that cannot be written.
func Check(path string) error {
	const free = "a folder that does not exist or is empty"
	if path == "" {
		return &Error{Path: "output folder", Found: "no name", Expected: free}
	}
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		return checkWritable(path)
	}
	if err != nil {
		return &Error{path, systemError(err).Error(), free, err}
	}
	defer f.Close()
	switch names, err := f.Readdirnames(1); {
	case err == io.EOF:
		return checkWritable(path)
	case err != nil:
		return &Error{Path: path, Found: "something that is no folder", Expected: free}
	default:
		return &Error{Path: path, Found: "a folder that holds " + names[0], Expected: "one that does not exist or is empty"}
	}
}

// temporaryName is what the temporary folders are called.
const temporaryName = ".new-folder-*"

// Write lets fill fill a temporary folder near out, then gives it out's name.
// Whatever fails, and if ctx ends before the renaming, nothing is left. It
// returns fill's error as it is, and the cause of ctx's end. Call [Check] first.
func Write(ctx context.Context, out string, fill func(folder string) error) (err error) {
	out, near := resolve(out)
	temporary, err := os.MkdirTemp(near, temporaryName)
	if err != nil {
		return fmt.Errorf("making a temporary folder beside %s: %w", out, err)
	}
	defer func() {
		if rerr := os.RemoveAll(temporary); err == nil && rerr != nil {
			err = fmt.Errorf("removing the temporary folder of %s: %w", out, rerr)
		}
	}()
	// A folder in it, because MkdirTemp's own is closed to other users.
	folder := filepath.Join(temporary, "folder")
	if err := os.Mkdir(folder, 0o777); err != nil {
		return err
	}
	if err := fill(folder); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return place(folder, out)
}

// place syncs the folder and renames it to out.
func place(folder, out string) error {
	parent := filepath.Dir(out)
	if err := sync(folder); err != nil {
		return err
	}
	if err := os.MkdirAll(parent, 0o777); err != nil {
		return fmt.Errorf("making the folder above %s: %w", out, err)
	}
	// Not every system renames onto an empty folder. Remove refuses one that
	// has been filled meanwhile.
	if info, err := os.Lstat(out); err == nil && info.IsDir() {
		if err := os.Remove(out); err != nil {
			return fmt.Errorf("replacing the empty %s: %w", out, err)
		}
	}
	if err := os.Rename(folder, out); err != nil {
		return fmt.Errorf("naming the finished folder %s: %w", out, err)
	}
	return sync(parent)
}

// WriteFile makes the file at path, lets write fill it and syncs it to disk.
func WriteFile(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return fmt.Errorf("making a file: %w", err)
	}
	w := bufio.NewWriterSize(f, 1<<16)
	err = write(w)
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Base(path), err)
	}
	return nil
}

// resolve follows a link and returns the folder to write, with the nearest folder
// above it that exists: surely on the same disk.
func resolve(path string) (out, near string) {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	out = filepath.Clean(path)
	return out, writable.Nearest(filepath.Dir(out))
}

// checkWritable says whether Write can begin.
func checkWritable(path string) error {
	_, near := resolve(path)
	err := writable.Check(near)
	if err == nil {
		return nil
	}
	return &Error{near, fmt.Sprintf("a folder that cannot be written to (%v)", err), "a writable one for " + path, err}
}

// systemError returns what the system said, without the path.
func systemError(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// sync makes the names in a folder durable, where the system can.
func sync(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("syncing %s: %w", path, err)
	}
	defer f.Close()
	// Some systems cannot sync a folder; the data itself has been synced.
	_ = f.Sync()
	return nil
}
