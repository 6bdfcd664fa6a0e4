package simdriver

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/internal/ptxsim"
)

// A module is loaded on the GPUs that its target runs on.
func TestTargetOfDevice(t *testing.T) {
	for _, c := range []struct {
		target string
		major  int
		runs   bool
	}{{"sm_80", 8, true}, {"sm_80", 12, true}, {"sm_86", 8, false}, {"sm_90", 8, false}, {"sm_90a", 8, false}, {"sm_90a", 9, true}, {"sm_90a", 10, false}} {
		_, err := New(Options{Major: c.major}).Load("k", fmt.Appendf(nil, ".version 8.4\n.target %s\n.address_size 64\n.visible .entry k() { ret; }", c.target))
		if c.runs && err != nil || !c.runs && (!errors.Is(err, ptxsim.ErrLoad) || !strings.Contains(err.Error(), ".target "+c.target)) {
			t.Errorf("%s on compute capability %d.0: found %v, expected that it runs: %v", c.target, c.major, err, c.runs)
		}
	}
}

// Clusters of more than 8 blocks need an attribute of the kernel, which no driver sets.
func TestLargeClusters(t *testing.T) {
	for _, blocks := range []int{8, 16} {
		d := New(Options{})
		m := must[gpu.Module](t)(d.Load("k", fmt.Appendf(nil, ".version 8.4\n.target sm_90\n.address_size 64\n.visible .entry k() .reqnctapercluster %d, 1, 1 { ret; }", blocks)))
		err := d.Launch(0, must[gpu.Function](t)(d.Function(m, "k")), gpu.Dim3{X: 16}, gpu.Dim3{X: 32}, 0, nil)
		if blocks > 8 && (!errors.Is(err, ptxsim.ErrLaunch) || !strings.Contains(err.Error(), "clusters of 16 blocks")) || blocks <= 8 && err != nil {
			t.Errorf("clusters of %d blocks: found %v", blocks, err)
		}
	}
}
