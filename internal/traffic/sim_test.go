package traffic_test

import (
	"fmt"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/internal/philox"
	"github.com/sparsebert/sparsebert-gpu/internal/traffic"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// simConfig is a model whose step takes the simulator a few seconds.
func simConfig(method model.Method, block int) (model.Config, model.Options) {
	return model.Config{
		VocabSize: 512, Layers: 1, Hidden: 256, Heads: 4, FFN: 1024, MaxPositions: 128, TypeVocab: 2, Dropout: 0.1,
		Method: method, Sparsity: 0.9, BlockSize: block,
	}, model.Options{MicroBatch: 2, SeqLen: 128, MaxMasked: 19, Seed: 3}
}

// batch is full sequences with every masked slot used.
func batch(c model.Config, o model.Options) model.Batch {
	s := philox.NewStream(7, philox.TestData, 0, 0)
	b := model.Batch{Size: o.MicroBatch}
	for i := range o.MicroBatch {
		b.Lengths = append(b.Lengths, int32(o.SeqLen))
		for t := range o.SeqLen {
			b.IDs = append(b.IDs, int32(s.IntN(c.VocabSize)))
			b.Segments = append(b.Segments, int32(2*t/o.SeqLen))
		}
		for k := range o.MaxMasked {
			b.MaskedPos = append(b.MaskedPos, int32(i*o.SeqLen+1+k*6))
			b.MaskedLabels = append(b.MaskedLabels, int32(s.IntN(c.VocabSize)))
		}
		b.NSPLabels = append(b.NSPLabels, int32(i%2))
	}
	return b
}

// bounds are the smallest and the largest ratio of what the simulator counts, in
// sectors, to what the formulas say, and why it is not 1.
type bounds struct {
	loads, stores [2]float64
	why           string
}

// exact leaves room for indices, step scalars and the like.
var exact = bounds{loads: [2]float64{0.97, 1.07}, stores: [2]float64{0.99, 1.01}}

// boundsOf are the bounds of an operation on weights with blocks of that size.
func boundsOf(c traffic.Call, block int) bounds {
	b := exact
	switch c.Op {
	case "Attention":
		b.stores, b.why = [2]float64{1, 1.12}, "what dropout keeps of 64 keys is stored, 8 bytes of a row, which count as a sector of 32: L2 joins them"
	case "AddNorm":
		b.loads, b.stores, b.why = [2]float64{1, 1.2}, [2]float64{1, 1.1}, "each warp reads the step's scalars, for a row; mean and deviation of a row are one number in a sector each"
	case "DropoutApply":
		b.loads, b.why = [2]float64{1, 1.25}, "each warp reads the step's scalars, for 256 elements here"
	case "CrossEntropy":
		b.loads, b.stores, b.why = [2]float64{1, 1.15}, [2]float64{1, 1.1}, "a row's result and label are one number in a sector"
	case "EmbedGrad":
		b.loads, b.stores, b.why = [2]float64{0.8, 1.1}, [2]float64{0.8, 2}, "float32 sums are stored 8 a lane, by two instructions that each touch every sector; not every token is a word of its own"
	case "GradNorm":
		b.stores, b.why = [2]float64{1, 4.1}, "a chunk's sum is 8 bytes in a sector"
	case "BlockGradL1":
		b.stores, b.why = [2]float64{1, 4}, "a thread block stores parts of rows of scores"
	case "UpdateTopology":
		b.loads, b.stores, b.why = [2]float64{0.9, 4}, [2]float64{0.9, 1.6}, "keys and states are read once for each digit of the search for the smallest: they stay in L2"
	case "SDD":
		b.loads, b.why = [2]float64{0.86, 1.1}, "thread blocks read the columns that their active blocks need, which is not known from the shape"
	case "DSD", "DDS":
		if block == 8 {
			b.loads, b.why = [2]float64{1, 1.35}, "pairs are filled up with zeros, and steps of four; few blocks a group here"
		}
	case "AdamW":
		if block == 8 {
			b.loads, b.stores, b.why = [2]float64{1, 1.15}, [2]float64{1, 1.1}, "the copies of pairs are filled up"
		}
	}
	return b
}

// slack is what a call may count beside that, for the odd number in a sector.
const slack = 2048

// TestFormulas runs a step of a small model on the simulator and holds what every
// call reads and writes against the counters.
func TestFormulas(t *testing.T) {
	for _, c := range []struct {
		block  int
		growth sparse.Growth
	}{{0, sparse.GrowRandom}, {16, sparse.GrowGradient}, {8, sparse.GrowRandom}} {
		t.Run(fmt.Sprintf("B=%d", c.block), func(t *testing.T) {
			cfg, opt := simConfig(model.Dynamic, c.block)
			args := model.StepArgs{LR: 1e-3, Adam: backend.AdamConfig{Beta1: 0.9, Beta2: 0.999, Eps: 1e-6}}
			if c.block == 0 {
				cfg.Method = model.Dense
			} else {
				cfg.Growth = c.growth
				args.Update = &sparse.Update{Seed: 1, Number: 1, PruneRatio: 0.5, Growth: c.growth}
			}
			d := simdriver.New(simdriver.Options{Multiprocessors: 4})
			b, err := gpu.New(d, gpu.Options{Activation: backend.BF16})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := b.Close(); err != nil {
					t.Error(err)
				}
			}()
			machine, warm, seen := traffic.Machine{Properties: d.Properties(), Activation: backend.BF16}, true, map[string]bool{}
			m, err := model.New(traffic.NewMeter(b, machine, func(call traffic.Call, run func()) {
				d.ResetCounters()
				run()
				if seen[call.Op] = true; !warm && call.Op != "Zero" { // which is no kernel but the driver's memset
					compare(t, call, c.block, d.Counters())
				}
			}), cfg, opt)
			if err != nil {
				t.Fatal(err)
			}
			// The first product of a dense weight makes its copy.
			if _, err := m.Eval(batch(cfg, opt)); err != nil {
				t.Fatal(err)
			}
			warm = false
			if _, err := m.Step(args, []model.Batch{batch(cfg, opt)}); err != nil {
				t.Fatal(err)
			}
			if want := 20 + min(1, c.block) + int(c.growth)%2; len(seen) != want {
				t.Errorf("found %d operations, expected %d: %v", len(seen), want, seen)
			}
		})
	}
}

// compare checks one call.
func compare(t *testing.T, c traffic.Call, block int, counted map[string]simdriver.Counters) {
	t.Helper()
	var loads, stores int64
	for _, k := range counted {
		loads += 32 * k.GlobalLoadSectors
		stores += 32 * k.GlobalStoreSectors
	}
	b, limits := c.Bytes(), boundsOf(c, block)
	for _, x := range []struct {
		what           string
		found, formula int64
		limit          [2]float64
	}{
		{"loads", loads, b[traffic.Read] + b[traffic.Again] + b[traffic.Scratch]/2, limits.loads},
		{"stores", stores, b[traffic.Write] + b[traffic.Scratch]/2, limits.stores},
	} {
		low, high := x.limit[0]*float64(x.formula)-slack, x.limit[1]*float64(x.formula)+slack
		if !(float64(x.found) >= low && float64(x.found) <= high) {
			t.Errorf("%s %s: found %s of %d bytes, expected %.2f to %.2f of %d by the formula (%s)", c.Op, c.Tensor, x.what, x.found, x.limit[0], x.limit[1], x.formula, limits.why)
		}
	}
}
