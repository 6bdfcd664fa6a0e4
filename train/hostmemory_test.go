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
