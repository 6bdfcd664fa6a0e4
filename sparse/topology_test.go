package sparse_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/philox"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

func TestIndexEqualsSorting(t *testing.T) {
	s := philox.NewStream(3, philox.TestData, 1, 0)
	for range 500 {
		shape := sparse.Shape{Out: 1 + s.IntN(40), In: 1 + s.IntN(40), Block: 1}
		topology, err := sparse.StartTopology(shape, 1+s.IntN(shape.Positions()), s.Uint64(), 0)
		if err != nil {
			t.Fatal(err)
		}
		for i := range topology.Rows { // slots in a random order
			j := i + s.IntN(len(topology.Rows)-i)
			topology.Rows[i], topology.Rows[j] = topology.Rows[j], topology.Rows[i]
			topology.Cols[i], topology.Cols[j] = topology.Cols[j], topology.Cols[i]
		}
		topology.Index()
		byRow, byCol := naiveViews(topology)
		if !slices.Equal(topology.RowSlot, byRow) || !slices.Equal(topology.ColSlot, byCol) {
			t.Fatalf("%+v: views %v, %v, want %v, %v", shape, topology.RowSlot, topology.ColSlot, byRow, byCol)
		}
		if err := topology.Check(); err != nil {
			t.Fatal(err)
		}
		for r := range shape.Out {
			for c := range shape.In {
				slot, active := topology.Slot(r, c)
				want := slices.ContainsFunc(byRow, func(i int32) bool {
					return int(topology.Rows[i]) == r && int(topology.Cols[i]) == c
				})
				if active != want || active && topology.Position(slot) != r*shape.In+c {
					t.Fatalf("Slot(%d, %d) = %d, %v, want active %v", r, c, slot, active, want)
				}
			}
		}
	}
}

func TestSlotOutsideTheTensor(t *testing.T) {
	topology := example(t)
	for _, at := range [][2]int{{-1, 0}, {0, -1}, {3, 0}, {0, 5}} {
		if _, active := topology.Slot(at[0], at[1]); active {
			t.Errorf("Slot(%d, %d) is active, want it inactive outside 3 x 5 blocks", at[0], at[1])
		}
	}
}

func TestIndexReusesMemory(t *testing.T) {
	topology := example(t)
	if n := testing.AllocsPerRun(100, topology.Index); n != 0 {
		t.Errorf("Index allocated %v times a call, want 0", n)
	}
}

func TestCloneIsDeepAndEqualSeesEveryField(t *testing.T) {
	changes := map[string]func(t *sparse.Topology){
		"Out":      func(t *sparse.Topology) { t.Out += 4 },
		"Rows":     func(t *sparse.Topology) { t.Rows[1]++ },
		"Cols":     func(t *sparse.Topology) { t.Cols[1]++ },
		"Born":     func(t *sparse.Topology) { t.Born[4]++ },
		"NewAt":    func(t *sparse.Topology) { t.NewAt[4]++ },
		"Explored": func(t *sparse.Topology) { t.Explored[0]++ },
		"RowPtr":   func(t *sparse.Topology) { t.RowPtr[1]++ },
		"RowSlot":  func(t *sparse.Topology) { t.RowSlot[1]++ },
		"ColPtr":   func(t *sparse.Topology) { t.ColPtr[1]++ },
		"ColSlot":  func(t *sparse.Topology) { t.ColSlot[1]++ },
	}
	for name, change := range changes {
		a := example(t)
		b := a.Clone()
		if !a.Equal(b) {
			t.Fatalf("a clone differs")
		}
		change(b)
		if a.Equal(b) {
			t.Errorf("%s changed, yet Equal says true", name)
		}
		if !a.Equal(example(t)) {
			t.Errorf("%s of the clone changed, and the original with it", name)
		}
	}
}

func TestNewTopologyRefuses(t *testing.T) {
	shape := sparse.Shape{Out: 8, In: 8, Block: 4}
	cases := []struct {
		name       string
		rows, cols []int32
	}{
		{"lengths differ", []int32{0, 1}, []int32{0}},
		{"nothing active", nil, nil},
		{"row out of range", []int32{2}, []int32{0}},
		{"negative column", []int32{0}, []int32{-1}},
		{"duplicate", []int32{1, 0, 1}, []int32{1, 0, 1}},
	}
	for _, c := range cases {
		if _, err := sparse.NewTopology(shape, c.rows, c.cols); !errors.Is(err, sparse.ErrTopology) {
			t.Errorf("%s: found error %v, want ErrTopology", c.name, err)
		}
	}
}

func TestNewTopologyKeepsTheSlotsAndCopies(t *testing.T) {
	rows, cols := []int32{1, 0, 1}, []int32{1, 1, 0}
	topology, err := sparse.NewTopology(sparse.Shape{Out: 32, In: 32, Block: 16}, rows, cols)
	if err != nil {
		t.Fatal(err)
	}
	rows[0] = 0
	if want := []int32{1, 0, 1}; !slices.Equal(topology.Rows, want) || !slices.Equal(topology.Cols, cols) {
		t.Errorf("rows %v, columns %v, want %v, %v", topology.Rows, topology.Cols, want, cols)
	}
	if topology.Explored[0] != 0b1110 {
		t.Errorf("explored %04b, want 1110", topology.Explored[0])
	}
	if d := topology.Density(); d != 0.75 {
		t.Errorf("density %v, want 0.75", d)
	}
}
