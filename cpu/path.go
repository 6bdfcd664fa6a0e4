package cpu

import "github.com/sparsebert/sparsebert-gpu/cpu/internal/kernel"

// Path is an instruction path: the set of inner loops that a backend runs. Two
// paths agree to the tolerances of the conformance suite, not bit for bit.
type Path uint8

// The paths. Auto is the fastest that the machine and the build have.
const (
	Auto     = Path(kernel.Auto)
	Portable = Path(kernel.Go)   // Go alone; the same bits on every machine
	AVX2     = Path(kernel.AVX2) // with FMA
	// AVX512 multiplies two steps at once: few loads, best on AMD's processors.
	AVX512 = Path(kernel.AVX512)
	// AVX512Broadcast multiplies by a number that it broadcasts from memory: few
	// instructions, best on Intel's processors.
	AVX512Broadcast = Path(kernel.AVX512Broadcast)
)

// String returns the name used in messages and benchmarks.
func (p Path) String() string { return kernel.Path(p).String() }

// Paths lists the paths that this machine and build have, slowest first. The
// first is Portable.
func Paths() []Path {
	var out []Path
	for _, p := range kernel.Paths() {
		out = append(out, Path(p))
	}
	return out
}
