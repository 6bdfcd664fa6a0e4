package progress

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/rs/zerolog"
	"golang.org/x/term"
)

// Screen is standard error with, at times, a progress bar at its end.
type Screen struct {
	*os.File
	mu    sync.Mutex
	above io.Writer       // writes above the bar; nil while there is none
	ends  string          // what a signal does now; "": see onSignal
	log   *zerolog.Logger // takes the notices where all lines are to be JSON; else nil
}

// SetBar says that what is written to above appears above a bar; nil ends that.
func (s *Screen) SetBar(above io.Writer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.above = above
}

// SetLog makes notices lines of a log.
func (s *Screen) SetLog(log zerolog.Logger) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = &log
}

// onSignal is what a signal does, unless a command says otherwise.
const onSignal = "stopping; a step in progress is finished and saved first; once more, after two seconds, to exit at once without saving"

// SetEnds says what a signal does from now on.
func (s *Screen) SetEnds(ends string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ends = ends
}

// Stopping tells that a signal has come.
func (s *Screen) Stopping(signal string) {
	s.mu.Lock()
	ends := cmp.Or(s.ends, onSignal)
	s.mu.Unlock()
	s.notify(signal + ": " + ends)
}

// Lost tells that a second signal ends the program at once.
func (s *Screen) Lost(signal string) {
	s.notify(signal + " again: ended at once; nothing was saved since the last checkpoint")
}

// notify writes a line from any goroutine, above the bar where there is one: the
// bar would wipe out what is written below it.
func (s *Screen) notify(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.log != nil {
		s.log.Warn().Msg(line)
		return
	}
	if s.above != nil {
		if _, err := fmt.Fprintln(s.above, line); err == nil {
			return
		}
	}
	fmt.Fprintf(s.File, "\n%s\n", line) // what the terminal echoed of the key stands on the line before
}

// IsTerminal tells whether w is a terminal.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(interface{ Fd() uintptr })
	return ok && term.IsTerminal(int(f.Fd()))
}
