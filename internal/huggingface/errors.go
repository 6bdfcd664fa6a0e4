package huggingface

import (
	"errors"
	"fmt"
	"strconv"
)

// ErrFormat is wrapped by every error about a folder that is not what this package
// can read: a missing file or tensor, another architecture, a shape that is not
// what the configuration says, a number that is not finite.
var ErrFormat = errors.New("unusable Hugging Face folder")

// FormatError says what is wrong, in one line:
//
//	FILE: WHERE: found FOUND, expected EXPECTED
//
// errors.Is finds ErrFormat through it.
type FormatError struct {
	File, Where     string // Where may be empty
	Found, Expected string
}

func (e *FormatError) Error() string {
	if e.Where == "" {
		return fmt.Sprintf("%s: found %s, expected %s", e.File, e.Found, e.Expected)
	}
	return fmt.Sprintf("%s: %s: found %s, expected %s", e.File, e.Where, e.Found, e.Expected)
}

// Is reports whether target is ErrFormat.
func (e *FormatError) Is(target error) bool { return target == ErrFormat }

// quote makes a string that came out of a file fit for one line of an error.
func quote(s string) string {
	const most = 80
	if len(s) > most {
		return strconv.QuoteToASCII(s[:most]) + "..."
	}
	return strconv.QuoteToASCII(s)
}
