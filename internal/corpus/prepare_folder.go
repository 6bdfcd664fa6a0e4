package corpus

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// writeFolder lets write fill a temporary folder near out, then gives it out's
// name. Whatever fails, and if ctx ends before the renaming, nothing is left.
func writeFolder(ctx context.Context, out string, write func(folder string) error) (err error) {
	out, near := resolveOut(out)
	parent := filepath.Dir(out)
	temporary, err := os.MkdirTemp(near, ".prepare-*")
	if err != nil {
		return fmt.Errorf("making a temporary folder beside %s: %w", out, err)
	}
	defer func() {
		if rerr := os.RemoveAll(temporary); err == nil && rerr != nil {
			err = fmt.Errorf("removing the temporary folder of %s: %w", out, rerr)
		}
	}()
	// A folder in it, because MkdirTemp's own is closed to other users.
	folder := filepath.Join(temporary, "shards")
	if err := os.Mkdir(folder, 0o777); err != nil {
		return err
	}
	if err := write(folder); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := syncFolder(folder); err != nil {
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
	return syncFolder(parent)
}

// resolveOut follows a link and returns the folder to write, with the nearest
// folder above it that exists: surely on the same disk.
func resolveOut(path string) (out, near string) {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	out = filepath.Clean(path)
	near = filepath.Dir(out)
	for {
		if _, err := os.Stat(near); err == nil || near == filepath.Dir(near) {
			return out, near
		}
		near = filepath.Dir(near)
	}
}

// checkWritable makes and removes the folder that writeFolder begins with, so
// that hours of reading do not end with a folder that cannot be written.
func checkWritable(path string) error {
	_, near := resolveOut(path)
	temporary, err := os.MkdirTemp(near, ".prepare-*")
	if err == nil {
		err = os.Remove(temporary)
	}
	if err == nil {
		return nil
	}
	cause := err
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		cause = pathErr.Err
	}
	e := badData(near, fmt.Sprintf("a folder that cannot be written to (%v)", cause), "a writable one for "+path)
	e.Err = err
	return e
}

// syncFolder makes the names in a folder durable, where the system can.
func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("syncing %s: %w", path, err)
	}
	defer f.Close()
	// Some systems cannot sync a folder; the data itself has been synced.
	_ = f.Sync()
	return nil
}
