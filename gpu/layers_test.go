package gpu_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/internal/philox"
	"github.com/sparsebert/sparsebert-gpu/internal/reference"
)

// layers is the part of the interface that these tests use, of both backends.
type layers interface {
	Alloc(name string, dt backend.DType, n int) backend.Buffer
	NewParam(spec backend.ParamSpec) backend.Param
	WriteFloats(dst backend.Buffer, off int, src []float32)
	WriteInts(dst backend.Buffer, off int, src []int32)
	ReadFloats(dst []float32, src backend.Buffer, off int) error
	Activation() backend.DType
	BeginStep(s backend.StepScalars)
	Sync() error
	backend.Losses
	EmbedGrad(word, pos, typ backend.Param, dz, ids, segments backend.Buffer, t, seq int)
	AddNorm(y, z, mean, rstd, residual, sub backend.Buffer, gamma, beta backend.Param, t int, d backend.Dropout)
	AddNormGrad(dresidual, dsub, dy, z, mean, rstd backend.Buffer, gamma, beta backend.Param, t int, d backend.Dropout)
	DropoutApply(y, x backend.Buffer, n int, d backend.Dropout)
	Gather(dst, src, index backend.Buffer, n, h int)
	ScatterAdd(dst, src, index backend.Buffer, n, h int)
}

func newSim(t *testing.T, act backend.DType) (*gpu.Backend, *simdriver.Driver) {
	t.Helper()
	d := simdriver.New(simdriver.Options{})
	b, err := gpu.New(d, gpu.Options{Activation: act})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b, d
}

func floats(b layers, dt backend.DType, x []float32) backend.Buffer {
	buf := b.Alloc("floats", dt, len(x))
	b.WriteFloats(buf, 0, x)
	return buf
}

func ints(b layers, x []int32) backend.Buffer {
	buf := b.Alloc("integers", backend.I32, len(x))
	b.WriteInts(buf, 0, x)
	return buf
}

func dense(b layers, out, in int) backend.Param {
	return b.NewParam(backend.ParamSpec{Name: "w", Out: out, In: in})
}

// same fails the test unless the buffers hold the same numbers, up to tolerance
// times their size or 1.
func same(t *testing.T, what string, b, ref layers, x, want backend.Buffer, tolerance float64) {
	t.Helper()
	got, expected := make([]float32, x.Len()), make([]float32, want.Len())
	if err := b.ReadFloats(got, x, 0); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if err := ref.ReadFloats(expected, want, 0); err != nil {
		t.Fatalf("%s: the reference: %v", what, err)
	}
	for i, w := range expected {
		if diff := math.Abs(float64(got[i]) - float64(w)); !(diff <= tolerance*max(1, math.Abs(float64(w)))) {
			t.Errorf("%s[%d]: found %v, expected %v", what, i, got[i], w)
			return
		}
	}
}

// small returns n integers from -4 to 4, whose sums are exact in any order.
func small(s *philox.Stream, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(s.IntN(9) - 4)
	}
	return x
}

// TestManyRows: more target rows than two digits of the sort hold, runs of one row
// that are longer than 32 chunks, runs that begin and end on the border of one.
func TestManyRows(t *testing.T) {
	const words, seq, tokens = 70001, 640, 64 * 81
	s := philox.NewStream(1, philox.TestData, 0, 0)
	ids, segments := make([]int32, tokens), make([]int32, tokens)
	for i := range ids {
		switch ids[i] = int32(s.IntN(words)); {
		case i%2 == 0:
			ids[i] = words / 2
		case i%3 == 0:
			ids[i] = int32(s.IntN(40)) * 1749
		}
		segments[i] = int32(min(2, i/(64*16)))
	}
	index := slices.Clone(ids)
	for i := range index {
		if i%5 == 0 {
			index[i] = -1 - int32(i)
		}
	}
	for _, h := range []int{3, 8} {
		b, _ := newSim(t, backend.F32)
		data, start := small(&s, tokens*h), small(&s, words*h)
		all := []layers{b, reference.New()}
		var tables [2][3]backend.Param
		var sums [2]backend.Buffer
		for i, x := range all {
			tables[i] = [3]backend.Param{dense(x, words, h), dense(x, seq, h), dense(x, 3, h)}
			x.WriteFloats(tables[i][0].Grad(), 0, start)
			rows := floats(x, x.Activation(), data)
			x.EmbedGrad(tables[i][0], tables[i][1], tables[i][2], rows, ints(x, ids), ints(x, segments), tokens, seq)
			sums[i] = floats(x, x.Activation(), start)
			x.ScatterAdd(sums[i], rows, ints(x, index), tokens, h)
		}
		for k, name := range []string{"word", "pos", "typ"} {
			same(t, fmt.Sprintf("h=%d: %s", h, name), all[0], all[1], tables[0][k].Grad(), tables[1][k].Grad(), 0)
		}
		same(t, fmt.Sprintf("h=%d: ScatterAdd", h), all[0], all[1], sums[0], sums[1], 0)
	}
}

// TestWideNorm: rows that do not fit the registers of a warp, and rows that do not
// fit shared memory.
func TestWideNorm(t *testing.T) {
	const tokens = 3
	s := philox.NewStream(2, philox.TestData, 0, 0)
	for _, h := range []int{1024, 1032, 4096} {
		b, _ := newSim(t, backend.F32)
		residual, sub, d := small(&s, tokens*h), small(&s, tokens*h), backend.Dropout{Rate: 0.25, Site: 3}
		all := []layers{b, reference.New()}
		var out [2][]backend.Buffer
		for i, x := range all {
			x.BeginStep(backend.StepScalars{Seed: 9, Step: 4, Train: true})
			gamma, beta := dense(x, 1, h), dense(x, 1, h)
			x.WriteFloats(gamma.Values(), 0, sub[:h])
			x.WriteFloats(beta.Values(), 0, residual[:h])
			act := func() backend.Buffer { return x.Alloc("x", x.Activation(), tokens*h) }
			row := func() backend.Buffer { return x.Alloc("row", backend.F32, tokens) }
			y, z, mean, rstd := act(), act(), row(), row()
			x.AddNorm(y, z, mean, rstd, floats(x, x.Activation(), residual), floats(x, x.Activation(), sub), gamma, beta, tokens, d)
			dres, dsub := act(), act()
			x.AddNormGrad(dres, dsub, y, z, mean, rstd, gamma, beta, tokens, d)
			out[i] = []backend.Buffer{y, z, mean, rstd, dres, dsub, gamma.Grad(), beta.Grad()}
		}
		for k, name := range []string{"y", "z", "mean", "rstd", "dresidual", "dsub", "gamma", "beta"} {
			same(t, fmt.Sprintf("h=%d: %s", h, name), all[0], all[1], out[0][k], out[1][k], 2e-5)
		}
	}
	b, d := newSim(t, backend.BF16)
	h := d.Properties().SharedBytes/8 + 1
	x, z, row := b.Alloc("x", backend.BF16, h), b.Alloc("z", backend.BF16, h), b.Alloc("row", backend.F32, 1)
	b.AddNormGrad(x, nil, x, z, row, row, dense(b, 1, h), dense(b, 1, h), 1, backend.Dropout{})
	fails(t, b, fmt.Sprintf("AddNormGrad: columns: found %d, expected at most %d", h, h-1))
}

// fails fails the test unless Sync returns an error with these words.
func fails(t *testing.T, b *gpu.Backend, words string) {
	t.Helper()
	if err := b.Sync(); err == nil || !strings.Contains(err.Error(), words) {
		t.Errorf("found the error %v, expected one with %q", err, words)
	}
}

// TestFirstBadInteger: of several operations the first one is reported, and of
// several integers the first one, wherever its thread ran.
func TestFirstBadInteger(t *testing.T) {
	const n, h = 3000, 8
	bad := make([]int32, n)
	for i := 700; i < n; i += 3 {
		bad[i] = int32(1<<20 + n - i)
	}
	for range 2 {
		b, _ := newSim(t, backend.F32)
		x, list := floats(b, backend.F32, make([]float32, n*h)), ints(b, bad)
		early := slices.Clone(bad)
		early[5] = n
		b.Gather(b.Alloc("dst", backend.F32, n*h), x, list, n, h)
		b.ScatterAdd(b.Alloc("sum", backend.F32, n*h), x, ints(b, early), n, h)
		fails(t, b, fmt.Sprintf("Gather: index[700]: found %d, expected less than %d", bad[700], n))
	}
	b, _ := newSim(t, backend.F32)
	b.EmbedGrad(dense(b, 9, h), dense(b, 7, h), dense(b, 2, h), b.Alloc("dz", backend.F32, n*h), ints(b, make([]int32, n)), ints(b, bad), n, 7)
	fails(t, b, fmt.Sprintf("EmbedGrad: segments[700]: found %d, expected 0 to 1", bad[700]))
}

// TestManySlots: more kinds of bad integers than are allocated together.
func TestManySlots(t *testing.T) {
	b, _ := newSim(t, backend.F32)
	stats, logits, labels := b.Alloc("stats", backend.F32, 3), b.Alloc("logits", backend.F32, 900), ints(b, []int32{0, 399, -7})
	for c := 1; c <= 300; c++ {
		if c == 300 {
			if err := b.Sync(); err != nil {
				t.Fatal(err)
			}
		}
		list := labels
		if c < 300 {
			list = ints(b, []int32{0, 0, -7})
		}
		b.CrossEntropy(stats, logits, list, 3, c, backend.MLM, false)
	}
	fails(t, b, "CrossEntropy: labels[1]: found 399, expected less than 300")
}

// TestStepsWithoutSync: BeginStep may be called more often than pinned memory has
// room for, and each operation sees the scalars of its step.
func TestStepsWithoutSync(t *testing.T) {
	const steps, n = 150, 64
	b, _ := newSim(t, backend.F32)
	all := []layers{b, reference.New()}
	var y [2][steps]backend.Buffer
	for i, x := range all {
		ones := floats(x, x.Activation(), slices.Repeat([]float32{1}, n))
		for k := range steps {
			y[i][k] = x.Alloc("y", x.Activation(), n)
			x.BeginStep(backend.StepScalars{Seed: 3<<40 | 5, Step: int64(k), Micro: k % 3, Train: true})
			x.DropoutApply(y[i][k], ones, n, backend.Dropout{Rate: 0.5, Site: 1})
		}
	}
	for k := range steps {
		same(t, fmt.Sprintf("step %d", k), all[0], all[1], y[0][k], y[1][k], 0)
	}
}

// TestReplayedStep: operations that were recorded once follow the scalars of the
// step in which they are replayed.
func TestReplayedStep(t *testing.T) {
	const rows, c = 6, 40
	s := philox.NewStream(4, philox.TestData, 0, 0)
	data, labels := small(&s, rows*c), []int32{3, -1, 0, 39, 7, 7}
	b, d := newSim(t, backend.F32)
	run := func(x layers, y, stats, list backend.Buffer) {
		x.DropoutApply(y, y, rows*c, backend.Dropout{Rate: 0.3, Site: 2})
		x.CrossEntropy(stats, y, list, rows, c, backend.MLM, true)
	}
	y, stats, list := floats(b, backend.F32, data), b.Alloc("stats", backend.F32, 3), ints(b, labels)
	run(b, y, stats, list) // loads the kernels and takes the scratch
	if err := b.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := d.BeginCapture(0); err != nil {
		t.Fatal(err)
	}
	run(b, y, stats, list)
	g, err := d.EndCapture(0)
	if err != nil {
		t.Fatal(err)
	}
	for step := range 4 {
		scalars := backend.StepScalars{Seed: 77, Step: int64(step), Train: step != 2, MLMScale: float32(step) / 4}
		b.WriteFloats(y, 0, data)
		b.WriteFloats(stats, 0, make([]float32, 3))
		b.BeginStep(scalars)
		if err := d.LaunchGraph(g, 0); err != nil {
			t.Fatal(err)
		}
		ref := reference.New()
		want, sums := floats(ref, backend.F64, data), ref.Alloc("stats", backend.F32, 3)
		ref.BeginStep(scalars)
		run(ref, want, sums, ints(ref, labels))
		same(t, fmt.Sprintf("step %d: gradient", step), b, ref, y, want, 1e-5)
		same(t, fmt.Sprintf("step %d: stats", step), b, ref, stats, sums, 1e-5)
	}
}

// TestUnboundedLogits: an infinity among the logits gives what arithmetic says, and
// no row touches another.
func TestUnboundedLogits(t *testing.T) {
	const c = 300
	inf := float32(math.Inf(1))
	logits := make([]float32, 4*c)
	for i := range c {
		logits[i] = -inf // all but one of row 0, in every group of 8
		logits[c+i] = float32(i % 7)
	}
	logits[5] = 2
	logits[2*c+9] = inf
	logits[3*c+299] = -inf
	b, _ := newSim(t, backend.F32)
	x, stats := floats(b, backend.F32, logits), b.Alloc("stats", backend.F32, 3)
	b.BeginStep(backend.StepScalars{MLMScale: 1})
	b.CrossEntropy(stats, x, ints(b, []int32{5, 6, -1, 0}), 4, c, backend.MLM, true)
	got := make([]float32, 4*c)
	if err := b.ReadFloats(got, x, 0); err != nil {
		t.Fatal(err)
	}
	if got[0] != 0 || got[5] != 0 || got[2*c+9] != 0 || got[3*c+299] != 0 {
		t.Errorf("found the gradients %v, %v, %v and %v, expected 0", got[0], got[5], got[2*c+9], got[3*c+299])
	}
	if v := float64(got[3*c+1]) * (c - 1); math.Abs(v-1) > 1e-5 {
		t.Errorf("found %v of the expected probability, 1/299", v)
	}
	if err := b.ReadFloats(got[:3], stats, 0); err != nil || got[1] != 3 || got[2] != 3 || math.IsNaN(float64(got[0])) {
		t.Errorf("found stats %v and error %v, expected 3 rows and 3 hits", got[:3], err)
	}
}
