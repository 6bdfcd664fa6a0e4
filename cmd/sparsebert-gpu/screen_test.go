package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
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
	s := &screen{File: f}
	var above bytes.Buffer
	s.setBar(&above)
	s.notify("while the bar is there")
	s.setBar(closedWriter{})
	s.notify("after it has ended")
	s.setBar(nil)
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
