package checkpoint

import (
	"errors"
	"fmt"
	"strconv"
)

var (
	// ErrCorrupt is wrapped by every error about a file whose content is not
	// what its format or its checksum demands: truncated, a flipped bit, a
	// malformed header, a missing or unexpected tensor.
	ErrCorrupt = errors.New("damaged or malformed file")

	// ErrNewer is wrapped when an intact checkpoint has a format version above
	// the one this program reads.
	ErrNewer = errors.New("written by a newer version")

	// ErrNone is wrapped when a folder holds no checkpoint that passes
	// verification.
	ErrNone = errors.New("no usable checkpoint")

	// ErrUnreadable is wrapped when the system does not let a checkpoint, or the
	// folder that holds the checkpoints, be read.
	ErrUnreadable = errors.New("checkpoint cannot be read")

	// ErrInUse is wrapped by [Lock] when another run holds the folder.
	ErrInUse = errors.New("folder in use by another run")
)

// FormatError says what is wrong with a file, in one line:
//
//	FILE: WHERE: found FOUND, expected EXPECTED
//
// errors.Is finds [ErrCorrupt] or [ErrNewer] through it, whichever applies.
type FormatError struct {
	File     string // path as the caller gave it
	Where    string // the part of the file, such as: tensor "encoder.0.q"
	Found    string
	Expected string
	kind     error
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("%s: %s: found %s, expected %s", e.File, e.Where, e.Found, e.Expected)
}

// Unwrap returns the sentinel that classifies the error.
func (e *FormatError) Unwrap() error { return e.kind }

func corrupt(file, where, found, expected string) error {
	return &FormatError{file, where, found, expected, ErrCorrupt}
}

// quote makes a string that came out of a file fit for one line of an error.
func quote(s string) string {
	const most = 80
	if len(s) > most {
		return strconv.QuoteToASCII(s[:most]) + "..."
	}
	return strconv.QuoteToASCII(s)
}

// inTensor is the position that an error about one tensor names.
func inTensor(name string) string { return "tensor " + quote(name) }
