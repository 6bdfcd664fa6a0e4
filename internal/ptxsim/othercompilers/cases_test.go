package othercompilers

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/internal/ptxsim"
)

// options find races between blocks, and end a kernel that spins for ever soon.
func options() ptxsim.Options {
	return ptxsim.Options{Threads: 1, BlockRaces: true, MaxInstructions: 1 << 23}
}

// files returns the names of the files of a folder with an extension, without it.
func files(t testing.TB, dir, ext string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*"+ext))
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s has no files *%s: %v", dir, ext, err)
	}
	for i, p := range paths {
		paths[i] = strings.TrimSuffix(filepath.Base(p), ext)
	}
	return paths
}

// TestCases runs every case. One of knownCases must fail, with an error that says what is written there.
func TestCases(t *testing.T) {
	dir := folder(t)
	names := files(t, filepath.Join(dir, "cases"), ".json")
	passed := 0
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			c, err := readCase(filepath.Join(dir, "cases", name+".json"))
			if err != nil {
				t.Fatal(err)
			}
			err = c.run(t, dir, newDevice(options()))
			if _, listed := knownCases[name]; err == nil && !listed && (len(c.Args) > 0 || len(c.Expect) > 0) {
				// The same through the driver, in a random order, and as inexact as PTX allows.
				err = c.run(t, dir, newDriver(simdriver.Options{Threads: 1, MaxInstructions: 1 << 23, Seed: 1, Perturb: 2}))
				// Barriers, atomics and flags are in the kernels that nvcc compiled; one of them spins for long.
				for seed := uint64(2); seed < seeds && err == nil && strings.HasPrefix(name, "n") && name != "n_lane_lock_spin"; seed++ {
					o := options()
					o.Seed = seed
					err = c.run(t, dir, newDevice(o))
				}
			}
			if fault := reportedCases[name]; errors.Is(err, fault) {
				err = nil
			} else if fault != nil && err == nil {
				err = fmt.Errorf("not reported: %w", fault)
			}
			switch want, listed := knownCases[name]; {
			case err == nil && listed:
				t.Errorf("passes, expected %q: take it off the list", want)
			case err == nil:
				passed++
			case !listed:
				t.Error(err)
			case !strings.Contains(err.Error(), want):
				t.Errorf("%v, expected an error with %q", err, want)
			}
		})
	}
	t.Logf("cases of other compilers: %d pass, %d are listed as known not to, %d in all", passed, len(knownCases), len(names))
}

// seeds are orders of blocks and warps in which the planted files run; 0 is that of their numbers.
const seeds = 5

// TestPlanted runs every planted file in several orders: in each it must be reported as plantedFaults says,
// or pass, and leave what plantedValues says. Those of orderFaults must be reported in some.
func TestPlanted(t *testing.T) {
	dir := filepath.Join(folder(t), "planted")
	names := files(t, dir, ".ptx")
	right := 0
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			kind := name[strings.LastIndex(name, ".")+1:]
			reports := 0
			for seed := range uint64(seeds) {
				o := options()
				o.Seed = seed
				out, err := planted(t, filepath.Join(dir, name+".ptx"), o)
				inOrder := orderFaults[kind]
				if inOrder != nil && errors.Is(err, inOrder) {
					reports++
					continue
				}
				switch fault, value := plantedFaults[kind], plantedValues[kind]; {
				case fault != nil && err == nil:
					t.Errorf("seed %d: passes, expected a report: %v", seed, fault)
				case fault != nil && !errors.Is(err, fault):
					t.Errorf("seed %d: %v, expected another report: %v", seed, err, fault)
				case fault == nil && err != nil:
					t.Errorf("seed %d: %v, expected no report", seed, err)
				case fault == nil && !strings.HasPrefix(string(out), string(value)):
					t.Errorf("seed %d: leaves % x, expected % x", seed, out[:len(value)], value)
				}
			}
			if orderFaults[kind] != nil && reports == 0 {
				t.Errorf("passes in %d orders, expected a report in one: %v", seeds, orderFaults[kind])
			}
			if !t.Failed() {
				right++
			}
		})
	}
	t.Logf("planted files: %d as they must be, %d in all", right, len(names))
}
