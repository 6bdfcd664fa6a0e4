package host

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// The file system of a folder that is there has a size, that of one that is not is not
// known.
func TestFreeBytes(t *testing.T) {
	if runtime.GOOS == "windows" || runtime.GOOS == "plan9" {
		t.Skipf("%s does not tell the free space", runtime.GOOS)
	}
	dir := t.TempDir()
	before := FreeBytes(dir)
	if before <= 0 {
		t.Fatalf("found %d bytes free in %s", before, dir)
	}
	if got := FreeBytes(filepath.Join(dir, "gone")); got != -1 {
		t.Errorf("found %d bytes free in a folder that is not there, expected -1", got)
	}
}

// The peak never falls, and holds memory that the process has touched.
func TestPeakBytes(t *testing.T) {
	before := PeakBytes()
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" {
		t.Skipf("%s does not tell the peak", runtime.GOOS)
	}
	touched := make([]byte, 64<<20)
	for i := range touched {
		touched[i] = byte(i)
	}
	if after := PeakBytes(); after < before || after < int64(len(touched)) {
		t.Errorf("found a peak of %d bytes after %d, expected at least the %d just touched", after, before, len(touched))
	}
	runtime.KeepAlive(touched)
}

// The name is what /proc/cpuinfo says, where there is one.
func TestCPUName(t *testing.T) {
	text, err := os.ReadFile("/proc/cpuinfo")
	name := CPUName()
	if err != nil && name != "" || strings.ContainsAny(name, "\n\t") || name != strings.TrimSpace(name) {
		t.Errorf("found %q (%v), expected a name on one line", name, err)
	}
	if strings.Contains(string(text), "\nmodel name") && (name == "" || !strings.Contains(string(text), name)) {
		t.Errorf("found %q, expected the model name of /proc/cpuinfo", name)
	}
}
