package backendtest

import (
	"slices"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

// packFault is a backend with a backend.Packer by way of the host, in which something may be wrong.
type packFault struct {
	backend.Backend
	short    int  // elements that are left out at the end of each part
	assigns  bool // where it should add
	shifted  int  // elements by which the places in the vector are off
	unpacks  int  // so many parts at most
	doubled  bool // AddVector adds twice
	cut      int  // elements that are left out of each sum of squares
	ordered  bool // the order of a sum of squares depends on its place
	addition uint64
	marks    int // so many marks that differ; 0: all do
}

func (f packFault) Capabilities() backend.Capabilities { return backend.Capabilities{Packer: f} }

func (f packFault) Pack(v backend.Buffer, parts []backend.Part, add bool) {
	for _, p := range parts {
		x := floats(f, p.X)[p.From : p.From+p.N]
		edit(f, v, func(v []float32) {
			for i := range max(0, p.N-f.short) {
				at := p.At + f.shifted + i
				if !add || f.assigns {
					v[at] = 0
				}
				v[at] += x[i]
			}
		})
	}
}

func (f packFault) Unpack(v backend.Buffer, parts []backend.Part) {
	for _, p := range parts[:len(parts)-f.unpacks] {
		list := floats(f, v)
		edit(f, p.X, func(x []float32) { copy(x[p.From:p.From+p.N], list[p.At:]) })
	}
}

func (f packFault) AddVector(dst backend.Buffer, to int, src backend.Buffer, from, n int) {
	list := floats(f, src)
	edit(f, dst, func(v []float32) {
		for i := range n {
			v[to+i] += list[from+i]
			if f.doubled {
				v[to+i] += list[from+i]
			}
		}
	})
}

func (f packFault) SumSquares(sums []float64, v backend.Buffer, spans [][2]int) error {
	list := floats(f, v)
	for k := range sums {
		part := slices.Clone(list[spans[k][0]:max(spans[k][0], spans[k][1]-f.cut)])
		if f.ordered && k%2 == 0 && spans[k][0] > 1 {
			slices.Reverse(part)
		}
		sums[k] = 0
		for _, x := range part {
			sums[k] += float64(x) * float64(x)
		}
	}
	return f.Sync()
}

func (f packFault) UUID() [16]byte { return [16]byte{} }

func (f packFault) Address(_ backend.Buffer, i int) uint64 {
	return 4096 + 4*uint64(i) + f.addition*uint64(i)
}

func (f packFault) Mark(k int) uint64 {
	if f.marks > 0 {
		k %= f.marks
	}
	return 1 + uint64(k)
}

func packFaults() []fault {
	plant := func(name string, f packFault) fault {
		return fault{"Packer", name, func(b backend.Backend) backend.Backend {
			f.Backend = b
			return f
		}}
	}
	return []fault{
		plant("the last element is left out", packFault{short: 1}),
		plant("packs where it should add", packFault{assigns: true}),
		plant("places are off by one", packFault{shifted: 1}),
		plant("a part stays packed", packFault{unpacks: 1}),
		plant("adds twice", packFault{doubled: true}),
		plant("the last square is left out", packFault{cut: 1}),
		plant("the order of a sum follows its place", packFault{ordered: true}),
		plant("addresses of wide elements", packFault{addition: 4}),
		plant("one mark", packFault{marks: 1}),
	}
}
