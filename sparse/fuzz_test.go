package sparse_test

import (
	"encoding/binary"
	"errors"
	"math"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/philox"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// FuzzNewTopology gives arbitrary indices. What is accepted must be exactly
// what a map accepts, and a check must neither panic nor pass after any entry
// of any array is overwritten by one that changes it.
func FuzzNewTopology(f *testing.F) {
	f.Add(2, 3, 1, []byte{0, 0, 1, 2}, 0, int32(0))
	f.Add(4, 4, 4, []byte{0, 0}, 3, int32(1))
	f.Add(4, 4, 1, []byte{3, 3, 3, 3}, 5, int32(-1))
	f.Add(8, 16, 8, []byte{0, 1, 0, 0}, 9, int32(1<<30))
	f.Add(0, -1, 0, []byte{}, 1, int32(-1<<31))
	f.Fuzz(func(t *testing.T, out, in, block int, data []byte, at int, value int32) {
		if out > 1<<10 || in > 1<<10 {
			return // memory
		}
		shape := sparse.Shape{Out: out, In: in, Block: block}
		var rows, cols []int32
		seen := map[[2]int8]bool{}
		good := sparse.CheckShape(shape) == nil && len(data) >= 2
		for i := 0; i+1 < len(data); i += 2 {
			r, c := int8(data[i]), int8(data[i+1])
			rows, cols = append(rows, int32(r)), append(cols, int32(c))
			good = good && r >= 0 && c >= 0 && int(r) < out/block && int(c) < in/block && !seen[[2]int8{r, c}]
			seen[[2]int8{r, c}] = true
		}
		topology, err := sparse.NewTopology(shape, rows, cols)
		if (err == nil) != good {
			t.Fatalf("%+v, rows %v, columns %v: found error %v, want accepted %v", shape, rows, cols, err, good)
		}
		if err != nil {
			if !errors.Is(err, sparse.ErrTopology) && !errors.Is(err, sparse.ErrShape) {
				t.Fatalf("found error %v, want ErrTopology or ErrShape", err)
			}
			return
		}
		if err := topology.Check(); err != nil {
			t.Fatal(err)
		}
		arrays := [][]int32{topology.Rows, topology.Cols, topology.RowPtr, topology.RowSlot, topology.ColPtr, topology.ColSlot}
		array := arrays[uint(at)%uint(len(arrays))]
		i := uint(at) / uint(len(arrays)) % uint(len(array))
		if array[i] == value {
			return
		}
		array[i] = value
		if err := topology.Check(); !errors.Is(err, sparse.ErrTopology) {
			t.Fatalf("array %d, entry %d set to %d: found error %v, want ErrTopology",
				uint(at)%uint(len(arrays)), i, value, err)
		}
	})
}

// FuzzUpdate makes two updates with arbitrary parameters and value bits. Either
// they are refused and nothing changes, or every invariant holds and they are
// those of the naive implementation.
func FuzzUpdate(f *testing.F) {
	f.Add(uint64(1), 4, 6, 5, 0.5, byte(0), byte(0), false, 0., byte(0), 0, []byte{})
	f.Add(uint64(2), 8, 3, 24, 1.0, byte(1), byte(1), true, 0., byte(0), 0, []byte{0, 0, 0xc0, 0x7f})
	f.Add(uint64(3), 1, 9, 1, math.NaN(), byte(2), byte(2), false, 0.5, byte(0), 0, []byte{1, 2, 3, 4, 0, 0, 0x80, 0xff})
	f.Add(uint64(4), 7, 7, 49, 0.99, byte(0), byte(2), true, 1., byte(0), 0, []byte{0, 0, 0, 0x80, 0, 0, 0, 0})
	f.Add(uint64(5), 5, 2, 10, 0.3, byte(3), byte(4), false, math.NaN(), byte(0), 0, []byte{})
	f.Add(uint64(6), 9, 11, 40, 0.3, byte(0), byte(2), false, 0.7, byte(0), 0, []byte{})
	f.Add(uint64(7), 9, 11, 40, 0.3, byte(0), byte(1), false, 0.7, byte(0), 0, []byte{})
	f.Add(uint64(8), 9, 11, 40, 0.3, byte(0), byte(3), false, 0.7, byte(1), 1, []byte{})
	f.Add(uint64(9), 9, 11, 40, 1.0, byte(0), byte(4), false, 0., byte(0), 2, []byte{})
	f.Fuzz(func(t *testing.T, seed uint64, out, in, nnzb int, pr float64, norm, growth byte, regrow bool, ablate float64, prune byte, protect int, data []byte) {
		if out > 64 || in > 64 {
			return
		}
		topology, err := sparse.StartTopology(sparse.Shape{Out: out, In: in, Block: 1}, nnzb, seed, 1)
		if err != nil {
			return
		}
		s := philox.NewStream(seed, philox.TestData, 0, 0)
		next := func() float32 {
			if len(data) >= 4 {
				bits := binary.LittleEndian.Uint32(data)
				data = data[4:]
				return math.Float32frombits(bits)
			}
			return s.Float32()
		}
		values, m, grow := make([]float32, nnzb), make([]float32, nnzb), make([]float32, out*in)
		finite := true
		for i := range values {
			values[i] = next()
			square := float32(values[i] * values[i])
			m[i] = float32(i%7) - 3
			product := values[i] * m[i]
			finite = finite && values[i]-values[i] == 0 && (prune == 1 || sparse.Norm(norm) != sparse.L2 || square-square == 0) && (prune != 1 || product-product == 0)
		}
		for i := range grow {
			grow[i] = next()
			finite = finite && (!sparse.Growth(growth).Scores() || grow[i]-grow[i] == 0)
		}
		good := finite && pr >= 0 && pr <= 1 && sparse.Norm(norm) <= sparse.LInf && sparse.Growth(growth) <= gradientPairs && prune <= byte(sparse.PruneSaliency) && protect >= 0 && protect <= math.MaxInt32 &&
			(ablate == 0 || ablate > 0 && ablate <= 1 && (sparse.Growth(growth) == sparse.GrowFanIn || sparse.Growth(growth) == sparse.GrowGradientFanIn))
		for number := 1; number <= 2; number++ {
			u := sparse.Update{Seed: seed, Number: number, Step: int64(number), PruneRatio: pr,
				Norm: sparse.Norm(norm), Growth: sparse.Growth(growth), RegrowPruned: regrow, Ablate: ablate,
				Prune: sparse.Prune(prune), Protect: protect}
			before := topology.Clone()
			_, err := topology.UpdateIn(new(sparse.Scratch), sparse.Arrays{Values: values, M: m, V: m, Scores: grow}, u, 1)
			if (err == nil) != good {
				t.Fatalf("%+v: found error %v, want accepted %v", u, err, good)
			}
			if err != nil {
				if !topology.Equal(before) {
					t.Fatalf("%+v: the failed update changed the topology", u)
				}
				return
			}
			if err := topology.Check(); err != nil {
				t.Fatal(err)
			}
			want, _ := naiveUpdate(before, sparse.Arrays{Values: values, M: m, Scores: grow}, u, 1)
			want.Index()
			if !topology.Equal(want) {
				t.Fatalf("%+v:\ngot  %+v\nwant %+v", u, topology, want)
			}
		}
	})
}
