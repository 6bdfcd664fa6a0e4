package cpu

import "github.com/sparsebert/sparsebert-gpu/cpu/internal/kernel"

// Path is an instruction path: the family of inner loops that a backend runs. Results of two
// paths agree to the tolerances of the conformance suite, not bit for bit. On one path they
// are the same on every machine that has it and for every number of threads.
type Path uint8

// The instruction paths. [Paths] says which of them the machine and the build have.
const (
	// Auto is the fastest path that the machine and the build have.
	Auto = Path(kernel.Auto)
	// Portable is Go alone. It has the same bits in every build and on every machine.
	Portable = Path(kernel.Go)
	// AVX2 is AVX2 with fused multiply-add.
	AVX2 = Path(kernel.AVX2)
	// AVX512 multiplies two steps at once: few loads, best on AMD's processors.
	AVX512 = Path(kernel.AVX512)
	// AVX512Broadcast multiplies by an element that it broadcasts from memory: few
	// instructions, best on Intel's processors.
	AVX512Broadcast = Path(kernel.AVX512Broadcast)
)

// String returns the name used in messages and benchmarks: auto, go, avx2, avx512 or
// avx512-bcst.
func (p Path) String() string { return kernel.Path(p).String() }

// Paths lists the paths that this machine and build have, slowest first. The first is Portable.
// A build for another architecture than amd64, or with the tag noasm, has no other.
func Paths() []Path {
	var out []Path
	for _, p := range kernel.Paths() {
		out = append(out, Path(p))
	}
	return out
}
