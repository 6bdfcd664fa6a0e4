package backendtest

import (
	"fmt"
	"math"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// blockGradChecks call BlockGradL1 twice: it accumulates.
func blockGradChecks() []check {
	var list []check
	for _, c := range productCases() {
		// It works on all blocks, active or not, and takes as long as a dense product:
		// one density will do.
		if c.block == 0 || c.nnzb != (c.out/c.block*(c.in/c.block)+2)/3 || c.tokens*c.out*c.in > 1<<21 {
			continue
		}
		list = append(list, check{name: c.String(), prepare: func(d *draws) (script, bounds) {
			w := c.weight(d)
			dy, x := d.reals(c.tokens*c.out, 1), d.reals(c.tokens*c.in, 1)
			shape := w.spec.Topology.Shape
			run := func(r *harness) {
				weight := r.param(w)
				dys, xs := r.input("dy", dy), r.input("x", x)
				scores := r.b.GrowScores(weight)
				if scores.Len() != shape.Positions() {
					r.failure = fmt.Errorf("GrowScores: found %d elements, expected %d", scores.Len(), shape.Positions())
					return
				}
				r.tensors = append(r.tensors, &tensor{name: "scores", buf: scores, n: scores.Len(), written: make([]float32, scores.Len()), changes: true})
				before := make([]float32, scores.Len())
				if err := r.b.ReadFloats(before, scores, 0); err != nil {
					r.failure = err
					return
				}
				for i, v := range before {
					if v != 0 {
						r.failure = fmt.Errorf("GrowScores: element %d of a new buffer: found %v, expected 0", i, v)
						return
					}
				}
				r.b.BlockGradL1(weight, dys, xs, c.tokens)
				r.b.BlockGradL1(weight, dys, xs, c.tokens)
			}
			return run, func(ref *harness) {
				size := make([]float64, shape.Positions())
				for t := range c.tokens {
					for o := range c.out {
						for i := range c.in {
							size[o/c.block*shape.BlockCols()+i/c.block] += 2 * math.Abs(float64(dy[t*c.out+o])*float64(x[t*c.in+i]))
						}
					}
				}
				ref.allow("scores", func(i int) float64 { return d.limit("product", c.tokens+2*shape.BlockSize(), size[i]) })
			}
		}})
	}
	return list
}

// updateCase is a sequence of topology updates of several tensors.
type updateCase struct {
	norm   sparse.Norm
	growth sparse.Growth
	ratio  float64
	regrow bool
	ties   bool // values from a small set, so that norms are equal
	ablate float64
}

func (c updateCase) String() string {
	s := fmt.Sprintf("norm=%d/growth=%d/pr=%v/regrow=%v/ties=%v", c.norm, c.growth, c.ratio, c.regrow, c.ties)
	if c.ablate > 0 {
		s += fmt.Sprintf("/ablate=%v", c.ablate)
	}
	return s
}

func updateCases() []updateCase {
	var list []updateCase
	for _, growth := range []sparse.Growth{sparse.GrowRandom, sparse.GrowGradient, sparse.GrowFanIn} {
		for _, norm := range []sparse.Norm{sparse.L1, sparse.L2, sparse.LInf} {
			for k, ratio := range []float64{0, 0.13, 0.5, 1} {
				list = append(list, updateCase{norm: norm, growth: growth, ratio: ratio, regrow: k%2 == int(norm)%2, ties: (k+int(growth))%2 == 0})
			}
		}
	}
	return list
}

// topologyTensors are weights of every block size, from one block to all, and a
// dense one, which an update passes over.
func topologyTensors(d *draws) []paramData {
	return []paramData{
		d.sparse("b1", sparse.Shape{Out: 23, In: 31, Block: 1}, 71, 1),
		d.dense("dense", 5, 9, 1),
		d.sparse("b4", sparse.Shape{Out: 28, In: 52, Block: 4}, 45, 1),
		d.sparse("one", sparse.Shape{Out: 24, In: 40, Block: 8}, 1, 1),
		d.sparse("b8", sparse.Shape{Out: 72, In: 40, Block: 8}, 19, 1),
		d.sparse("b16", sparse.Shape{Out: 48, In: 112, Block: 16}, 13, 1),
		d.sparse("full", sparse.Shape{Out: 64, In: 32, Block: 16}, 8, 1),
		d.sparse("b32", sparse.Shape{Out: 96, In: 128, Block: 32}, 6, 1),
		d.sparse("b64", sparse.Shape{Out: 192, In: 128, Block: 64}, 2, 1),
	}
}

func updateTopologyChecks() []check {
	var list []check
	for _, c := range updateCases() {
		list = append(list, check{name: c.String(), prepare: func(d *draws) (script, bounds) {
			list := topologyTensors(d)
			if c.ties {
				tie(list)
			}
			scores := make([][2][]float32, len(list))
			for i, p := range list {
				if t := p.spec.Topology; t != nil {
					scores[i] = [2][]float32{d.uniform(t.Positions(), 1), d.uniform(t.Positions(), 1)}
				}
			}
			return func(r *harness) { r.failure = c.updates(r, list, scores) }, nil
		}})
	}
	return list
}

// tie makes norms equal: values become few.
func tie(list []paramData) {
	for _, p := range list {
		for i, v := range p.values {
			p.values[i] = float32(math.Round(float64(v))) / 2
		}
	}
}

// updates does two updates, and compares everything with sparse.Topology.Update
// bit for bit. It returns what differs.
func (c updateCase) updates(r *harness, list []paramData, scores [][2][]float32) error {
	params := r.paramList(list, "values", "m", "v")
	want := make([]*sparse.Topology, len(list))
	fields := make([][3][]float32, len(list))
	var before []sparse.Stats
	for i, p := range list {
		fields[i] = [3][]float32{append([]float32(nil), p.values...), append([]float32(nil), p.m...), append([]float32(nil), p.v...)}
		if p.spec.Topology != nil {
			want[i] = p.spec.Topology.Clone()
			before = append(before, want[i].Stats(defaultStep().Step))
		}
	}
	if err := sameStats("before any update", r, params, before); err != nil {
		return err
	}
	for number := range 2 {
		u := sparse.Update{Seed: 99, Number: number + 1, Step: int64(10 * (number + 1)), PruneRatio: c.ratio,
			Norm: c.norm, Growth: c.growth, RegrowPruned: c.regrow, Ablate: c.ablate}
		for i, p := range params {
			if c.growth == sparse.GrowGradient && want[i] != nil {
				r.b.WriteFloats(r.b.GrowScores(p), 0, scores[i][number])
			}
		}
		r.b.UpdateTopology(params, u)
		var stats []sparse.Stats
		for i, p := range params {
			name := fmt.Sprintf("update %d, %s", number+1, list[i].spec.Name)
			if want[i] != nil {
				change, err := want[i].Update(fields[i][0], scores[i][number], u, list[i].spec.Index)
				if err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
				size := want[i].BlockSize()
				for _, slot := range change.Slots {
					for _, x := range fields[i] {
						clear(x[int(slot)*size : (int(slot)+1)*size])
					}
				}
				stats = append(stats, change.Stats)
				if err := sameTopology(name, r, p, want[i]); err != nil {
					return err
				}
				if c.growth == sparse.GrowGradient {
					if err := sameFloats(name+": growth scores", r, r.b.GrowScores(p), make([]float32, want[i].Positions())); err != nil {
						return err
					}
				}
			}
			for k, x := range [3]backend.Buffer{p.Values(), p.M(), p.V()} {
				if err := sameFloats(name+": "+[]string{"values", "m", "v"}[k], r, x, fields[i][k]); err != nil {
					return err
				}
			}
		}
		if err := sameStats(fmt.Sprintf("update %d", number+1), r, params, stats); err != nil {
			return err
		}
		if c.growth == sparse.GrowFanIn && c.ablate == 0 {
			if err := c.checkMoved(list, stats); err != nil {
				return fmt.Errorf("update %d, %w", number+1, err)
			}
		}
	}
	return nil
}
