package device

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"
	"testing"
)

// Whatever keeps the helper from starting is said with what would help.
func TestFailureOf(t *testing.T) {
	ended := errors.New("exit status 127")
	for _, c := range []struct {
		line string
		err  error
		says string
	}{
		{"x: error while loading shared libraries: libcuda.so.1: cannot open shared object file: No such file", ended, "found no libcuda.so.1 (cannot open shared object file), " + wantDriver},
		{"x: libcuda.so.1: invalid ELF header", ended, "found a broken libcuda.so.1 (invalid ELF header), " + wantDriver},
		{"x: symbol lookup error: x: undefined symbol: cuGraphNodeSetEnabled", ended, "it lacks cuGraphNodeSetEnabled"},
		{"x: version `GLIBC_2.38' not found (required by x)", ended, "expected glibc 2.38 or newer"},
		{"x: error while loading shared libraries: libx.so.3: cannot open shared object file", ended, "found no libx.so.3, expected it on this system"},
		{HelperName + ": found no NVIDIA GPU.", ended, "found no NVIDIA GPU"},
		{"", syscall.ENOEXEC, "found no program for this system and processor"},
		{"", fs.ErrNotExist, "found no loader for it"},
		{"", fs.ErrPermission, "found a file that this user may not run"},
		{"", ended, "ended without a word (exit status 127)"},
	} {
		if got := failureOf("/bin/"+HelperName, c.line, c.err); !strings.Contains(got, c.says) || strings.HasSuffix(got, ".") {
			t.Errorf("%q, %v: found %q, expected %q in it", c.line, c.err, got, c.says)
		}
	}
}
