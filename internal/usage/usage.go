// Package usage marks errors that the user can mend: a wrong flag, a file that is not there, a
// device that the machine lacks. The program ends with exit code 2 for them.
package usage

import (
	"errors"
	"fmt"
)

// Err is what marked errors are.
var Err = errors.New("bad usage")

// Errorf formats an error as fmt.Errorf does and marks it.
func Errorf(format string, args ...any) error { return Mark(fmt.Errorf(format, args...)) }

// Mark marks an error and leaves its text as it is. It returns nil for nil.
func Mark(err error) error {
	if err == nil {
		return nil
	}
	return marked{err}
}

// Is says whether err, or an error that it wraps, is marked.
func Is(err error) bool { return errors.Is(err, Err) }

type marked struct{ error }

func (m marked) Unwrap() error        { return m.error }
func (m marked) Is(target error) bool { return target == Err }
