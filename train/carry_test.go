package train_test

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint/checkpointtest"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// block is what a checkpoint has of one active block, or of one block of a dense weight.
type block struct {
	values, v   []float32
	born, newAt int32
}

// weight is what a checkpoint has of one weight of the encoder.
type weight struct {
	shape    sparse.Shape
	blocks   map[int]block // by position
	explored []uint64      // nil of a dense weight
}

// encoderOf reads the encoder's weights of a checkpoint in blocks of size B.
func encoderOf(t *testing.T, folder string, B int) map[string]weight {
	t.Helper()
	values := map[string][]byte{}
	shapes := map[string][]int{}
	for _, name := range []string{"model.safetensors", "optimizer.safetensors"} {
		for _, x := range checkpointtest.Read(t, filepath.Join(folder, name)).Tensors {
			values[x.Name], shapes[x.Name] = x.Data, x.Shape
		}
	}
	floats := func(name string) []float32 { return decoded[float32](t, values[name]) }
	table, err := train.OpenWeights(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	out := map[string]weight{}
	for _, row := range table.Table {
		if !row.Encoder {
			continue
		}
		w := weight{shape: sparse.Shape{Out: row.Out, In: row.In, Block: B}, blocks: map[int]block{}}
		if row.Sparse {
			size := B * B
			rows, cols := decoded[int32](t, values[row.Name+".rows"]), decoded[int32](t, values[row.Name+".cols"])
			born, newAt := decoded[int32](t, values[row.Name+".born"]), decoded[int32](t, values[row.Name+".new_at"])
			w.explored = decoded[uint64](t, values[row.Name+".explored"])
			x, v := floats(row.Name+".blocks"), floats(row.Name+".v")
			for slot := range rows {
				w.blocks[int(rows[slot])*w.shape.BlockCols()+int(cols[slot])] = block{x[slot*size : (slot+1)*size], v[slot*size : (slot+1)*size], born[slot], newAt[slot]}
			}
		} else {
			x, v := floats(row.Name), floats(row.Name+".v")
			for p := range w.shape.Positions() {
				b := block{}
				for e := range B * B {
					at := (p/w.shape.BlockCols()*B+e/B)*row.In + p%w.shape.BlockCols()*B + e%B
					b.values, b.v = append(b.values, x[at]), append(b.v, v[at])
				}
				w.blocks[p] = b
			}
		}
		out[row.Name] = w
	}
	return out
}

func decoded[E float32 | int32 | uint64](t *testing.T, data []byte) []E {
	t.Helper()
	out := make([]E, len(data)/binary.Size(E(0)))
	if _, err := binary.Decode(data, binary.LittleEndian, out); err != nil {
		t.Fatal(err)
	}
	return out
}

// still makes a run of one more step that leaves its weights as they are.
func still(c train.Config, step int64) train.Config {
	c.MaxSteps, c.LearningRate, c.WeightDecay, c.Updates, c.WarmupSteps = step+1, 1e-30, 0, 1, 0
	return c
}

// l1 is the norm of a block; the runs of this file have norms far apart.
func l1(b block) (sum float64) {
	for _, x := range b.values {
		sum += math.Abs(float64(x))
	}
	return sum
}

// What a continued run keeps of each weight when sparsity or method changes.
func TestContinueFromCarries(t *testing.T) {
	text := smallCorpus(t)
	const step, updates, B = 20, 5, 8 // after steps 4, 8, 11, 15 and 19
	sources := map[model.Method]string{}
	for _, m := range []model.Method{model.Dynamic, model.Dense} {
		c := smallRun(text, filepath.Join(t.TempDir(), "from"))
		c.Method = m
		trained2(t, c, step)
		sources[m] = c.OutputDir
	}
	for _, run := range []struct {
		from, to model.Method
		sparsity float64
		says     string
	}{
		{model.Dynamic, model.Static, 0.75, "topology, explored blocks and ages"},
		{model.Dynamic, model.Dynamic, 0.9, "blocks are pruned, those of the smallest l1 norm"},
		{model.Dynamic, model.Dynamic, 0.5, "blocks are added, drawn by seed 1"},
		{model.Dynamic, model.Dense, 0.75, "in no active block begin at zero"},
		{model.Dense, model.Static, 0.75, "are pruned to the blocks of the largest l1 norm"},
		{model.Dense, model.Dense, 0.75, "weights and Adam's moments"},
	} {
		name := fmt.Sprintf("%s to %s at %v", run.from, run.to, run.sparsity)
		c := continued(t, sources[run.from])
		c.Method, c.Sparsity = run.to, run.sparsity
		plan, err := train.NewPlan(t.Context(), c, nil)
		if err != nil {
			t.Fatal(err)
		}
		if said := strings.Join(plan.Kept, "\n"); !strings.Contains(said, run.says) {
			t.Errorf("%s: found %q, expected %q in it", name, said, run.says)
		}
		trained2(t, still(c, step), 0)
		before := encoderOf(t, filepath.Join(sources[run.from], "checkpoints", "step-20"), B)
		after := encoderOf(t, filepath.Join(c.OutputDir, "checkpoints", "step-21"), B)
		for key, was := range before {
			if err := compareWeight(was, after[key], step, updates); err != nil {
				t.Errorf("%s: %s: %v", name, key, err)
			}
		}
	}
}

// compareWeight checks a weight after one step that left the values as they were.
func compareWeight(was, is weight, step, updates int32) error {
	positions := func(w weight) []int { return slices.Sorted(maps.Keys(w.blocks)) }
	dropped, added := math.Inf(-1), 0
	for _, p := range positions(was) {
		if _, stays := is.blocks[p]; !stays {
			dropped = max(dropped, l1(was.blocks[p]))
		}
	}
	for _, p := range positions(is) {
		b, old := is.blocks[p], was.blocks[p]
		if _, known := was.blocks[p]; !known {
			added++
			if is.explored != nil && (b.born != step || b.newAt != updates+1) {
				return fmt.Errorf("new block %d: found born %d, new at %d, expected %d and %d", p, b.born, b.newAt, step, updates+1)
			}
			old = block{values: make([]float32, len(b.values)), v: make([]float32, len(b.values)), born: b.born, newAt: b.newAt}
		} else if l1(b) < dropped {
			return fmt.Errorf("block %d of norm %v stays, and one of %v does not", p, l1(b), dropped)
		}
		if is.explored != nil && (b.born != old.born || b.newAt != old.newAt) {
			return fmt.Errorf("block %d: found born %d, new at %d, expected %d and %d", p, b.born, b.newAt, old.born, old.newAt)
		}
		for i := range b.values {
			if !(math.Abs(float64(b.values[i]-old.values[i])) <= 1e-25) {
				return fmt.Errorf("block %d, element %d: found %v, expected %v", p, i, b.values[i], old.values[i])
			}
			// v = 0.999 v + 0.001 g^2, where g is at most 1 after clipping.
			if rest := float64(b.v[i]) - 0.999*float64(old.v[i]); !(rest >= -1e-6*float64(old.v[i]) && rest <= 0.00101) {
				return fmt.Errorf("block %d, element %d: found the moment %v, expected one that goes on from %v", p, i, b.v[i], old.v[i])
			}
		}
	}
	if n := len(is.blocks) - len(was.blocks); added != max(0, n) {
		return fmt.Errorf("%d blocks are new among %d, of %d before", added, len(is.blocks), len(was.blocks))
	}
	for i := range was.explored {
		if is.explored != nil && was.explored[i]&^is.explored[i] != 0 {
			return fmt.Errorf("word %d: found explored %x, expected those of %x", i, is.explored[i], was.explored[i])
		}
	}
	return nil
}

// A start from block-sparse weights keeps their blocks, newborn ones of zeros too; fewer
// are the largest, more are all of them.
func TestInitFromKeepsBlocks(t *testing.T) {
	text := smallCorpus(t)
	const B = 8
	from := smallRun(text, filepath.Join(t.TempDir(), "from"))
	from.SaveSteps, from.SaveTotalLimit, from.MaxSteps, from.Updates = 2, 0, 12, 6
	trained2(t, from, 4) // an update comes after steps 2, 4, ...
	source := filepath.Join(from.OutputDir, "checkpoints", "step-4")
	before := encoderOf(t, source, B)
	newborn := 0
	for _, w := range before {
		for _, b := range w.blocks {
			if l1(b) == 0 {
				newborn++
			}
		}
	}
	if newborn == 0 {
		t.Fatal("found no block of zeros, expected those of the update")
	}
	imported := from
	imported.InitFrom, imported.OutputDir = source, filepath.Join(t.TempDir(), "imported")
	if _, err := train.Import(t.Context(), imported, true); err != nil {
		t.Fatal(err)
	}
	for _, start := range []string{source, imported.OutputDir} {
		for _, sparsity := range []float64{0.75, 0.9, 0.5} {
			c := smallRun(text, filepath.Join(t.TempDir(), "run"))
			c.InitFrom, c.Method, c.Sparsity, c.Layers, c.Hidden, c.Heads, c.FFN = start, model.Static, sparsity, 0, 0, 0, 0
			trained2(t, still(c, 0), 0)
			after := encoderOf(t, filepath.Join(c.OutputDir, "checkpoints", "step-1"), B)
			for key, was := range before {
				is := after[key]
				kept := 0
				for p := range is.blocks {
					if _, known := was.blocks[p]; known {
						kept++
					}
				}
				if kept != min(len(was.blocks), len(is.blocks)) {
					t.Errorf("%s at sparsity %v: %s: found %d of %d blocks kept among %d", start, sparsity, key, kept, len(was.blocks), len(is.blocks))
				}
				smallest, largest := math.Inf(1), math.Inf(-1) // of those kept, and of those not
				for p, b := range was.blocks {
					if _, stays := is.blocks[p]; stays {
						smallest = min(smallest, l1(b))
					} else {
						largest = max(largest, l1(b))
					}
				}
				if largest > smallest {
					t.Errorf("%s at sparsity %v: %s: a block of norm %v stays, and one of %v does not", start, sparsity, key, smallest, largest)
				}
			}
		}
	}
}

// The warnings of a start from weights are about the blocks that it has.
func TestWarningsOfInitFrom(t *testing.T) {
	text := smallCorpus(t)
	from := smallRun(text, filepath.Join(t.TempDir(), "from"))
	from.Layers, from.BlockSize, from.Sparsity, from.Growth, from.MaxSteps, from.Updates = 1, 16, 0.5, sparse.GrowRandom, 2, 1
	from.Method, from.Seed = model.Static, 3
	trained2(t, from, 0)
	weights := encoderOf(t, filepath.Join(from.OutputDir, "checkpoints", "step-2"), 16)
	rows, cols, in := 0, 0, 0
	for _, w := range weights {
		r, c := map[int]bool{}, map[int]bool{}
		for p := range w.blocks {
			r[p/w.shape.BlockCols()], c[p%w.shape.BlockCols()] = true, true
		}
		rows, cols = rows+w.shape.BlockRows()-len(r), cols+w.shape.BlockCols()-len(c)
		if len(r) < w.shape.BlockRows() || len(c) < w.shape.BlockCols() {
			in++
		}
	}
	if in == 0 {
		t.Fatal("found no empty row or column, expected some in 2 x 2 blocks")
	}
	// Another seed would draw other blocks.
	c := smallRun(text, filepath.Join(t.TempDir(), "run"))
	c.InitFrom, c.Layers, c.Hidden, c.Heads, c.FFN = from.OutputDir, 0, 0, 0, 0
	c.Method, c.BlockSize, c.Sparsity, c.Seed = model.Static, 16, 0.5, 8
	want := fmt.Sprintf("topology: %d block rows and %d block columns in %d of 6 weights stay without a block", rows, cols, in)
	alone, err := train.Warnings(c)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := train.NewPlan(t.Context(), c, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range [][]string{alone, plan.Warnings} {
		if !strings.Contains(strings.Join(found, "\n"), want) {
			t.Errorf("found %q, expected %q in it", found, want)
		}
	}
}
