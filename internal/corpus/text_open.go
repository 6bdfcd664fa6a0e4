package corpus

import (
	"errors"

	"github.com/sparsebert/sparsebert-gpu/internal/fileformat"
)

// textFile is what errors say was expected where text is read.
const textFile = "a text file"

// dataError is err as a DataError if a file's format, or the system, is to blame.
func dataError(err error) error {
	if e, ok := errors.AsType[*fileformat.Error](err); ok {
		return &DataError{Path: e.Path, Offset: -1, Found: e.Found, Expected: e.Expected, Err: e.Err}
	}
	return err
}

// unreadable is the DataError of what the system would not let us read.
func unreadable(path string, err error, want string) error {
	if _, ok := errors.AsType[*DataError](err); ok {
		return err // already says so
	}
	return dataError(fileformat.Unreadable(path, err, want))
}
