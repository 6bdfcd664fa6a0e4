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

// TestStaticFollowsDynamicUntilTheFirstUpdate and keeps its topology.
func TestStaticFollowsDynamicUntilTheFirstUpdate(t *testing.T) {
	bs, bd := reference.New(), reference.New()
	st := build(t, bs, smallConfig(model.Static, 4), smallOptions)
	dy := build(t, bd, smallConfig(model.Dynamic, 4), smallOptions)
	start := stateOf(t, bs, st)
	for s := range 3 {
		a := model.StepArgs{Step: int64(s), LR: 1e-2, Adam: adam()}
		step(t, st, a, smallBatch(4, uint64(s)))
		if s == 2 {
			if d := difference(st, stateOf(t, bs, st), stateOf(t, bd, dy)); d == "" {
				t.Error("found equal states a step apart: the comparison sees nothing")
			}
			a.Update = update(1)
		}
		step(t, dy, a, smallBatch(4, uint64(s)))
		if d := difference(st, stateOf(t, bs, st), stateOf(t, bd, dy)); (d == "") != (s < 2) {
			t.Errorf("step %d: difference %q", s, d)
		}
	}
	for i, s := range stateOf(t, bs, st) {
		if s.topo != nil && !s.topo.Equal(start[i].topo) {
			t.Errorf("%s: the static topology moved", st.Table()[i].Name)
		}
	}
}

func TestNewbornBlocksAreZero(t *testing.T) {
	b := reference.New()
	m := build(t, b, smallConfig(model.Dynamic, 4), smallOptions)
	step(t, m, model.StepArgs{Step: 0, LR: 1e-2, Adam: adam()}, smallBatch(4, 1))
	r := step(t, m, model.StepArgs{Step: 1, LR: 1e-2, Adam: adam(), Update: update(1)}, smallBatch(4, 2))
	if len(r.Topology) != len(m.SparseParams()) || len(r.Topology) != 12 {
		t.Fatalf("found %d statistics for %d sparse tensors, expected 12", len(r.Topology), len(m.SparseParams()))
	}
	k := 0
	for i, s := range stateOf(t, b, m) {
		if s.topo == nil {
			continue
		}
		born := 0
		for slot := range s.topo.NNZ() {
			isNew := s.topo.Born[slot] == 2
			if isNew != (s.topo.NewAt[slot] == 1) {
				t.Errorf("%s: slot %d: born after step %d at update %d", m.Table()[i].Name, slot, s.topo.Born[slot], s.topo.NewAt[slot])
			}
			zero := true
			for _, x := range [][]float64{s.values, s.m, s.v} {
				for _, e := range x[slot*16 : slot*16+16] {
					zero = zero && e == 0
				}
			}
			if zero != isNew {
				t.Errorf("%s: slot %d: new %v, all zero %v", m.Table()[i].Name, slot, isNew, zero)
			}
			if isNew {
				born++
			}
		}
		if born == 0 || born != r.Topology[k].Pruned {
			t.Errorf("%s: found %d new blocks, statistics say %d", m.Table()[i].Name, born, r.Topology[k].Pruned)
		}
		k++
	}
	// In the next step a new block moves like the first step of a new tensor:
	// bias correction at age 1 gives W = -LR g/(|g| + eps), g clipped.
	a := model.StepArgs{Step: 2, LR: 1e-2, Adam: adam()}
	r = step(t, m, a, smallBatch(4, 3))
	clip, moved := min(1, 1/r.GradNorm), 0
	for i, s := range stateOf(t, b, m) {
		if s.topo == nil {
			continue
		}
		grad := doubles(t, b, m.Params()[i].Grad())
		for e, w := range s.values {
			if s.topo.Born[e/16] != 2 {
				continue
			}
			g := grad[e] * clip
			if want := -a.LR * g / (math.Abs(g) + 1e-6); !(math.Abs(w-want) <= 1e-6*a.LR) {
				t.Fatalf("%s: new element %d: found %v after a gradient of %v, expected %v", m.Table()[i].Name, e, w, g, want)
			}
			if w != 0 {
				moved++
			}
		}
	}
	if moved == 0 {
		t.Error("no new block learnt")
	}
}

// TestGradientGrowthUsesThisStep: the growth scores that an update sees are, for
// every block, the L1 norms of the dense gradient of this step's micro-batches,
// taken from a dense model with the same weights.
func TestGradientGrowthUsesThisStep(t *testing.T) {
	b := reference.New()
	c := smallConfig(model.Dynamic, 8)
	c.Growth = sparse.GrowGradient
	spy := &scoreSpy{Backend: b}
	m := build(t, spy, c, smallOptions)
	randomize(t, b, m)
	c.Method = model.Dense
	bd := reference.New()
	dense := build(t, bd, c, smallOptions)
	for i, p := range m.Params() {
		bd.WriteDoubles(dense.Params()[i].Values(), 0, densify(t, b, p))
	}

	micro := []model.Batch{smallBatch(4, 1), smallBatch(4, 2)}
	want := make([][]float64, len(m.Params()))
	for _, batch := range micro {
		if _, err := dense.Gradients([]model.Batch{batch}, false); err != nil {
			t.Fatal(err)
		}
		for i, p := range m.Params() {
			if !p.Sparse() {
				continue
			}
			rows, cols := p.Spec().Out/8, p.Spec().In/8
			if want[i] == nil {
				want[i] = make([]float64, rows*cols)
			}
			for e, g := range doubles(t, bd, dense.Params()[i].Grad()) {
				// The step's mean runs over both micro-batches, equal in their counts.
				want[i][e/p.Spec().In/8*cols+e%p.Spec().In/8] += math.Abs(g) / 2
			}
		}
	}

	u := update(1)
	u.Growth = sparse.GrowGradient
	step(t, m, model.StepArgs{LR: 1e-2, Adam: adam(), Update: u}, micro...)
	k := 0
	for i, p := range m.Params() {
		if !p.Sparse() {
			continue
		}
		for pos, x := range want[i] {
			if !(math.Abs(spy.seen[k][pos]-x) <= 1e-12) {
				t.Errorf("%s: position %d: found growth score %v, expected %v", m.Table()[i].Name, pos, spy.seen[k][pos], x)
			}
		}
		if s := doubles(t, b, b.GrowScores(p)); slices.Max(s) != 0 {
			t.Errorf("%s: found growth scores %v after the update, expected zeros", m.Table()[i].Name, s)
		}
		k++
	}
	if _, err := m.Gradients(micro, true); err != nil {
		t.Fatal(err)
	}
	step(t, m, model.StepArgs{Step: 1, LR: 1e-2, Adam: adam()}, micro...)
	if s := doubles(t, b, b.GrowScores(m.SparseParams()[0])); slices.Max(s) != 0 {
		t.Errorf("found growth scores %v without an update, expected zeros", s)
	}
}

// scoreSpy keeps the growth scores that an update found, tensor by tensor.
type scoreSpy struct {
	*reference.Backend
	seen [][]float64
}

func (s *scoreSpy) UpdateTopology(params []backend.Param, u sparse.Update) {
	for _, p := range params {
		x := make([]float64, s.GrowScores(p).Len())
		if err := s.ReadDoubles(x, s.GrowScores(p), 0); err != nil {
			panic(err)
		}
		s.seen = append(s.seen, x)
	}
	s.Backend.UpdateTopology(params, u)
}

func TestUpdatesThatDoNotFitAreRefused(t *testing.T) {
	static := build(t, reference.New(), smallConfig(model.Static, 4), smallOptions)
	if _, err := static.Step(model.StepArgs{Update: update(1)}, []model.Batch{smallBatch(4, 1)}); !errors.Is(err, model.ErrConfig) || !strings.Contains(err.Error(), "static") {
		t.Errorf("update of a static model: found error %v", err)
	}
	dynamic := build(t, reference.New(), smallConfig(model.Dynamic, 4), smallOptions)
	u := update(1)
	u.Growth = sparse.GrowFanIn
	if _, err := dynamic.Step(model.StepArgs{Update: u}, []model.Batch{smallBatch(4, 1)}); !errors.Is(err, model.ErrConfig) || !strings.Contains(err.Error(), "fan-in") {
		t.Errorf("update of another growth: found error %v", err)
	}
}
