package train

import (
	"strings"
	"testing"
)

// A run that the host's memory cannot hold is refused in one line, and what the line
// says would fit does.
func TestHostMemory(t *testing.T) {
	c := DefaultConfig()
	c.BatchSize, c.Accumulation = 64, 2
	p, err := shapeOf(c)
	if err != nil {
		t.Fatal(err)
	}
	needed, err := p.hostBytes(64, false)
	if err != nil {
		t.Fatal(err)
	}
	for free, fits := range map[int64]bool{needed: true, needed - 1: false, -1: true} {
		if err := p.fitsHost(free); (err == nil) != fits {
			t.Errorf("%d bytes free of %d: found %v", free, needed, err)
		}
	}
	smaller, err := p.hostBytes(16, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.fitsHost(smaller); !IsUsage(err) || !strings.HasSuffix(err.Error(), "--batch-size 16 --gradient-accumulation-steps 8") || strings.Contains(err.Error(), "\n") {
		t.Errorf("found %v, expected micro-batches of 16", err)
	}
	if err := p.fitsHost(0); err == nil || !strings.Contains(err.Error(), "not even micro-batches of 1") {
		t.Errorf("found %v", err)
	}
}

// Runs at a time take the memory of all of them, though each alone would fit.
func TestMemoryOfRunsTogether(t *testing.T) {
	const m = 1 << 20
	for _, k := range []struct {
		largest []int64
		free    int64
		says    string // "": they fit
	}{
		{[]int64{30 * m}, 30 * m, ""},
		{[]int64{30 * m, 20 * m, 10 * m}, 60 * m, ""},
		{[]int64{30 * m, 20 * m, 10 * m}, 60*m - 1, "memory: found 59 MiB free, expected 60 MiB for 3 runs at a time; --jobs 2 would fit"},
		{[]int64{30 * m, 20 * m, 10 * m}, 31 * m, "--jobs 1 would fit"},
		{[]int64{30 * m, 20 * m}, -1, ""},
		{nil, 0, ""},
	} {
		err := fitTogether(k.largest, k.free)
		if (err == nil) != (k.says == "") || err != nil && (!IsUsage(err) || !strings.HasSuffix(err.Error(), k.says)) {
			t.Errorf("%v of %d: found %v, expected %q", k.largest, k.free, err, k.says)
		}
	}
	if err := (&Dry{Device: &DeviceMemory{}}).FitsHost([]int64{1 << 62}); err != nil {
		t.Errorf("on a device with its own memory: found %v", err)
	}
}
