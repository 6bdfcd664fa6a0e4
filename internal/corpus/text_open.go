package corpus

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// textReader reads the text of a file, whatever its compression.
type textReader struct {
	io.Reader
	closers []func() error // in the order of closing
}

// Close releases the decompressor and the file.
func (t *textReader) Close() error {
	var errs []error
	for _, closer := range t.closers {
		errs = append(errs, closer())
	}
	return errors.Join(errs...)
}

// openText opens the file at path and looks at its first bytes for the magic
// numbers of gzip and Zstandard. What is wrong with the compressed data is a
// DataError of this function or of a later Read.
func openText(path string) (*textReader, error) {
	f, err := openRegular(path, "a text file")
	if err != nil {
		return nil, err
	}
	raw := bufio.NewReaderSize(f, 1<<18)
	head, err := raw.Peek(4)
	if err != nil && err != io.EOF {
		f.Close()
		return nil, unreadable(path, err, "a text file")
	}
	t := &textReader{Reader: raw, closers: []func() error{f.Close}}
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(raw)
		if err != nil {
			f.Close()
			return nil, corrupt(path, "gzip", err)
		}
		t.Reader = &unpacked{path, "gzip", z}
		t.closers = append([]func() error{z.Close}, t.closers...)
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(raw, zstd.WithDecoderConcurrency(1))
		if err != nil {
			f.Close()
			return nil, corrupt(path, "Zstandard", err)
		}
		t.Reader = &unpacked{path, "Zstandard", z}
		t.closers = append([]func() error{func() error { z.Close(); return nil }}, t.closers...)
	}
	return t, nil
}

// unpacked turns the errors of a decompressor into DataErrors.
type unpacked struct {
	path, format string
	io.Reader
}

func (u *unpacked) Read(p []byte) (int, error) {
	n, err := u.Reader.Read(p)
	if err != nil && err != io.EOF {
		err = corrupt(u.path, u.format, err)
	}
	return n, err
}

// corrupt is the DataError of compressed data that does not unpack, or of the
// file below if that is what failed.
func corrupt(path, format string, err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return unreadable(path, err, "a text file")
	}
	found := fmt.Sprintf("corrupt %s data (%v)", format, err)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		found = fmt.Sprintf("truncated %s data", format)
	}
	e := badData(path, found, "a whole "+format+" stream")
	e.Err = err
	return e
}

// unreadable is the DataError of what the system would not let us read.
func unreadable(path string, err error, want string) error {
	var data *DataError
	if errors.As(err, &data) {
		return err // already says so
	}
	found := fmt.Sprintf("something that cannot be read (%v)", err)
	var pathErr *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		found = "nothing there"
	case errors.Is(err, fs.ErrPermission):
		found = "no permission to read it"
	case errors.As(err, &pathErr):
		found = fmt.Sprintf("something that cannot be read (%v)", pathErr.Err)
	}
	if _, lerr := os.Lstat(path); lerr == nil && errors.Is(err, fs.ErrNotExist) {
		found = "a symbolic link to nothing"
	}
	e := badData(path, found, want)
	e.Err = err
	return e
}
