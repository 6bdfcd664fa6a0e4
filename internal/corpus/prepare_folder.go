package corpus

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// writeFolder lets write fill a temporary folder near out, then gives it out's
// name. Whatever fails, and if ctx ends before the renaming, nothing is left.
func writeFolder(ctx context.Context, out string, write func(folder string) error) (err error) {
	if target, err := filepath.EvalSymlinks(out); err == nil {
		out = target
	}
	parent := filepath.Dir(filepath.Clean(out))
	near := parent // the nearest folder that exists: surely on the same disk
	for {
		if _, err := os.Stat(near); err == nil || near == filepath.Dir(near) {
			break
		}
		near = filepath.Dir(near)
	}
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
	if err := ctx.Err(); err != nil {
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
