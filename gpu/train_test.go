package gpu_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/faultdriver"
	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/internal/philox"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// stepModel is a model that the simulator steps in some tenths of a second.
func stepModel(block int, growth sparse.Growth) model.Config {
	return model.Config{
		VocabSize: 40, Layers: 1, Hidden: 16, Heads: 2, FFN: 32, MaxPositions: 16, TypeVocab: 2, Dropout: 0.1,
		Method: model.Dynamic, Sparsity: 0.5, BlockSize: block, Growth: growth,
	}
}

var stepOptions = model.Options{MicroBatch: 3, SeqLen: 8, MaxMasked: 2, Seed: 5, FixedMasked: true}

// stepBatch draws a batch of so many sequences.
func stepBatch(size int, seed uint64) model.Batch {
	s, o := philox.NewStream(seed, philox.TestData, 0, 0), stepOptions
	b := model.Batch{Size: size}
	for i := range size {
		b.Lengths = append(b.Lengths, int32(o.SeqLen-s.IntN(4)))
		for t := range o.SeqLen {
			b.IDs, b.Segments = append(b.IDs, int32(s.IntN(40))), append(b.Segments, int32(min(1, t/3)))
		}
		b.MaskedPos = append(b.MaskedPos, int32(i*o.SeqLen+s.IntN(4)), -1)
		b.MaskedLabels = append(b.MaskedLabels, int32(s.IntN(40)), -1)
		b.NSPLabels = append(b.NSPLabels, int32(s.IntN(2)))
	}
	return b
}

var stepAdam = backend.AdamConfig{Beta1: 0.9, Beta2: 0.999, Eps: 1e-6, WeightDecay: 0.01, MaxGradNorm: 1}

// counted is a driver that counts calls.
type counted struct {
	gpu.Driver
	captures, replays, launches, syncs, waits int
}

func (d *counted) EndCapture(s gpu.Stream) (gpu.Graph, error) {
	d.captures++
	return d.Driver.EndCapture(s)
}
func (d *counted) LaunchGraph(g gpu.Graph, s gpu.Stream) error {
	d.replays++
	return d.Driver.LaunchGraph(g, s)
}
func (d *counted) Launch(s gpu.Stream, f gpu.Function, grid, block gpu.Dim3, shared int, args []uint64) error {
	d.launches++
	return d.Driver.Launch(s, f, grid, block, shared, args)
}
func (d *counted) Sync(s gpu.Stream) error {
	d.syncs++
	return d.Driver.Sync(s)
}
func (d *counted) Wait(e gpu.Event) error {
	d.waits++
	return d.Driver.Wait(e)
}

// trained is what a run leaves: losses, norms, evaluations, statistics, weights,
// moments and topologies.
type trained struct {
	results []model.StepResult
	evals   []model.EvalSums
	floats  [][]float32
	topo    []*sparse.Topology
}

// pretrain runs steps of accumulated micro-batches with updates, evaluations of
// two sizes and a smaller batch between, and hands over batches ahead if asked to.
func pretrain(t *testing.T, d gpu.Driver, o gpu.Options, c model.Config, ahead bool) (got trained) {
	t.Helper()
	b, err := gpu.New(d, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	m, err := model.New(b, c, stepOptions)
	if err != nil {
		t.Fatal(err)
	}
	const steps = 5
	var batches [steps + 1][]model.Batch
	for s := range batches {
		batches[s] = []model.Batch{stepBatch(3, uint64(s))}
		switch {
		case s == 1:
			batches[s] = []model.Batch{stepBatch(2, 99)}
		case s == 4:
			batches[s] = append(batches[s], stepBatch(3, uint64(s+50)))
		}
	}
	for s := range steps {
		a := model.StepArgs{Step: int64(s), LR: 0.01 / float64(s+1), Adam: stepAdam}
		if s < 3 {
			a.Update = &sparse.Update{Seed: 3, Number: s + 1, PruneRatio: 0.3, Growth: c.Growth}
		}
		if ahead {
			a.Next = &batches[s+1][0]
		}
		r, err := m.Step(a, batches[s])
		if err != nil {
			t.Fatalf("step %d: %v", s, err)
		}
		got.results = append(got.results, r)
		if s%2 == 1 {
			for _, size := range []int{3, 1} {
				e, err := m.Eval(stepBatch(size, 7))
				if err != nil {
					t.Fatal(err)
				}
				got.evals = append(got.evals, e)
			}
		}
	}
	for _, p := range m.Params() {
		for _, x := range []backend.Buffer{p.Values(), p.M(), p.V()} {
			v := make([]float32, x.Len())
			if err := b.ReadFloats(v, x, 0); err != nil {
				t.Fatal(err)
			}
			got.floats = append(got.floats, v)
		}
	}
	if got.topo, err = m.Topologies(); err != nil {
		t.Fatal(err)
	}
	return got
}

// TestGraphsChangeNothing: with graphs and without, with batches handed over ahead
// or not, training gives the same bits.
func TestGraphsChangeNothing(t *testing.T) {
	for _, x := range []struct {
		act    backend.DType
		block  int
		growth sparse.Growth
	}{{backend.F32, 4, sparse.GrowGradient}, {backend.BF16, 16, sparse.GrowRandom}} {
		c := stepModel(x.block, x.growth)
		d := &counted{Driver: simdriver.New(simdriver.Options{})}
		want := pretrain(t, d, gpu.Options{Activation: x.act, NoGraphs: true}, c, false)
		if d.captures+d.replays != 0 {
			t.Errorf("found %d captures and %d replays, expected none without graphs", d.captures, d.replays)
		}
		g := &counted{Driver: simdriver.New(simdriver.Options{})}
		got := pretrain(t, g, gpu.Options{Activation: x.act}, c, true)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%v, B = %d: found %+v, expected %+v", x.act, x.block, got.results, want.results)
		}
		if g.captures < 3 || g.replays <= g.captures || g.launches >= d.launches {
			t.Errorf("found %d captures, %d replays and %d launches (%d without graphs)", g.captures, g.replays, g.launches, d.launches)
		}
	}
}

// TestStepIsAFewLaunches: a step is a copy of the scalars and of the batch and a
// graph, a wait, and a graph for the optimizer; an update is one more.
func TestStepIsAFewLaunches(t *testing.T) {
	d := &counted{Driver: gpu.NewPlanDriver(simdriver.New(simdriver.Options{}))}
	b, err := gpu.New(d, gpu.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	m, err := model.New(b, stepModel(4, sparse.GrowRandom), stepOptions)
	if err != nil {
		t.Fatal(err)
	}
	batch := stepBatch(3, 1)
	for s := range 8 {
		*d = counted{Driver: d.Driver}
		a, want := model.StepArgs{Step: int64(s), LR: 0.01, Adam: stepAdam}, 2
		if s >= 4 {
			a.Update, want = &sparse.Update{Number: s, PruneRatio: 0.2}, 3
		}
		if _, err := m.Step(a, []model.Batch{batch}); err != nil {
			t.Fatal(err)
		}
		if s > 1 && s < 4 || s > 6 {
			if d.replays != want || d.launches+d.captures+d.waits != 0 {
				t.Errorf("step %d: found %+v, expected %d replays", s, *d, want)
			}
		}
	}
}

// TestPlanIsWhatTrainingTakes, to the byte, and the estimate has all of it.
func TestPlanIsWhatTrainingTakes(t *testing.T) {
	for _, x := range []struct {
		act       backend.DType
		block     int
		growth    sparse.Growth
		method    model.Method
		recompute bool
		replicas  int
	}{
		{backend.F32, 4, sparse.GrowRandom, model.Dynamic, false, 4},
		{backend.BF16, 16, sparse.GrowGradient, model.Dynamic, true, 1},
		{backend.BF16, 4, sparse.GrowFanIn, model.Dynamic, false, 1},
		{backend.BF16, 1, sparse.GrowRandom, model.Dynamic, false, 1},
		{backend.BF16, 0, sparse.GrowRandom, model.Dense, false, 1},
	} {
		name := fmt.Sprintf("%v, B = %d, %v, %v", x.act, x.block, x.growth, x.method)
		c, o := stepModel(x.block, x.growth), stepOptions
		c.Method, o.Recompute, o.Replicas = x.method, x.recompute, x.replicas
		if x.method == model.Dense {
			c.BlockSize, c.Sparsity = 0, 0
		}
		d := simdriver.New(simdriver.Options{})
		b, err := gpu.New(d, gpu.Options{Activation: x.act})
		if err != nil {
			t.Fatal(err)
		}
		start := b.Capabilities().Planner.DeviceMemory().Bytes
		plan, err := model.PlanMemory(b.Capabilities().Planner, c, o)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if n := b.Capabilities().Planner.DeviceMemory().Bytes; n != start {
			t.Errorf("%s: the plan took %d bytes", name, n-start)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		d = simdriver.New(simdriver.Options{})
		if b, err = gpu.New(d, gpu.Options{Activation: x.act}); err != nil {
			t.Fatal(err)
		}
		m, err := model.New(b, c, o)
		if err != nil {
			t.Fatal(err)
		}
		for s := range 2 {
			a := model.StepArgs{Step: int64(s), LR: 0.01, Adam: stepAdam}
			if s == 0 && x.method == model.Dynamic {
				a.Update = &sparse.Update{Number: 1, PruneRatio: 0.3, Growth: c.Growth}
			}
			if _, err := m.Step(a, slices.Repeat([]model.Batch{stepBatch(3, 1)}, x.replicas)); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if _, err := m.Eval(stepBatch(3-s, 1)); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		free, total, err := d.Memory()
		if err != nil || total-free != plan.Bytes || plan.Needed != plan.Bytes || !reflect.DeepEqual(b.Capabilities().Planner.DeviceMemory(), plan) {
			t.Errorf("%s: the driver says %d bytes (%v), the backend %+v, the plan %+v", name, total-free, err, b.Capabilities().Planner.DeviceMemory(), plan)
		}
		if n := b.MemoryBytes() + b.WorkingBytes(); n != plan.Bytes {
			t.Errorf("%s: found MemoryBytes and WorkingBytes of %d, expected %d", name, n, plan.Bytes)
		}
		l, err := model.EstimateCost(c, o, model.StorageOf(b))
		if err != nil {
			t.Fatal(err)
		}
		l.AddWorking(plan, plan)
		if l.MemoryBytes != plan.Bytes {
			t.Errorf("%s: the estimate says %d bytes, the plan %d", name, l.MemoryBytes, plan.Bytes)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPages: large allocations take whole pages, small ones share them.
func TestPages(t *testing.T) {
	b, err := gpu.New(paged{simdriver.New(simdriver.Options{MemoryBytes: 64 << 20})}, gpu.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	b.Alloc("small", backend.F32, 100)
	if m := b.Capabilities().Planner.DeviceMemory(); m.Needed != 2<<20 || m.Bytes >= 2<<20 {
		t.Errorf("found %+v, expected a page", m)
	}
	b.Alloc("large", backend.F32, 1<<19+1)
	if m := b.Capabilities().Planner.DeviceMemory(); m.Needed != 6<<20 {
		t.Errorf("found %+v, expected three pages", m)
	}
	free, total, err := b.Capabilities().Planner.FreeMemory()
	if want := 64<<20 - b.Capabilities().Planner.DeviceMemory().Bytes - 8<<20; err != nil || free != want || total != 64<<20 {
		t.Errorf("found %d of %d bytes free (%v), expected %d", free, total, err, want)
	}
}

// paged is a device with pages and a reserve.
type paged struct{ gpu.Driver }

func (d paged) Properties() gpu.Properties {
	p := d.Driver.Properties()
	p.PageBytes, p.ReservedBytes = 2<<20, 8<<20
	return p
}

// TestEveryFailureOfAStep: whatever call of the driver fails, training ends with
// that error, in one line.
func TestEveryFailureOfAStep(t *testing.T) {
	for _, op := range faultdriver.Ops() {
		for at := 1; ; at++ {
			inner := gpu.NewPlanDriver(simdriver.New(simdriver.Options{}))
			d, err := faultdriver.New(inner, faultdriver.Plan{Op: op, At: at})
			if err != nil {
				t.Fatal(err)
			}
			err = failingSteps(d)
			if !d.Failed() {
				if err != nil {
					t.Errorf("%s: found the error %v, expected none", op, err)
				}
				break
			}
			if !errors.Is(err, faultdriver.ErrInjected) || strings.ContainsAny(err.Error(), "\n") {
				t.Fatalf("%s, call %d: found the error %q, expected one line around %q", op, at, err, faultdriver.ErrInjected)
			}
		}
	}
}

// failingSteps runs a few steps and closes the backend.
func failingSteps(d gpu.Driver) (err error) {
	b, err := gpu.New(d, gpu.Options{})
	if err != nil {
		return err
	}
	defer func() {
		if late := b.Close(); err == nil {
			err = late
		}
	}()
	o := stepOptions
	o.Replicas = 2
	m, err := model.New(b, stepModel(4, sparse.GrowRandom), o)
	if err != nil {
		return err
	}
	for s := range 3 {
		if s == 2 { // what was recorded is void
			b.Alloc("late", backend.F32, 8)
		}
		if _, err := m.Step(model.StepArgs{Step: int64(s), Adam: stepAdam, Update: &sparse.Update{Number: s + 1}}, slices.Repeat([]model.Batch{stepBatch(1, 1)}, 2)); err != nil {
			return err
		}
	}
	return nil
}
