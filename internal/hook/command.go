package hook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/launcher"
)

// shown is how much of what a command says of its failure is kept.
const shown = 4096

// call runs the command with a line on its standard input. What it writes is dropped, but
// for the last line on standard error of one that fails.
func (h *Hook) call(line []byte, within time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	cmd := shell(ctx, h.command)
	var said tail
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(line), io.Discard, &said
	cmd.Env = launcher.Outside(os.Environ()) // it may start this program
	cmd.WaitDelay = time.Second / 10         // for what it started and left behind with its streams
	err := cmd.Run()
	if exit := cmd.ProcessState; exit != nil && exit.Success() && ctx.Err() == nil {
		return nil // also one that did not read its input, or left something behind
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("a command that goes on after %v", within.Round(time.Millisecond))
	}
	if err == nil {
		return nil
	}
	if text := said.line(); text != "" {
		return fmt.Errorf("%w (%.200s)", err, text)
	}
	return err
}

// tail keeps the end of what is written.
type tail struct{ text []byte }

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p...)
	if extra := len(t.text) - shown; extra > 0 {
		t.text = append(t.text[:0], t.text[extra:]...)
	}
	return len(p), nil
}

// line is the last line.
func (t *tail) line() string {
	lines := strings.Split(strings.TrimSpace(string(t.text)), "\n")
	return strings.ToValidUTF8(strings.TrimSpace(lines[len(lines)-1]), "?")
}
