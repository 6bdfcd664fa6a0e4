package fileformat

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
)

// Error says what is wrong with a file as a whole.
type Error struct {
	Path            string
	Found, Expected string
	Err             error // the cause below, or nil; errors.Is and errors.As see it
}

// Error returns "PATH: found X, expected Y".
func (e *Error) Error() string {
	return fmt.Sprintf("%s: found %s, expected %s", e.Path, e.Found, e.Expected)
}

// Unwrap returns the cause, or nil.
func (e *Error) Unwrap() error { return e.Err }

// bom is the byte order mark of UTF-8.
const bom = "\xef\xbb\xbf"

// File is what a file holds below its compression.
type File struct {
	// Reader gives the content, without UTF-8's byte order mark. Errors of the
	// compressed data and of the system are *Error.
	io.Reader

	Compression Format // Unknown where there is none
	Content     Format // one of those that the reader asked for, or Unknown
	Head        []byte // the first bytes of the content, at most SniffLen
	Skipped     int64  // bytes of the byte order mark: 0 or 3

	closers []func() error
}

// Close releases the decompressor and the file.
func (f *File) Close() error {
	var errs []error
	for _, closer := range f.closers {
		errs = append(errs, closer())
	}
	return errors.Join(errs...)
}

// OnClose lets Close call closer, too, behind all others.
func (f *File) OnClose(closer func() error) { f.closers = append(f.closers, closer) }

// Open opens the file at path for a reader of Unknown, as a rule text, and of the
// formats in accept, and reads it through its compression. want is what the reader
// expects, for errors: "a vocabulary file". A named pipe is opened too.
//
// The error is an *Error: a path that is missing, a folder or not readable,
// compressed data that does not begin well or needs more than MaxWindow of memory,
// and a format that is not in accept.
func Open(path, want string, accept ...Format) (*File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, Unreadable(path, err, want)
	}
	if mode := info.Mode(); !mode.IsRegular() && mode&fs.ModeNamedPipe == 0 {
		return nil, &Error{Path: path, Found: KindOf(mode), Expected: want}
	}
	raw, err := os.Open(path)
	if err != nil {
		return nil, Unreadable(path, err, want)
	}
	f, err := NewReader(path, want, raw, accept...)
	if err != nil {
		raw.Close()
		return nil, err
	}
	f.closers = append(f.closers, raw.Close)
	return f, nil
}

// NewReader is Open on a stream that is open already, which stays the caller's to
// close; name stands for it in errors.
func NewReader(name, want string, r io.Reader, accept ...Format) (*File, error) {
	raw, head, err := peek(name, want, r)
	if err != nil {
		return nil, err
	}
	f := &File{Reader: &reader{raw, name, want}, Content: Sniff(head), Head: head}
	if open, ok := decompressors[f.Content]; ok && !slices.Contains(accept, f.Content) {
		f.Compression = f.Content
		plain, closer, err := open(raw)
		if err != nil {
			return nil, corrupt(name, f.Compression, err)
		}
		f.closers = append(f.closers, closer)
		if raw, f.Head, err = peek(name, want, &unpacked{plain, name, f.Compression, want}); err != nil {
			_ = f.Close() // err is what to tell
			return nil, err
		}
		f.Reader, f.Content = raw, Sniff(f.Head)
		if f.Content == Parquet { // its reader needs to go to and fro in it
			accept = nil
		}
	}
	if err := f.check(name, want, accept); err != nil {
		_ = f.Close()
		return nil, err
	}
	if bytes.HasPrefix(f.Head, []byte(bom)) {
		n, _ := raw.Discard(len(bom)) // they have been peeked
		f.Head, f.Skipped = f.Head[n:], int64(n)
	}
	return f, nil
}

func (f *File) check(name, want string, accept []Format) error {
	err := Check(name, want, f.Head, accept...)
	if e, ok := err.(*Error); ok && f.Compression != Unknown {
		e.Found = fmt.Sprintf("%s inside %s", e.Found, f.Compression)
	}
	return err
}

// Check refuses, with an *Error, what begins with head if that is of a known format
// which is not in accept. It is for files that are not read from their beginning
// on, such as weights.
func Check(name, want string, head []byte, accept ...Format) error {
	f := Sniff(head)
	if f == Unknown || slices.Contains(accept, f) {
		return nil
	}
	e := &Error{Path: name, Found: f.String(), Expected: want}
	if r := f.Remedy(); r != "" {
		e.Expected += ": " + r
	}
	return e
}

// CheckFile is Check on the first bytes of the regular file at path. What cannot be
// read is an *Error, too.
func CheckFile(path, want string, accept ...Format) error {
	raw, err := os.Open(path)
	if err != nil {
		return Unreadable(path, err, want)
	}
	defer raw.Close()
	_, head, err := peek(path, want, raw)
	if err != nil {
		return err
	}
	return Check(path, want, head, accept...)
}

// ReadFile returns the whole content of the file at path, as Open gives it, if it
// has at most limit bytes.
func ReadFile(path, want string, limit int64, accept ...Format) ([]byte, error) {
	f, err := Open(path, want, accept...)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, &Error{Path: path, Found: fmt.Sprintf("more than %d bytes", limit), Expected: want}
	}
	return data, nil
}

// peek returns the first bytes of r, and a reader of all of them.
func peek(name, want string, r io.Reader) (*bufio.Reader, []byte, error) {
	raw := bufio.NewReaderSize(r, 1<<18)
	head, err := raw.Peek(SniffLen)
	if err != nil && err != io.EOF {
		return nil, nil, Unreadable(name, err, want)
	}
	return raw, slices.Clone(head), nil
}

// reader names the file in the system's errors.
type reader struct {
	io.Reader
	name, want string
}

func (r *reader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && err != io.EOF {
		err = Unreadable(r.name, err, r.want)
	}
	return n, err
}

// Unreadable is the *Error of what the system would not let us open or read; err
// itself if it is an *Error.
func Unreadable(path string, err error, want string) error {
	if _, ok := errors.AsType[*Error](err); ok {
		return err // already says so
	}
	found := fmt.Sprintf("something that cannot be read (%v)", err)
	pathErr, ok := errors.AsType[*fs.PathError](err)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		found = "nothing there"
	case errors.Is(err, fs.ErrPermission):
		found = "no permission to read it"
	case ok:
		found = fmt.Sprintf("something that cannot be read (%v)", pathErr.Err)
	}
	if _, lerr := os.Lstat(path); lerr == nil && errors.Is(err, fs.ErrNotExist) {
		found = "a symbolic link to nothing"
	}
	return &Error{Path: path, Found: found, Expected: want, Err: err}
}

// KindOf names what is neither a regular file nor wanted.
func KindOf(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a folder"
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	}
	return fmt.Sprintf("a special file (%s)", mode)
}
