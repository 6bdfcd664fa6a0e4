package sparse_test

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// The products of BERT-Base's encoder reproduce the first term of the paper's
// count: 3 * 2 S d 12 L H^2, with L = 12, H = 768, S = 128.
func TestFLOPs(t *testing.T) {
	const l, h, s = 12, 768, 128
	for _, density := range []float64{1, 0.25} { // both give whole blocks
		total := int64(0)
		shapes := encoder(h, 4*h, 16)
		nnzb, err := sparse.Distribute(shapes, density, sparse.Uniform)
		if err != nil {
			t.Fatal(err)
		}
		for i, shape := range shapes {
			if f := shape.ProductFLOPs(s, nnzb[i]); shape.TrainingFLOPs(s, nnzb[i]) != 3*f {
				t.Errorf("TrainingFLOPs is not three products")
			}
			total += l * shape.TrainingFLOPs(s, nnzb[i])
		}
		if want := 3 * 2 * s * density * 12 * l * h * h; float64(total) != want {
			t.Errorf("density %v: found %d FLOPs, want %v", density, total, want)
		}
	}
	// A large model's count passes 2^32.
	if got, want := (sparse.Shape{Out: 4096, In: 4096, Block: 64}).ProductFLOPs(1<<16, 4096), int64(1)<<41; got != want {
		t.Errorf("found %d FLOPs, want %d", got, want)
	}
}

// The bytes must be those of the slices that a topology really has.
func TestMemory(t *testing.T) {
	topology, err := sparse.StartTopology(sparse.Shape{Out: 40, In: 120, Block: 8}, 17, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	size := func(slices ...any) (bytes int64) {
		for _, s := range slices {
			bytes += int64(binary.Size(s))
		}
		return bytes
	}
	weights := int64(17 * 64 * 4)
	want := sparse.Memory{
		Values: weights, Gradient: weights, Moments: 2 * weights,
		Indices:  size(topology.Rows, topology.Cols, topology.RowPtr, topology.RowSlot, topology.ColPtr, topology.ColSlot),
		History:  size(topology.Born, topology.NewAt),
		Explored: size(topology.Explored),
	}
	got := topology.SparseMemory(topology.NNZ())
	if got != want {
		t.Errorf("sparse: found %+v, want %+v", got, want)
	}
	if total := 4*weights + want.Indices + want.History + want.Explored; got.Total() != total {
		t.Errorf("total: found %d, want %d", got.Total(), total)
	}
	if got := topology.DenseMemory().Total(); got != 16*40*120 {
		t.Errorf("dense: found %d bytes, want %d", got, 16*40*120)
	}
}

// At s = 0.9 and B = 16 the indices are small change: the tensor takes a tenth.
func TestMemorySaved(t *testing.T) {
	shape := sparse.Shape{Out: 3072, In: 768, Block: 16}
	nnzb, err := sparse.Distribute([]sparse.Shape{shape}, 0.1, sparse.Uniform)
	if err != nil {
		t.Fatal(err)
	}
	ratio := float64(shape.SparseMemory(nnzb[0]).Total()) / float64(shape.DenseMemory().Total())
	if !(math.Abs(ratio-0.1) <= 0.001) {
		t.Errorf("sparse over dense: found %.4f, want 0.100 to within 0.001", ratio)
	}
}
