package kernels_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/kernels"
)

// Every source is there as PTX that holds its kernel for the target that its name
// says, and nothing of the machine that made it.
func TestPTX(t *testing.T) {
	sources, err := filepath.Glob("*.cu")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, s := range sources {
		want = append(want, strings.TrimSuffix(s, ".cu"))
	}
	slices.Sort(want)
	if got := kernels.Names(); !slices.Equal(got, want) {
		t.Errorf("found PTX of %v, expected %v, as the .cu files are named (ci/kernels.sh --write makes it)", got, want)
	}
	for _, name := range kernels.Names() {
		ptx, err := kernels.PTX(name)
		if err != nil {
			t.Error(err)
		}
		target := "sm_80"
		if strings.HasSuffix(name, "_sm90a") {
			target = "sm_90a"
		}
		for _, part := range []string{"\n.target " + target + "\n", "\n.visible .entry " + name + "("} {
			if strings.Count(ptx, part) != 1 {
				t.Errorf("%s: found %d times %q, expected it once", name, strings.Count(ptx, part), part)
			}
		}
		if strings.Count(ptx, ".entry") != 1 {
			t.Errorf("%s: found %d kernels, expected one", name, strings.Count(ptx, ".entry"))
		}
		if wd, err := os.Getwd(); err != nil || strings.Contains(ptx, wd) || strings.Contains(ptx, "//") {
			t.Errorf("%s: found comments or a path, expected neither (%v)", name, err)
		}
	}
}

func TestUnknown(t *testing.T) {
	for _, name := range []string{"", "no_such", "../kernels", "README.md"} {
		if _, err := kernels.PTX(name); err == nil {
			t.Errorf("%q: found no error, expected one", name)
		}
	}
}

// Every kernel has its registers in the table, which ci/kernels.sh compares with ptxas.
func TestRegisters(t *testing.T) {
	for _, name := range kernels.Names() {
		for _, major := range []int{8, 9} {
			n, err := kernels.Registers(name, major)
			if only90 := strings.HasSuffix(name, "_sm90a") && major == 8; (err != nil) != only90 || !only90 && (n < 8 || n > 255) {
				t.Errorf("%s, compute capability %d: found %d registers and error %v", name, major, n, err)
			}
		}
	}
	if _, err := kernels.Registers("no_such", 8); err == nil {
		t.Error("found registers of no kernel, expected an error")
	}
}
