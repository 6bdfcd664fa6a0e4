package kernel

import "fmt"

// Path is an instruction path.
type Path uint8

// The paths. Auto is the best one that the machine has.
const (
	Auto Path = iota
	Go
	AVX2            // with FMA
	AVX512          // two steps at once: few loads
	AVX512Broadcast // one step, whose multiplications broadcast from memory: few instructions
)

// String returns the name used in messages and benchmarks.
func (p Path) String() string {
	switch p {
	case Auto:
		return "auto"
	case Go:
		return "go"
	case AVX2:
		return "avx2"
	case AVX512:
		return "avx512"
	case AVX512Broadcast:
		return "avx512-bcst"
	}
	return fmt.Sprintf("path %d", uint8(p))
}

// ForPath returns the loops of a path. It is an error to ask for one that this
// machine, or this build, does not have.
func ForPath(p Path) (*Set, error) {
	switch p {
	case Auto:
		paths := Paths()
		return ForPath(paths[len(paths)-1])
	case Go:
		return goSet(), nil
	case AVX2, AVX512, AVX512Broadcast:
		if s := native(p); s != nil {
			return s, nil
		}
	}
	return nil, fmt.Errorf("kernel path: found %v, expected one that this machine and build have: %v", p, Paths())
}

// Paths lists the paths that this machine and build have, slowest first. Of those of
// AVX-512, AVX512Broadcast was measured to be the faster one on Intel's processors and
// AVX512 on AMD's.
func Paths() []Path {
	ps := []Path{Go}
	order := []Path{AVX2, AVX512Broadcast, AVX512}
	if intel() {
		order = []Path{AVX2, AVX512, AVX512Broadcast}
	}
	for _, p := range order {
		if native(p) != nil {
			ps = append(ps, p)
		}
	}
	return ps
}
