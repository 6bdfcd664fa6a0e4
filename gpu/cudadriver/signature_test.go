package cudadriver

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/gpu/drivertest"
	"github.com/sparsebert/sparsebert-gpu/internal/ptxsim"
)

func TestSignatures(t *testing.T) {
	got, err := signatures(string(drivertest.PTX()))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]int{
		"widths": {8, 1, 2, 4, 4, 8, 1, 8, 4}, "axpy": {8, 8, 4, 4}, "place": {8}, "reverse": {8, 8, 4},
		"rotate": {8, 8, 4}, "pair": {8, 16}, "fault": {8, 4},
	}
	if !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("signatures %v, expected %v", got, want)
	}
}

func TestSignatureForms(t *testing.T) {
	for text, want := range map[string][]int{
		".visible .entry k()\n{ ret; }": nil,
		".entry k { ret; }":             nil,
		".entry k(.param .u64 .ptr .global .align 16 k_0, .param .pred8 x)":                           {-1},
		".entry k(.param .u64 .ptr .global .align 16 k_0)":                                            {8},
		".entry k(.param .align 64 .b8 k_0[128], .param .b32 k_1)":                                    {128, 4},
		".entry k(\n\t.param .b16 a[ 3 ], // .entry x(\n\t.param .f64 b[2][5] /* , .param .u8 c */ )": {6, 80},
		".entry k(.param .b128 a)":                     {16},
		".entry k(.param .u64)":                        {-1},
		".entry k(.reg .u64 a)":                        {-1},
		".entry k(.param .u12 a)":                      {-1},
		".entry k(.param .b8 a[n])":                    {-1},
		".entry k(.param .u64 a":                       {-1},
		".entry k":                                     {-1},
		".entry (.param .u64 a)":                       {-1},
		"a / b .entry k(.param .u8 a)  .maxntid 1 { /": {1},
	} {
		got, err := signatures(text)
		if slices.Equal(want, []int{-1}) {
			if err == nil {
				t.Errorf("%q: signatures %v, expected an error", text, got)
			}
			continue
		}
		if k, ok := got["k"]; err != nil || len(got) != 1 || !ok || !slices.Equal(k, want) {
			t.Errorf("%q: signatures %v, error %v, expected %v", text, got, err, want)
		}
	}
}

// TestSignaturesOfKernels compares with the simulator's reading of every kernel
// that is committed.
func TestSignaturesOfKernels(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: starts no goroutine")
	}
	var files []string
	err := filepath.WalkDir("../..", func(path string, _ fs.DirEntry, err error) error {
		if filepath.Ext(path) == ".ptx" {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) < 2 {
		t.Fatalf("%d files of PTX (error %v), expected some", len(files), err)
	}
	compared := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m, err := ptxsim.Parse(file, string(text))
		if err != nil {
			t.Logf("not compared: %v", err) // for compute_90a, say
			continue
		}
		compared++
		got, err := signatures(string(text))
		if err != nil || len(got) != len(m.Kernels()) {
			t.Errorf("%s: %d kernels (error %v), expected %v", file, len(got), err, m.Kernels())
		}
		for _, k := range m.Kernels() {
			if want := m.Kernel(k).ParamSizes(); !slices.Equal(got[k], want) {
				t.Errorf("%s: %s has parameters %v, expected %v", file, k, got[k], want)
			}
		}
	}
	if compared < 2 {
		t.Errorf("%d files compared, expected some", compared)
	}
}
