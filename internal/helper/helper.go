// Package helper finds the other builds of this program that stand beside it, the helper binaries,
// and becomes one: sparsebert-gpu-cuda for NVIDIA GPUs, sparsebert-gpu-mpi for several processes.
// The plain build needs no library of the system; they do.
package helper

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// Path is where the helper binary of a name stands if it is there.
func Path(name string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this program's file: %w", err)
	}
	return filepath.Join(filepath.Dir(self), name), nil
}

// Missing says why path is no file that can be run, or "". built says how to get one.
func Missing(path, built string) string {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Sprintf("found no %s, expected it beside this program in %s; %s", filepath.Base(path), filepath.Dir(path), built)
	case err != nil:
		return fmt.Sprintf("%s: %v, expected the program beside this one", path, err)
	case !info.Mode().IsRegular():
		return fmt.Sprintf("%s: found %s, expected the program beside this one", path, kindOf(info.Mode()))
	case info.Mode()&0o111 == 0:
		return fmt.Sprintf("%s: found a file that may not be run, expected a program; chmod +x", path)
	}
	return ""
}

// kindOf names what is in a program's place.
func kindOf(m os.FileMode) string {
	if m.IsDir() {
		return "a folder"
	}
	return "no regular file"
}

// Become runs the program at path with the arguments and the environment of this one, in its place.
// It returns only where that fails.
func Become(path string) error {
	if err := syscall.Exec(path, append([]string{path}, os.Args[1:]...), os.Environ()); err != nil {
		return fmt.Errorf("start %s: %w", path, err)
	}
	return nil // not reached
}
