package progress

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// closedWriter is a bar that has ended.
type closedWriter struct{}

func (closedWriter) Write([]byte) (int, error) { return 0, errors.New("closed") }

func TestNoticesStandAboveTheBar(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stderr")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := &Screen{File: f}
	var above bytes.Buffer
	s.SetBar(&above)
	s.notify("while the bar is there")
	s.SetBar(closedWriter{})
	s.notify("after it has ended")
	s.SetBar(nil)
	s.notify("without one")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := "while the bar is there\n"; above.String() != want {
		t.Errorf("above the bar: found %q, expected %q", above.String(), want)
	}
	if want := "\nafter it has ended\n\nwithout one\n"; string(text) != want {
		t.Errorf("in the file: found %q, expected %q", text, want)
	}
}

// What a signal does is told in the command's own words, and as a log line where all lines are.
func TestStopping(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stderr")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := &Screen{File: f}
	s.Stopping("SIGINT")
	s.SetEnds("it ends")
	s.Stopping("SIGTERM")
	var log bytes.Buffer
	s.SetLog(NewLog(&log, false, true))
	s.Stopping("SIGINT")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := "\nSIGINT: " + onSignal + "\n\nSIGTERM: it ends\n"; string(text) != want {
		t.Errorf("in the file: found %q, expected %q", text, want)
	}
	if !strings.Contains(log.String(), `"message":"SIGINT: it ends"`) {
		t.Errorf("in the log: found %q", log.String())
	}
}
