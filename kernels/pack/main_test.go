package main

import (
	"archive/zip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/kernels"
)

// write writes a file below a folder and returns its path.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestPack: each code is found under the hash of its PTX, and the same folder makes the same bytes.
func TestPack(t *testing.T) {
	ptx, cubins := t.TempDir(), t.TempDir()
	codes := map[string]string{}
	for _, name := range []string{"a", "b"} {
		write(t, ptx, name+".ptx", "text of "+name)
		codes["text of "+name] = "\x7fELF" + strings.Repeat(name, 1000)
		write(t, cubins, name+".cubin", codes["text of "+name])
	}
	var made [2]string
	for i := range made {
		out := filepath.Join(t.TempDir(), "made.zip")
		if err := pack(out, ptx, cubins); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		made[i] = string(text)
		archive, err := zip.OpenReader(out)
		if err != nil {
			t.Fatal(err)
		}
		defer archive.Close()
		if len(archive.File) != 2 {
			t.Errorf("found %d entries, expected 2", len(archive.File))
		}
		for text, code := range codes {
			f, err := archive.Open(kernels.CubinEntry([]byte(text)))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(f); err != nil || string(got) != code {
				t.Errorf("%s: found %d bytes and error %v, expected %d", text, len(got), err, len(code))
			}
		}
	}
	if made[0] != made[1] {
		t.Error("found two archives of one folder, expected equal bytes")
	}
	if len(made[0]) > 1000 {
		t.Errorf("found %d bytes, expected them compressed", len(made[0]))
	}
}

// TestPackRefuses what is no machine code, or has no PTX.
func TestPackRefuses(t *testing.T) {
	for what, fill := range map[string]func(ptx, cubins string){
		"found no .cubin": func(string, string) {},
		"found no ELF":    func(ptx, cubins string) { write(t, ptx, "a.ptx", "text"); write(t, cubins, "a.cubin", "text") },
		"no such file":    func(_, cubins string) { write(t, cubins, "a.cubin", "\x7fELF") },
	} {
		ptx, cubins := t.TempDir(), t.TempDir()
		fill(ptx, cubins)
		if err := pack(filepath.Join(ptx, "out"), ptx, cubins); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("found error %v, expected %q", err, what)
		}
	}
}
