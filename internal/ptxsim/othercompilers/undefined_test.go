package othercompilers

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/ptxsim"
)

// definedAnyway are cases that may go without an input: nothing of what it becomes is looked at, or a block
// writes it before another reads it, or they spin for long.
var definedAnyway = []string{"n_pad_copy", "n_spin_flag", "n_lane_lock_spin"}

// TestUndefinedInputs runs each case without one of its inputs at a time, each of which must be reported: where it
// decides something, or when the result is read.
func TestUndefinedInputs(t *testing.T) {
	dir := folder(t)
	inputs := 0
	for _, name := range files(t, filepath.Join(dir, "cases"), ".json") {
		if knownCases[name] != "" || reportedCases[name] != nil || slices.Contains(definedAnyway, name) {
			continue
		}
		c, err := readCase(filepath.Join(dir, "cases", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		for i, a := range c.Args {
			if a.Scalar != "" || a.Gen.Kind == "undef" {
				continue
			}
			without := c
			without.Args = slices.Clone(c.Args)
			without.Args[i].Gen.Kind = "undef"
			err := without.run(t, dir, newDevice(ptxsim.Options{Threads: 1, MaxInstructions: 1 << 23}))
			if !errors.Is(err, ptxsim.ErrUninitialized) {
				t.Errorf("%s without %s: found %v, expected %v", name, a.Name, err, ptxsim.ErrUninitialized)
			}
			inputs++
		}
	}
	t.Logf("%d inputs", inputs)
}
