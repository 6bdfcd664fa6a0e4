package exit

import (
	"fmt"
	"io"
	"sync"
)

// Output is a command's standard output. It remembers the first write that failed, so that a table
// that went nowhere is no success, whether or not the command looked. [KeepWriting] takes it back.
type Output struct {
	to     io.Writer
	mu     sync.Mutex
	failed error
}

// NewOutput returns an output on w.
func NewOutput(w io.Writer) *Output { return &Output{to: w} }

// Write implements io.Writer.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, err := o.to.Write(p)
	if err != nil && o.failed == nil {
		o.failed = err
	}
	return n, err
}

// Err returns the first error of a write.
func (o *Output) Err() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.failed == nil {
		return nil
	}
	return fmt.Errorf("standard output: %w", o.failed)
}

// KeepWriting lets the program live when nobody reads its output any more, or there is no room for
// it, and returns a writer on w whose writes never fail. It is for commands whose work is worth
// more than their words.
func KeepWriting(w io.Writer) io.Writer {
	ignorePipe()
	if o, ok := w.(*Output); ok {
		w = o.to
	}
	return unfailing{w}
}

// unfailing is a writer that drops what cannot be written.
type unfailing struct{ to io.Writer }

// Write implements io.Writer.
func (u unfailing) Write(p []byte) (int, error) {
	_, _ = u.to.Write(p)
	return len(p), nil
}
