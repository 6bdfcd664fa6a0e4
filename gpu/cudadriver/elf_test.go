package cudadriver

import (
	"os"
	"runtime"
	"testing"
)

// TestWhole: an ELF file of which a part is missing is none.
func TestWhole(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("this test binary is no ELF file")
	}
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	code, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !whole(code) {
		t.Error("found this program not whole")
	}
	for _, n := range []int{0, 4, 64, 4096, len(code) / 2, len(code) - 1} {
		if whole(code[:n]) {
			t.Errorf("found %d of %d bytes whole", n, len(code))
		}
	}
	if whole([]byte("\x7fELF and no more")) || whole([]byte(".version 8.0")) {
		t.Error("found text to be an ELF file")
	}
}

// FuzzWhole: no bytes end the process.
func FuzzWhole(f *testing.F) {
	f.Add([]byte("\x7fELF\x02\x01\x01"))
	f.Add(append([]byte("\x7fELF\x02\x01\x01\x33\x07"), make([]byte, 64)...))
	f.Fuzz(func(t *testing.T, code []byte) {
		if whole(code) && len(code) < 52 {
			t.Errorf("found %d bytes to be an ELF file", len(code))
		}
	})
}
