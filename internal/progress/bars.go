// Package progress shows how far a command is: bars on a terminal, log lines elsewhere.
package progress

import (
	"io"
	"time"

	"github.com/vbauerster/mpb/v8"

	"github.com/sparsebert/sparsebert-gpu/train"
)

// barScreen returns w where bars are to be drawn on it, else nil.
func barScreen(w io.Writer, c train.Config) *Screen {
	s, ok := w.(*Screen)
	if !ok || !IsTerminal(s) || c.Quiet || c.JSONLogs {
		return nil
	}
	return s
}

// newBars makes a container of progress bars.
func newBars(out io.Writer, options ...mpb.ContainerOption) *mpb.Progress {
	standard := []mpb.ContainerOption{mpb.WithOutput(out), mpb.WithWidth(48), mpb.WithRefreshRate(200 * time.Millisecond)}
	return mpb.New(append(standard, options...)...)
}
