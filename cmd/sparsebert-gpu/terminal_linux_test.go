package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
)

// openTerminal makes a pseudo-terminal of 30 lines by 100 columns: what is
// written to the terminal is read from the screen.
func openTerminal(t *testing.T) (screen, terminal *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	t.Cleanup(func() { screen.Close() })
	control := func(request uintptr, argument unsafe.Pointer) {
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, screen.Fd(), request, uintptr(argument)); errno != 0 {
			t.Fatalf("ioctl %#x: %v", request, errno)
		}
	}
	var number, unlock uint32
	control(syscall.TIOCSPTLCK, unsafe.Pointer(&unlock))
	control(syscall.TIOCGPTN, unsafe.Pointer(&number))
	size := [4]uint16{30, 100}
	control(syscall.TIOCSWINSZ, unsafe.Pointer(&size))
	terminal, err = os.OpenFile("/dev/pts/"+strconv.Itoa(int(number)), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	t.Cleanup(func() { terminal.Close() })
	return screen, terminal
}

// onTerminal runs the program with a terminal for stderr until it ends, or, with
// a signal, until some steps are done and it has been sent. It returns all that
// the terminal was sent.
func onTerminal(t *testing.T, signal os.Signal, args ...string) string {
	t.Helper()
	screen, terminal := openTerminal(t)
	cmd := ourselves(t, args...)
	cmd.Stderr = terminal
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	terminal.Close()
	deadline := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer deadline.Stop()
	var sent bytes.Buffer
	part := make([]byte, 4096)
	for {
		n, err := screen.Read(part)
		sent.Write(part[:n])
		if signal != nil && strings.Contains(sent.String(), " left") {
			if err := cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			signal = nil
		}
		if err != nil { // an I/O error, once the program has closed its end
			if _, isPath := err.(*os.PathError); !isPath && err != io.EOF {
				t.Fatal(err)
			}
			break
		}
	}
	_ = cmd.Wait()
	return sent.String()
}

// A terminal shows the bar and, above it, all lines that a file would get.
func TestTerminal(t *testing.T) {
	in := newInputs(t)
	text := in.file("good.txt", goodText)
	args := quick(in.none("run"), "--corpus", text, "--vocab-size", "30", "--quiet=false")
	sent := onTerminal(t, nil, args...)
	for _, want := range []string{"step 6/6", "training", "step=2", "step=6", "eval", "saved"} {
		if !strings.Contains(sent, want) {
			t.Errorf("found %q, expected %q in it", sent, want)
		}
	}
	args = quick(in.none("long"), "--corpus", text, "--vocab-size", "30", "--quiet=false", "--max-steps", "1000000", "--logging-steps", "100000")
	sent = onTerminal(t, syscall.SIGINT, args...)
	for _, want := range []string{"SIGINT: stopping", "saved", "stopped after step"} {
		if !strings.Contains(sent, want) {
			t.Errorf("after a signal: found %q, expected %q in it", sent, want)
		}
	}
	if strings.Contains(sent, "\x1b[?25l") && !strings.Contains(sent, "\x1b[?25h") {
		t.Errorf("the cursor was hidden and not shown again: %q", sent)
	}
	sent = onTerminal(t, nil, "prepare", "--corpus", text, "--vocab-size", "30", "--out", filepath.Join(in.dir, "shards"))
	for _, want := range []string{"count words", "tokenize", "100 %"} {
		if !strings.Contains(sent, want) {
			t.Errorf("prepare: found %q, expected %q in it", sent, want)
		}
	}
}

// A terminal that goes away while a bar is drawn on it ends neither the run nor its saving.
func TestTerminalGone(t *testing.T) {
	in := newInputs(t)
	dir := in.none("run")
	screen, terminal := openTerminal(t)
	cmd := ourselves(t, quick(dir, "--corpus", in.file("good.txt", goodText), "--vocab-size", "30", "--quiet=false", "--max-steps", "400", "--logging-steps", "10")...)
	cmd.Stdout, cmd.Stderr = terminal, terminal
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	terminal.Close()
	deadline := time.AfterFunc(2*time.Minute, func() { _ = cmd.Process.Kill() })
	defer deadline.Stop()
	var sent bytes.Buffer
	for part := make([]byte, 4096); !strings.Contains(sent.String(), " left"); {
		n, err := screen.Read(part)
		if err != nil {
			t.Fatalf("%v after %q", err, sent.String())
		}
		sent.Write(part[:n])
	}
	screen.Close()
	if err := cmd.Wait(); err != nil {
		t.Errorf("found %v, expected a run that comes to its end", err)
	}
	if found, _, err := checkpoint.Resolve(dir); err != nil || found.Step != 400 {
		t.Errorf("found checkpoint %+v and error %v, expected that of step 400", found, err)
	}
}
