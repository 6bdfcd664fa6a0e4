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

// TestPlanted runs every planted file: it must be reported as plantedFaults says,
// or pass, and leave what plantedValues says. Those of knownPlanted do not yet.
func TestPlanted(t *testing.T) {
	dir := filepath.Join(folder(t), "planted")
	names := files(t, dir, ".ptx")
	right := 0
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			out, err := planted(t, filepath.Join(dir, name+".ptx"), options())
			kind := name[strings.LastIndex(name, ".")+1:]
			wrong := ""
			switch fault, value := plantedFaults[kind], plantedValues[kind]; {
			case fault != nil && err == nil:
				wrong = "passes, expected a report: " + fault.Error()
			case fault != nil && !errors.Is(err, fault):
				wrong = err.Error() + ", expected another report: " + fault.Error()
			case fault == nil && err != nil:
				wrong = err.Error() + ", expected no report"
			case fault == nil && !strings.HasPrefix(string(out), string(value)):
				t.Errorf("leaves % x, expected % x", out[:len(value)], value)
			}
			switch reason, listed := knownPlanted[kind]; {
			case wrong == "" && listed:
				t.Errorf("as it must be, expected not: %s: take it off the list", reason)
			case wrong == "":
				right++
			case !listed:
				t.Error(wrong)
			}
		})
	}
	t.Logf("planted files: %d as they must be, %d are listed as known not to, %d in all", right, len(knownPlanted), len(names))
}
