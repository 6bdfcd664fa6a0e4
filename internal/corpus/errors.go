package corpus

import (
	"errors"
	"fmt"
	"strings"
)

// ErrBadData is what errors.Is finds in every error that the content of an
// input causes: a corpus that is missing, empty, unreadable, binary, not
// UTF-8, truncated or corrupt, and a vocabulary that breaks its format.
var ErrBadData = errors.New("bad data")

// DataError says where an input is bad, what stands there and what should.
// errors.Is(err, ErrBadData) holds for each.
type DataError struct {
	Path     string // the file or folder, or a name for an input that has no path
	Line     int    // line number from 1; 0 where the fault has no line
	Offset   int64  // byte offset in the (decompressed) text; -1 where it has none
	Found    string
	Expected string
	Err      error // the cause below, or nil; errors.Is and errors.As see it
}

// Error returns one line: "PATH:LINE: found X, expected Y", without ":LINE"
// where there is none. A known offset follows what was found.
func (e *DataError) Error() string {
	at := oneLine(e.Path)
	if at == "" {
		at = `""` // a path that was given as nothing
	}
	if e.Line > 0 {
		at = fmt.Sprintf("%s:%d", at, e.Line)
	}
	found := oneLine(e.Found)
	if e.Offset >= 0 {
		found = fmt.Sprintf("%s at byte %d", found, e.Offset)
	}
	return fmt.Sprintf("%s: found %s, expected %s", at, found, oneLine(e.Expected))
}

// Is reports whether target is ErrBadData.
func (e *DataError) Is(target error) bool { return target == ErrBadData }

// Unwrap returns the cause, or nil.
func (e *DataError) Unwrap() error { return e.Err }

// badData returns a DataError that has neither line nor offset.
func badData(path, found, expected string) *DataError {
	return &DataError{Path: path, Offset: -1, Found: found, Expected: expected}
}

// badDataBecause is badData with a cause.
func badDataBecause(path, found, expected string, err error) *DataError {
	e := badData(path, found, expected)
	e.Err = err
	return e
}

// oneLine keeps a hostile file name or system message from breaking a line.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 {
			return '?'
		}
		return r
	}, s)
}
