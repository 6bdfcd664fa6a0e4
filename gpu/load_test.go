package gpu

import (
	"slices"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/ptxsim"
	"github.com/sparsebert/sparsebert-gpu/kernels"
)

func (r *recorder) LoadMachineCode(string, []byte, []byte) (Module, error) {
	return 2, r.call("machine code")
}
func (r *recorder) Attributes(Function) Attributes { return r.attributes }

// codeOf finds machine code of everything for compute capability 9.0.
func codeOf(ptx []byte, major, minor int) ([]byte, error) {
	if major != 9 || minor != 0 {
		return nil, nil
	}
	return []byte("code"), nil
}

// TestLoadChooses: machine code comes first where there is some for the GPU, and PTX where the
// driver refuses it, with one warning, or where it is asked for.
func TestLoadChooses(t *testing.T) {
	h200 := Properties{Major: 9, MachineCode: true}
	const ptx, code = "load", "machine code"
	for _, c := range []struct {
		what     string
		props    Properties
		compile  bool
		fail     string
		want     []string // without the calls for functions
		compiled bool
		warnings int
	}{
		{"machine code", h200, false, "", []string{code, code}, false, 0},
		{"no machine code for this GPU", Properties{Major: 12, MachineCode: true}, false, "", []string{ptx, ptx}, true, 0},
		{"a driver without machine code", Properties{Major: 9}, false, "", []string{ptx, ptx}, true, 0},
		{"PTX is asked for", h200, true, "", []string{ptx, ptx}, true, 0},
		{"the driver refuses", h200, false, code, []string{code, ptx, ptx}, true, 1},
	} {
		r := &recorder{props: c.props, fail: c.fail}
		l := newLauncher(r, 0, backend.F32)
		l.loading.compile, l.loading.cubin = c.compile, codeOf
		if err := l.load("adamw", "zero_grad"); err != nil {
			t.Errorf("%s: %v", c.what, err)
		}
		got := slices.DeleteFunc(r.calls, func(s string) bool { return s == "function" })
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: found calls %v, expected %v", c.what, got, c.want)
		}
		record := l.loading.loaded()
		if len(record.Kernels) != 2 || len(record.Warnings) != c.warnings || record.Kernels[0].Name != "adamw" || record.Kernels[1].Compiled != c.compiled {
			t.Errorf("%s: found %+v", c.what, record)
		}
		if c.warnings > 0 && !strings.Contains(record.Warnings[0], "does not take this program's machine code for compute capability 9.0 (machine code: planted)") {
			t.Errorf("%s: found %q", c.what, record.Warnings)
		}
	}
}

// TestLocalMemoryIsToldOnce: a kernel that has local memory though it was checked to have none is
// a warning, and the first alone.
func TestLocalMemoryIsToldOnce(t *testing.T) {
	r := &recorder{attributes: Attributes{Registers: 40, LocalBytes: 16}}
	l := newLauncher(r, 0, backend.F32)
	if err := l.load("dsd_b16", "dds_b16"); err != nil {
		t.Fatal(err)
	}
	record := l.loading.loaded()
	want := []backend.LoadedKernel{{Name: "dds_b16", Registers: 40, LocalBytes: 16, Compiled: true}, {Name: "dsd_b16", Registers: 40, LocalBytes: 16, Compiled: true}}
	if !slices.Equal(record.Kernels, want) {
		t.Errorf("found %+v, expected %+v", record.Kernels, want)
	}
	if len(record.Warnings) != 1 || !strings.HasPrefix(record.Warnings[0], "kernel dsd_b16: found 16 bytes of local memory for each thread, expected 0") {
		t.Errorf("found warnings %q, expected one", record.Warnings)
	}
	if text := record.String(); !strings.Contains(text, "2 of them compiled by the driver; at most 40 registers (dds_b16); at most 16 bytes of local memory (dds_b16)") {
		t.Errorf("found %q", text)
	}
}

// TestNoLocalMemory: PTX declares none where the table of ptxas says that there is none.
func TestNoLocalMemory(t *testing.T) {
	for _, name := range kernels.Names() {
		ptx, err := kernels.PTX(name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(ptx, ".local") {
			continue // only these can have any
		}
		m, err := ptxsim.Parse(name+".ptx", ptx)
		if err != nil {
			t.Fatal(err)
		}
		want, err := kernels.LocalBytes(name, 9)
		if err != nil || m.Kernel(name).LocalBytes() > want {
			t.Errorf("%s: found %d bytes of local memory in the PTX, expected at most %d (%v)", name, m.Kernel(name).LocalBytes(), want, err)
		}
	}
}
