package model_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/reference"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// state is everything of a model that training changes.
type state struct {
	values, m, v []float64
	topo         *sparse.Topology
}

func stateOf(t *testing.T, b *reference.Backend, m *model.Model) []state {
	t.Helper()
	var all []state
	for _, p := range m.Params() {
		topo, err := b.Topology(p)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, state{doubles(t, b, p.Values()), doubles(t, b, p.M()), doubles(t, b, p.V()), topo})
	}
	return all
}

// difference names the first thing in which two states differ in any bit.
func difference(m *model.Model, x, y []state) string {
	same := func(a, b []float64) bool {
		return slices.EqualFunc(a, b, func(p, q float64) bool { return math.Float64bits(p) == math.Float64bits(q) })
	}
	for i := range x {
		name := m.Table()[i].Name
		switch {
		case !same(x[i].values, y[i].values):
			return "values of " + name
		case !same(x[i].m, y[i].m):
			return "first moments of " + name
		case !same(x[i].v, y[i].v):
			return "second moments of " + name
		case (x[i].topo == nil) != (y[i].topo == nil), x[i].topo != nil && !x[i].topo.Equal(y[i].topo):
			return "topology of " + name
		}
	}
	return ""
}

func update(number int) *sparse.Update {
	return &sparse.Update{Seed: 11, Number: number, PruneRatio: 0.5}
}

func TestAccumulationEqualsOneBatch(t *testing.T) {
	c := smallConfig(model.Dynamic, 4)
	o := smallOptions
	o.MicroBatch = 8
	one, two := reference.New(), reference.New()
	large, small := build(t, one, c, o), build(t, two, c, smallOptions)
	randomize(t, one, large)
	randomize(t, two, small)

	whole := smallBatch(8, 1)
	part := func(i int) model.Batch {
		tok, mask := smallOptions.SeqLen, smallOptions.MaxMasked
		p := model.Batch{
			Size: 4, IDs: whole.IDs[i*4*tok : (i+1)*4*tok], Segments: whole.Segments[i*4*tok : (i+1)*4*tok],
			Lengths: whole.Lengths[i*4 : (i+1)*4], NSPLabels: whole.NSPLabels[i*4 : (i+1)*4],
			MaskedLabels: whole.MaskedLabels[i*4*mask : (i+1)*4*mask],
		}
		for _, pos := range whole.MaskedPos[i*4*mask : (i+1)*4*mask] {
			if pos >= 0 {
				pos -= int32(i * 4 * tok)
			}
			p.MaskedPos = append(p.MaskedPos, pos)
		}
		return p
	}
	// An uneven split of the labels: the parts' own means must not be averaged.
	whole.MaskedPos[0], whole.MaskedLabels[0] = -1, -1
	whole.NSPLabels[1], whole.NSPLabels[2] = -1, -1

	x, err := large.Gradients([]model.Batch{whole}, false)
	if err != nil {
		t.Fatal(err)
	}
	y, err := small.Gradients([]model.Batch{part(0), part(1)}, false)
	if err != nil {
		t.Fatal(err)
	}
	if x.Masked != 15 || x.Pairs != 6 || y.Masked != 15 || y.Pairs != 6 {
		t.Errorf("found %d and %d masked, %d and %d pairs, expected 15 and 6", x.Masked, y.Masked, x.Pairs, y.Pairs)
	}
	if !(math.Abs(x.MLMLoss-y.MLMLoss) <= 1e-12) || !(math.Abs(x.NSPLoss-y.NSPLoss) <= 1e-12) || x.MLMAccuracy != y.MLMAccuracy || x.NSPAccuracy != y.NSPAccuracy {
		t.Errorf("found %+v, expected %+v", y, x)
	}
	for i := range large.Params() {
		g, h := doubles(t, one, large.Params()[i].Grad()), doubles(t, two, small.Params()[i].Grad())
		for j := range g {
			if !(math.Abs(g[j]-h[j]) <= 1e-13) {
				t.Fatalf("%s[%d]: found gradient %v, expected %v", large.Table()[i].Name, j, h[j], g[j])
			}
		}
	}
}

// TestAccumulationDropout: each micro-batch has a dropout mask of its own.
func TestAccumulationDropout(t *testing.T) {
	b := reference.New()
	c := smallConfig(model.Dense, 0)
	c.Dropout = 0.5
	m := build(t, b, c, smallOptions)
	batch := smallBatch(4, 1)
	loss := func(micro ...model.Batch) float64 {
		r, err := m.Gradients(micro, true)
		if err != nil {
			t.Fatal(err)
		}
		return r.MLMLoss
	}
	if once, twice := loss(batch), loss(batch, batch); math.Abs(once-twice) < 1e-9 {
		t.Errorf("found the same loss %v with the same batch twice, expected another dropout", once)
	}
}

func TestStepIsDeterministic(t *testing.T) {
	for _, growth := range []sparse.Growth{sparse.GrowRandom, sparse.GrowGradient, sparse.GrowFanIn} {
		run := func() (*model.Model, []state, []float64) {
			b := reference.New()
			c := smallConfig(model.Dynamic, 4)
			c.Dropout, c.Growth = 0.1, growth
			m := build(t, b, c, smallOptions)
			var losses []float64
			for s := range 4 {
				a := model.StepArgs{Step: int64(s), LR: 1e-2, Adam: adam()}
				if s%2 == 1 {
					a.Update = update(s/2 + 1)
					a.Update.Growth = growth
				}
				losses = append(losses, step(t, m, a, smallBatch(4, uint64(s)), smallBatch(4, uint64(s+9))).Loss())
			}
			return m, stateOf(t, b, m), losses
		}
		m, x, lx := run()
		_, y, ly := run()
		if d := difference(m, x, y); d != "" || !slices.Equal(lx, ly) {
			t.Errorf("%s: two runs differ in %s, losses %v and %v", growth, d, lx, ly)
		}
		for i, p := range m.Params() {
			if p.Sparse() {
				if err := x[i].topo.Check(); err != nil {
					t.Errorf("%s: %s: %v", growth, m.Table()[i].Name, err)
				}
			}
		}
	}
}

func TestOverfitsOneBatch(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: starts no goroutine")
	}
	for _, method := range []model.Method{model.Dense, model.Static, model.Dynamic} {
		b := reference.New()
		m := build(t, b, smallConfig(method, 4), smallOptions)
		batch := smallBatch(4, 1)
		var first, last model.StepResult
		for s := range 80 {
			a := model.StepArgs{Step: int64(s), LR: 2e-2, Adam: adam()}
			a.Adam.WeightDecay = 0
			if method == model.Dynamic && s%10 == 9 && s < 60 {
				a.Update = update(s/10 + 1)
				a.Update.PruneRatio = 0.2
			}
			last = step(t, m, a, batch)
			if s == 0 {
				first = last
			}
		}
		if !(math.Abs(first.MLMLoss-math.Log(40)) < 0.3) || !(math.Abs(first.NSPLoss-math.Ln2) < 0.1) {
			t.Errorf("%s: found first losses %v and %v, expected about ln 40 and ln 2", method, first.MLMLoss, first.NSPLoss)
		}
		if !(last.Loss() < 0.1) || last.MLMAccuracy != 1 || last.NSPAccuracy != 1 {
			t.Errorf("%s: found %+v after training on one batch, expected it learnt", method, last)
		}
		// The same batch evaluates to the same, dropout being off in both.
		r, err := m.Gradients([]model.Batch{batch}, false)
		if err != nil {
			t.Fatal(err)
		}
		e, err := m.Eval(batch)
		if err != nil {
			t.Fatal(err)
		}
		if !(math.Abs(e.MLMLossSum-8*r.MLMLoss) <= 1e-12) || !(math.Abs(e.NSPLossSum-4*r.NSPLoss) <= 1e-12) ||
			e.Masked != 8 || e.Pairs != 4 || e.MLMCorrect != 8 || e.NSPCorrect != 4 {
			t.Errorf("%s: found evaluation %+v, expected that of %+v", method, e, r)
		}
	}
}

// poison is a backend in which something is not finite.
type poison struct {
	*reference.Backend
	grad backend.Buffer // gets a NaN before the norm is taken
}

func (p *poison) GradNorm(norm backend.Buffer, params []backend.Param) {
	if p.grad != nil {
		p.WriteFloats(p.grad, 2, []float32{float32(math.NaN())})
	}
	p.Backend.GradNorm(norm, params)
}

func TestNotFiniteChangesNothing(t *testing.T) {
	batch := smallBatch(4, 1)
	for _, c := range []struct {
		name  string
		want  string
		plant func(*poison, *model.Model)
	}{
		{"NaN in the MLM loss", "MLM loss", func(p *poison, m *model.Model) {
			p.WriteFloats(m.Param("cls.predictions.bias").Values(), 3, []float32{float32(math.NaN())})
		}},
		{"infinity in the NSP loss", "NSP loss", func(p *poison, m *model.Model) {
			p.WriteFloats(m.Param("cls.seq_relationship.bias").Values(), 0, []float32{float32(math.Inf(-1))})
		}},
		{"NaN in a gradient", "gradient of bert.encoder.layer.1.output.dense.weight: not finite: found NaN at element 2", func(p *poison, m *model.Model) {
			p.grad = m.Param("bert.encoder.layer.1.output.dense.weight").Grad()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := reference.New()
			p := &poison{Backend: b}
			m := build(t, p, smallConfig(model.Dynamic, 4), smallOptions)
			step(t, m, model.StepArgs{LR: 1e-2, Adam: adam()}, batch)
			c.plant(p, m)
			before := stateOf(t, b, m)
			_, err := m.Step(model.StepArgs{Step: 1, LR: 1e-2, Adam: adam(), Update: update(1)}, []model.Batch{batch})
			if !errors.Is(err, model.ErrNotFinite) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("found error %v, expected ErrNotFinite naming %q", err, c.want)
			}
			if d := difference(m, before, stateOf(t, b, m)); d != "" {
				t.Errorf("%s changed", d)
			}
		})
	}
}

// TestFixedMaskedSlots: running the MLM head on unused slots too changes nothing.
func TestFixedMaskedSlots(t *testing.T) {
	o := smallOptions
	o.FixedMasked = true
	b, bf := reference.New(), reference.New()
	m, fixed := build(t, b, smallConfig(model.Dynamic, 4), smallOptions), build(t, bf, smallConfig(model.Dynamic, 4), o)
	for s := range 2 {
		a := model.StepArgs{Step: int64(s), LR: 1e-2, Adam: adam()}
		x, y := step(t, m, a, smallBatch(3, uint64(s))), step(t, fixed, a, smallBatch(3, uint64(s)))
		if !(math.Abs(x.Loss()-y.Loss()) <= 1e-13) || !(math.Abs(x.GradNorm-y.GradNorm) <= 1e-13) {
			t.Errorf("step %d: found %+v, expected %+v", s, y, x)
		}
	}
}

// TestNothingToPredict: a batch without labels has no loss and no gradient.
func TestNothingToPredict(t *testing.T) {
	b := reference.New()
	m := build(t, b, smallConfig(model.Dynamic, 4), smallOptions)
	batch := smallBatch(4, 1)
	for i := range batch.MaskedPos {
		batch.MaskedPos[i], batch.MaskedLabels[i] = -1, -1
	}
	for i := range batch.NSPLabels {
		batch.NSPLabels[i] = -1
	}
	batch.Lengths[1] = 0
	r, err := m.Gradients([]model.Batch{batch}, true)
	if err != nil {
		t.Fatal(err)
	}
	if r.Loss() != 0 || r.GradNorm != 0 || r.Masked != 0 || r.Pairs != 0 {
		t.Errorf("found %+v, expected zeros", r)
	}
}
