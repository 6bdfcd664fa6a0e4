package sparse_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/philox"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// randomCase is one drawn update: small, and often degenerate.
type randomCase struct {
	topology *sparse.Topology
	arrays   sparse.Arrays
	update   sparse.Update
	tensor   int
}

// drawCase draws a case. Values and scores come from few levels in every other
// case, so that ties are common.
func drawCase(t *testing.T, s *philox.Stream) randomCase {
	t.Helper()
	block := []int{1, 1, 1, 4, 8}[s.IntN(5)]
	shape := sparse.Shape{Out: block * (1 + s.IntN(12)), In: block * (1 + s.IntN(12)), Block: block}
	positions := shape.Positions()
	nnzb := 1 + s.IntN(positions)
	if s.IntN(8) == 0 {
		nnzb = positions
	}
	c := randomCase{tensor: s.IntN(40)}
	c.update = sparse.Update{
		Seed:         s.Uint64(),
		Number:       1 + s.IntN(5),
		Step:         int64(100 + s.IntN(1000)),
		PruneRatio:   []float64{0, 1, 0.5, 0.25, s.Float64(), s.Float64()}[s.IntN(6)],
		Norm:         sparse.Norm(s.IntN(3)),
		Growth:       append(shipped(), pairs, gradientPairs)[s.IntN(6)],
		Prune:        []sparse.Prune{sparse.PruneNorm, sparse.PruneNorm, sparse.PruneSaliency}[s.IntN(3)],
		RegrowPruned: s.IntN(2) == 0,
		Protect:      max(0, s.IntN(6)-2),
	}
	if s.IntN(2) == 0 {
		c.update.Ages = &sparse.Ages{Start: make([]float32, 40)}
		for i := range c.update.Ages.Start {
			c.update.Ages.Start[i] = s.Float32()
		}
		for from := int32(s.IntN(9)); from < 100; from += int32(1 + s.IntN(50)) {
			c.update.Ages.From, c.update.Ages.Scale = append(c.update.Ages.From, from), append(c.update.Ages.Scale, 4*s.Float32())
		}
	}
	if c.update.Growth.Constraint().Rows == 1 && s.IntN(2) == 0 {
		c.update.Ablate = []float64{0.3, 0.5, 1, s.Float64()}[s.IntN(4)]
	}
	start := sparse.StartTopology
	if s.IntN(2) == 0 {
		start = sparse.FanInTopology
	}
	topology, err := start(shape, nnzb, s.Uint64(), c.tensor)
	if err != nil {
		t.Fatal(err)
	}
	for slot := range nnzb {
		topology.NewAt[slot] = int32(s.IntN(c.update.Number))
		if topology.NewAt[slot] > 0 {
			topology.Born[slot] = int32(s.IntN(100))
		}
	}
	c.topology = topology
	few := s.IntN(2) == 0
	draw := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = s.Float32()*2 - 1
			if few {
				x[i] = float32(s.IntN(5)-2) / 2
			}
		}
		return x
	}
	n := nnzb * shape.BlockSize()
	c.arrays = sparse.Arrays{Values: draw(n), M: draw(n), V: draw(n), Scores: draw(positions)}
	if few {
		c.arrays.Scores[s.IntN(positions)] = float32(math.Copysign(0, -1))
	}
	return c
}

func TestUpdateEqualsTheNaiveOne(t *testing.T) {
	s := philox.NewStream(11, philox.TestData, 1, 0)
	scratch := new(sparse.Scratch)
	seen := map[string]int{}
	for i := range 6000 {
		c := drawCase(t, &s)
		values, scores := slices.Clone(c.arrays.Values), slices.Clone(c.arrays.Scores)
		want, wantChange := naiveUpdate(c.topology, c.arrays, c.update, c.tensor)
		byRow, byCol := naiveViews(want)

		got := c.topology.Clone()
		change, err := got.UpdateIn(scratch, c.arrays, c.update, c.tensor)
		if err != nil {
			t.Fatalf("case %d, %+v: %v", i, c.update, err)
		}
		want.RowPtr, want.RowSlot, want.ColPtr, want.ColSlot = got.RowPtr, byRow, got.ColPtr, byCol
		if !got.Equal(want) {
			t.Fatalf("case %d, %+v:\ngot  %+v\nwant %+v", i, c.update, got, want)
		}
		if err := got.Check(); err != nil {
			t.Fatalf("case %d: %v", i, err)
		}
		if !slices.Equal(change.Slots, wantChange.Slots) {
			t.Fatalf("case %d, %+v: new slots %v, want %v", i, c.update, change.Slots, wantChange.Slots)
		}
		if !(math.Abs(change.Stats.MeanAge-wantChange.Stats.MeanAge) <= 1e-9*math.Max(1, wantChange.Stats.MeanAge)) {
			t.Fatalf("case %d: mean age %v, want %v", i, change.Stats.MeanAge, wantChange.Stats.MeanAge)
		}
		wantChange.Stats.MeanAge = change.Stats.MeanAge
		if change.Stats != wantChange.Stats {
			t.Fatalf("case %d, %+v: stats %+v, want %+v", i, c.update, change.Stats, wantChange.Stats)
		}
		if !slices.Equal(values, c.arrays.Values) || !slices.Equal(scores, c.arrays.Scores) {
			t.Fatalf("case %d: the update changed its inputs", i)
		}
		// What the cases must have covered.
		free := c.topology.Positions() - c.topology.NNZ()
		k := int(c.update.PruneRatio * float64(c.topology.NNZ()))
		if free == 0 {
			seen["full"]++
		}
		if k > free && !c.update.RegrowPruned {
			seen["more pruned than candidates"]++
		}
		if wantChange.Stats.Returned > 0 {
			seen["returned at once"]++
		}
		if wantChange.Stats.RemovedNew > 0 {
			seen["removed new"]++
		}
		if wantChange.Stats.Ablated > 0 {
			seen["ablated"]++
		}
	}
	for _, what := range []string{"full", "more pruned than candidates", "returned at once", "removed new", "ablated"} {
		if seen[what] < 100 {
			t.Errorf("only %d cases with %q", seen[what], what)
		}
	}
}

// A long run of updates with pr = 0.5 must keep nnzb, and must explore as often
// as chance says: with random growth and random pruning, a position stays unseen
// with the product of the chances not to be drawn.
func TestManyUpdates(t *testing.T) {
	shape := sparse.Shape{Out: 160, In: 320, Block: 4}
	nnzb := shape.Positions() / 10
	for _, growth := range []sparse.Growth{sparse.GrowRandom, sparse.GrowFanIn} {
		topology, err := sparse.FanInTopology(shape, nnzb, 5, 3)
		if err != nil {
			t.Fatal(err)
		}
		fanIn := topology.RowPtr[1]
		s := philox.NewStream(2, philox.TestData, 2, 0)
		values := make([]float32, nnzb*shape.BlockSize())
		explored := 0.0
		for number := 1; number <= 160; number++ {
			for i := range values {
				values[i] = s.Float32()
			}
			u := sparse.Update{Seed: 5, Number: number, Step: int64(10 * number), PruneRatio: 0.5, Growth: growth}
			change, err := topology.Update(values, nil, u, 3)
			if err != nil {
				t.Fatal(err)
			}
			if topology.NNZ() != nnzb || change.Stats.Pruned != nnzb/2 {
				t.Fatalf("%s, update %d: %d active, %d pruned, want %d and %d",
					growth, number, topology.NNZ(), change.Stats.Pruned, nnzb, nnzb/2)
			}
			if dof := change.Stats.ExploredDOF(); !(dof >= explored) {
				t.Fatalf("%s, update %d: explored DOF fell from %v to %v", growth, number, explored, dof)
			}
			explored = change.Stats.ExploredDOF()
			if growth == sparse.GrowFanIn {
				for r := range shape.BlockRows() {
					if n := topology.RowPtr[r+1] - topology.RowPtr[r]; n != fanIn {
						t.Fatalf("update %d: block row %d has %d blocks, want %d", number, r, n, fanIn)
					}
				}
			}
			if number == 4 {
				// 0.9 unseen at the start, 1 - 0.05/0.9 of that after each update
				// (pruned blocks were seen): 0.9 (1-0.0556)^4 = 0.716.
				if want := 1 - 0.9*math.Pow(1-0.05/0.9, 4); !(math.Abs(explored-want) <= 0.02) {
					t.Errorf("%s: explored DOF after 4 updates %.4f, want about %.4f", growth, explored, want)
				}
			}
		}
		if !(explored >= 0.99) {
			t.Errorf("%s: explored DOF after 160 updates %v, want nearly 1", growth, explored)
		}
	}
}

func TestUpdateRefusesAndLeavesTheTopologyAlone(t *testing.T) {
	shape := sparse.Shape{Out: 8, In: 12, Block: 4}
	good := sparse.Update{Number: 1, Step: 10, PruneRatio: 0.5}
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	type arguments struct {
		values, grow []float32
		update       sparse.Update
		tensor       int
	}
	cases := []struct {
		name    string
		want    error
		corrupt func(a *arguments)
	}{
		{"NaN weight, L1", sparse.ErrNotFinite, func(a *arguments) { a.values[17] = nan }},
		{"NaN weight, L2", sparse.ErrNotFinite, func(a *arguments) { a.values[17] = nan; a.update.Norm = sparse.L2 }},
		{"NaN weight, LInf", sparse.ErrNotFinite, func(a *arguments) { a.values[17] = -nan; a.update.Norm = sparse.LInf }},
		{"infinite weight", sparse.ErrNotFinite, func(a *arguments) { a.values[40] = -inf }},
		{"norm overflows", sparse.ErrNotFinite, func(a *arguments) { a.values[0] = 1e30; a.update.Norm = sparse.L2 }},
		{"NaN score", sparse.ErrNotFinite, func(a *arguments) { a.grow[5] = nan; a.update.Growth = sparse.GrowGradient }},
		{"infinite score", sparse.ErrNotFinite, func(a *arguments) { a.grow[0] = inf; a.update.Growth = sparse.GrowGradient }},
		{"no scores", sparse.ErrArgument, func(a *arguments) { a.grow = nil; a.update.Growth = sparse.GrowGradient }},
		{"values too short", sparse.ErrArgument, func(a *arguments) { a.values = a.values[1:] }},
		{"update 0", sparse.ErrArgument, func(a *arguments) { a.update.Number = 0 }},
		{"negative step", sparse.ErrArgument, func(a *arguments) { a.update.Step = -1 }},
		{"step beyond int32", sparse.ErrArgument, func(a *arguments) { a.update.Step = 1 << 31 }},
		{"ratio above 1", sparse.ErrArgument, func(a *arguments) { a.update.PruneRatio = 1.0001 }},
		{"negative ratio", sparse.ErrArgument, func(a *arguments) { a.update.PruneRatio = -0.1 }},
		{"NaN ratio", sparse.ErrArgument, func(a *arguments) { a.update.PruneRatio = math.NaN() }},
		{"unknown norm", sparse.ErrArgument, func(a *arguments) { a.update.Norm = 3 }},
		{"unknown growth", sparse.ErrArgument, func(a *arguments) { a.update.Growth = 200 }},
		{"negative tensor", sparse.ErrArgument, func(a *arguments) { a.tensor = -1 }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			topology, err := sparse.StartTopology(shape, 3, 1, 0)
			if err != nil {
				t.Fatal(err)
			}
			a := arguments{make([]float32, 48), make([]float32, 6), good, 0}
			before := topology.Clone()
			if _, err := topology.Clone().Update(a.values, a.grow, a.update, a.tensor); err != nil {
				t.Fatalf("without the fault: %v", err)
			}
			c.corrupt(&a)
			if _, err := topology.Update(a.values, a.grow, a.update, a.tensor); !errors.Is(err, c.want) {
				t.Errorf("found error %v, want %v", err, c.want)
			}
			if !topology.Equal(before) {
				t.Errorf("the failed update changed the topology")
			}
		})
	}
}

func TestUpdateRefusesABrokenTopology(t *testing.T) {
	topology, err := sparse.StartTopology(sparse.Shape{Out: 4, In: 4, Block: 1}, 4, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	topology.Rows[2] = 99
	if _, err := topology.Update(make([]float32, 4), nil, sparse.Update{Number: 1}, 0); !errors.Is(err, sparse.ErrTopology) {
		t.Errorf("found error %v, want ErrTopology", err)
	}
}

// A pattern worked out by hand: 2 x 4 blocks of one element.
func TestUpdateByHand(t *testing.T) {
	topology, err := sparse.NewTopology(sparse.Shape{Out: 2, In: 4, Block: 1}, []int32{1, 0, 1, 0}, []int32{3, 1, 0, 2})
	if err != nil {
		t.Fatal(err)
	}
	// Slots hold positions 7, 1, 4, 2. The two smallest norms: slot 1, then a
	// tie between slot 0 (position 7) and slot 2 (position 4), which slot 2 loses.
	values := []float32{-0.5, 0.25, 0.5, 4}
	// Candidates 0, 3, 5, 6; the two largest scores are 6 and, on a tie with 5, 3.
	grow := []float32{0, 9, 9, 2, 9, 2, 3, 9}
	u := sparse.Update{Number: 3, Step: 30, PruneRatio: 0.5, Growth: sparse.GrowGradient}
	change, err := topology.Update(values, grow, u, 0)
	if err != nil {
		t.Fatal(err)
	}
	if want := []int32{1, 2}; !slices.Equal(change.Slots, want) {
		t.Errorf("new slots %v, want %v", change.Slots, want)
	}
	if rows, cols := []int32{1, 0, 1, 0}, []int32{3, 3, 2, 2}; !slices.Equal(topology.Rows, rows) || !slices.Equal(topology.Cols, cols) {
		t.Errorf("rows %v, columns %v, want %v, %v", topology.Rows, topology.Cols, rows, cols)
	}
	if want := []int32{0, 30, 30, 0}; !slices.Equal(topology.Born, want) {
		t.Errorf("Born %v, want %v", topology.Born, want)
	}
	if want := []int32{0, 3, 3, 0}; !slices.Equal(topology.NewAt, want) {
		t.Errorf("NewAt %v, want %v", topology.NewAt, want)
	}
	if topology.Explored[0] != 0b11011110 {
		t.Errorf("explored %08b, want 11011110", topology.Explored[0])
	}
	want := sparse.Stats{Pruned: 2, Explored: 6, Positions: 8, Active: 4, MeanAge: 15, EmptyCols: 2, StartAlive: 2, Threshold: 0.5}
	if change.Stats != want {
		t.Errorf("stats %+v, want %+v", change.Stats, want)
	}
}

// TestUpdateCheck: Check says of the numbers what an update says of them.
func TestUpdateCheck(t *testing.T) {
	topo, err := sparse.StartTopology(sparse.Shape{Out: 8, In: 8, Block: 4}, 2, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	good := sparse.Update{Number: 1, PruneRatio: 0.5}
	if err := good.Check(); err != nil {
		t.Errorf("found error %v, expected none", err)
	}
	for _, change := range []func(u *sparse.Update){
		func(u *sparse.Update) { u.Number = 0 },
		func(u *sparse.Update) { u.Number = math.MaxInt32 + 1 },
		func(u *sparse.Update) { u.Step = -1 },
		func(u *sparse.Update) { u.Step = math.MaxInt32 + 1 },
		func(u *sparse.Update) { u.PruneRatio = math.NaN() },
		func(u *sparse.Update) { u.PruneRatio = 1.5 },
		func(u *sparse.Update) { u.Norm = sparse.LInf + 1 },
		func(u *sparse.Update) { u.Growth = 200 },
		func(u *sparse.Update) { u.Prune = 200 },
		func(u *sparse.Update) { u.Protect = -1 },
	} {
		u := good
		change(&u)
		err := u.Check()
		_, full := topo.Update(make([]float32, 32), nil, u, 0)
		if err == nil || full == nil || !errors.Is(err, sparse.ErrArgument) || !strings.HasSuffix(full.Error(), err.Error()) {
			t.Errorf("%+v: found error %v, expected that of Update, %v", u, err, full)
		}
	}
}
