package preflight

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// expect compares a line with the words that it must hold, in this order.
func expect(t *testing.T, line string, words ...string) {
	t.Helper()
	if strings.Contains(line, "\n") {
		t.Errorf("found %q, expected one line", line)
	}
	rest := line
	for _, w := range words {
		_, after, ok := strings.Cut(rest, w)
		if !ok {
			t.Errorf("found %q, expected %q in it", line, words)
			return
		}
		rest = after
	}
}

func TestOldDriver(t *testing.T) {
	defer func(file string) { releaseFile = file }(releaseFile)
	releaseFile = filepath.Join(t.TempDir(), "version")
	expect(t, oldDriver(12020), "found a driver for CUDA 12.2, expected", "550", "update the driver")
	if err := os.WriteFile(releaseFile, []byte("535.129.03\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	expect(t, oldDriver(11080), "found driver 535.129.03 for CUDA 11.8, expected")
	for _, enough := range []int{12040, 12080, 13000} {
		if line := oldDriver(enough); line != "" {
			t.Errorf("%d: found %q", enough, line)
		}
	}
}

func TestOldGPU(t *testing.T) {
	old, older, good := GPU{"T4", "GPU-1", 7, 5}, GPU{"V100", "GPU-2", 7, 0}, GPU{"A100", "GPU-3", 8, 0}
	expect(t, OldGPU(old, nil), "found T4 with compute capability 7.5, expected", "8.0 or newer")
	expect(t, OldGPU(old, []GPU{older, good}), "this machine's A100 would do: set CUDA_VISIBLE_DEVICES=GPU-3")
	if line := OldGPU(old, []GPU{older}); strings.Contains(line, "would do") {
		t.Errorf("found %q", line)
	}
	for _, g := range []GPU{good, {"H100", "", 9, 0}, {"B200", "", 10, 0}} {
		if line := OldGPU(g, nil); line != "" {
			t.Errorf("%s: found %q", g.Name, line)
		}
	}
}

// Every hint says what was found and what was expected, in one line.
func TestHint(t *testing.T) {
	for code := range 1100 {
		if hint := Hint(code); hint != "" {
			expect(t, hint, "found ", "expected ")
		}
	}
	for _, c := range []struct {
		code int
		says string
	}{
		{34, "LD_LIBRARY_PATH"}, {222, "update the driver"}, {803, "restart the machine"},
		{221, "NVIDIA_DRIVER_CAPABILITIES"}, {2, "stop what else uses it"}, {46, "another process"},
	} {
		expect(t, Hint(c.code), c.says)
	}
	t.Setenv("CUDA_VISIBLE_DEVICES", "7")
	expect(t, Hint(100), `found no GPU with CUDA_VISIBLE_DEVICES="7", expected`, "unset it")
	os.Unsetenv("CUDA_VISIBLE_DEVICES")
	expect(t, Hint(100), "found ", "GPU")
	expect(t, initLine(100, "CUDA_ERROR_NO_DEVICE"), "(cuInit: CUDA error 100, CUDA_ERROR_NO_DEVICE)")
	expect(t, initLine(101, "CUDA_ERROR_INVALID_DEVICE"), "nvidia-smi", "CUDA error 101")
}
