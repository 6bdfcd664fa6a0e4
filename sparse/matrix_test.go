package sparse_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/philox"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

func TestMatrixByHand(t *testing.T) {
	topology, err := sparse.NewTopology(sparse.Shape{Out: 8, In: 12, Block: 4}, []int32{1, 0}, []int32{0, 2})
	if err != nil {
		t.Fatal(err)
	}
	val := make([]float32, 32)
	for i := range val {
		val[i] = float32(i + 1)
	}
	m, err := sparse.NewMatrix(topology, val)
	if err != nil {
		t.Fatal(err)
	}
	want := []float32{
		0, 0, 0, 0, 0, 0, 0, 0, 17, 18, 19, 20,
		0, 0, 0, 0, 0, 0, 0, 0, 21, 22, 23, 24,
		0, 0, 0, 0, 0, 0, 0, 0, 25, 26, 27, 28,
		0, 0, 0, 0, 0, 0, 0, 0, 29, 30, 31, 32,
		1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0,
		5, 6, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0,
		9, 10, 11, 12, 0, 0, 0, 0, 0, 0, 0, 0,
		13, 14, 15, 16, 0, 0, 0, 0, 0, 0, 0, 0,
	}
	if got := m.Dense(); !slices.Equal(got, want) {
		t.Errorf("dense %v, want %v", got, want)
	}
}

func TestMatrixRoundTrip(t *testing.T) {
	s := philox.NewStream(10, philox.TestData, 1, 0)
	for _, block := range sparse.BlockSizes() {
		shape := sparse.Shape{Out: 3 * block, In: 5 * block, Block: block}
		topology, err := sparse.StartTopology(shape, 7, 1, 0)
		if err != nil {
			t.Fatal(err)
		}
		dense := make([]float32, shape.Out*shape.In)
		for i := range dense {
			dense[i] = 1 + s.Float32()
		}
		m, err := sparse.FromDense(topology, dense)
		if err != nil {
			t.Fatal(err)
		}
		masked := m.Dense()
		for i := range shape.Out {
			for j := range shape.In {
				_, inPattern := topology.Slot(i/block, j/block)
				want := float32(0)
				if inPattern {
					want = dense[i*shape.In+j]
				}
				got, active := m.At(i, j)
				if got != want || active != inPattern || masked[i*shape.In+j] != want {
					t.Fatalf("B %d, element %d, %d: At %v, %v, Dense %v, want %v, %v",
						block, i, j, got, active, masked[i*shape.In+j], want, inPattern)
				}
			}
		}
		for _, at := range [][2]int{{-1, 0}, {0, -1}, {shape.Out, 0}, {0, shape.In}} {
			if v, active := m.At(at[0], at[1]); v != 0 || active {
				t.Errorf("B %d: At(%d, %d) = %v, %v, want 0, false", block, at[0], at[1], v, active)
			}
		}
	}
}

func TestMatrixRefuses(t *testing.T) {
	topology := example(t)
	if _, err := sparse.NewMatrix(topology, make([]float32, 95)); !errors.Is(err, sparse.ErrArgument) {
		t.Errorf("NewMatrix: found error %v, want ErrArgument", err)
	}
	if _, err := sparse.FromDense(topology, make([]float32, 241)); !errors.Is(err, sparse.ErrArgument) {
		t.Errorf("FromDense: found error %v, want ErrArgument", err)
	}
	topology.Cols[0] = 9
	if _, err := sparse.NewMatrix(topology, make([]float32, 96)); !errors.Is(err, sparse.ErrTopology) {
		t.Errorf("NewMatrix: found error %v, want ErrTopology", err)
	}
	if _, err := sparse.FromDense(topology, make([]float32, 240)); !errors.Is(err, sparse.ErrTopology) {
		t.Errorf("FromDense: found error %v, want ErrTopology", err)
	}
}
