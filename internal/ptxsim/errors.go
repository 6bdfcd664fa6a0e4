package ptxsim

import (
	"errors"
	"fmt"
)

// The faults that a launch or a call of Device can report, for errors.Is. A
// launch wraps them in a *Fault.
var (
	// ErrOutOfBounds: an access touches bytes outside every allocation or variable.
	ErrOutOfBounds = errors.New("out of bounds")
	// ErrMisaligned: an address is not a multiple of the size of the access.
	ErrMisaligned = errors.New("misaligned")
	// ErrUninitialized: what an undefined value decides, or a read of bytes whose cp.async was not waited for.
	ErrUninitialized = errors.New("uninitialized read")
	// ErrFreed: an access to an allocation after Free, or a second Free.
	ErrFreed = errors.New("use after free")
	// ErrReadOnly: a write to constant memory.
	ErrReadOnly = errors.New("write to constant memory")
	// ErrRace: two threads of a block touch a byte of shared memory, one of them
	// writes something new, and no barrier lies between; with Options.BlockRaces, two blocks do
	// so in global memory.
	ErrRace = errors.New("race")
	// ErrDivergent: threads that must execute a barrier or a warp-wide
	// instruction together did not.
	ErrDivergent = errors.New("divergent")
	// ErrDeadlock: every live thread of a block waits and none can go on.
	ErrDeadlock = errors.New("deadlock")
	// ErrTrap: the kernel executed trap.
	ErrTrap = errors.New("trap")
	// ErrLaunch: grid, block, shared memory or arguments do not fit the kernel or the device.
	ErrLaunch = errors.New("bad launch")
	// ErrLoad: Parse met text that is not PTX or that the simulator does not execute.
	ErrLoad = errors.New("cannot load PTX")
)

// Fault tells where a kernel went wrong.
type Fault struct {
	Kind          error  // one of the sentinel errors
	Kernel        string // name of the kernel
	File          string // name given to Parse
	Line          int    // line of the PTX text
	Block, Thread Dim3   // ctaid and tid of the thread
	Detail        string // what was found and expected
}

// Error returns one line with all of the fields.
func (f *Fault) Error() string {
	return fmt.Sprintf("%s:%d: kernel %s, block %v, thread %v: %v: %s", f.File, f.Line, f.Kernel, f.Block, f.Thread, f.Kind, f.Detail)
}

// Unwrap returns the kind.
func (f *Fault) Unwrap() error { return f.Kind }

// violation is why an access is refused.
type violation struct {
	kind   error
	detail string
}

func loadError(file string, line int, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %w: %s", file, line, ErrLoad, fmt.Sprintf(format, args...))
}
