package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// What is committed is what the table makes.
func TestGeneratedFilesAreThoseOfTheTable(t *testing.T) {
	files, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join("..", "..", "..", filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: found other than the table of settings makes, expected what `go generate ./train` writes", name)
		}
	}
}
