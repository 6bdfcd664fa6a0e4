package simdriver

import (
	"errors"
	"fmt"
	"strings"
	"testing"

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
