package backendtest

import (
	"fmt"
	"math"
	"strings"

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
	prune  sparse.Prune
	// aged: with factors for ages, and newborns protected for an update
	aged bool
}

func (c updateCase) String() string {
	s := fmt.Sprintf("norm=%d/growth=%d/pr=%v/regrow=%v/ties=%v", c.norm, c.growth, c.ratio, c.regrow, c.ties)
	if c.ablate > 0 {
		s += fmt.Sprintf("/ablate=%v", c.ablate)
	}
	if c.prune != sparse.PruneNorm {
		s += "/prune=" + c.prune.String()
	}
	if c.aged {
		s += "/aged"
	}
	return s
}

// updateCases go through the tables of package sparse. The shipped norms and growths meet
// at several ratios; each other row of a table meets each row of the others once.
func updateCases() []updateCase {
	var list []updateCase
	for _, growth := range sparse.Growths() {
		for _, norm := range []sparse.Norm{sparse.L1, sparse.L2, sparse.LInf} {
			for k, ratio := range []float64{0, 0.13, 0.5, 1} {
				if growth > sparse.GrowFanIn && k != int(norm)+1 {
					continue
				}
				list = append(list, updateCase{norm: norm, growth: growth, ratio: ratio, regrow: k%2 == int(norm)%2, ties: (k+int(growth))%2 == 0})
			}
		}
		for i, prune := range sparse.Prunes() {
			for _, aged := range []bool{false, true} {
				if prune == sparse.PruneNorm && !aged {
					continue
				}
				c := updateCase{norm: sparse.Norm(i % 3), growth: growth, ratio: []float64{0.3, 0.6}[i%2], regrow: (i+int(growth))%2 == 0, prune: prune, aged: aged}
				if growth.Ablatable() && aged {
					c.ablate = 0.4
				}
				list = append(list, c)
			}
		}
	}
	return list
}

// update is the update of that number of the parameters in list.
func (c updateCase) update(number int, list []paramData) sparse.Update {
	u := sparse.Update{Seed: 99, Number: number, Step: int64(10 * number), PruneRatio: c.ratio,
		Prune: c.prune, Norm: c.norm, Growth: c.growth, RegrowPruned: c.regrow, Ablate: c.ablate}
	if c.aged {
		u.Protect = 1
		u.Ages = &sparse.Ages{Start: make([]float32, list[len(list)-1].spec.Index+1), From: []int32{10, 20}, Scale: []float32{0.7, 1.9}}
		for i := range u.Ages.Start {
			u.Ages.Start[i] = 1 + float32(i)/8
		}
	}
	return u
}

// refused tells whether the device says that it does not have a criterion of the update.
// Then the update must be an error that names it.
func (c updateCase) refused(r *harness, list []paramData) (refused bool, err error) {
	can := r.b.Capabilities().Criteria
	if can == nil {
		return false, nil
	}
	u := c.update(1, list)
	want := can(u)
	if want == nil {
		return false, nil
	}
	name := u.Growth.Criterion().Name
	if !strings.Contains(want.Error(), name) && !strings.Contains(want.Error(), u.Prune.String()) {
		return true, fmt.Errorf("criteria: found error %q, expected one that names %s or %s", want, u.Prune, name)
	}
	r.b.UpdateTopology(r.paramList(list, "values", "m", "v"), u)
	if err := r.b.Sync(); err == nil || !strings.Contains(err.Error(), want.Error()) {
		return true, fmt.Errorf("UpdateTopology: found error %v, expected %v", err, want)
	}
	return true, nil
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
	refused, err := c.refused(r, list)
	if r.refused = refused; refused {
		return err
	}
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
		u := c.update(number+1, list)
		for i, p := range params {
			if c.growth.Scores() && want[i] != nil {
				r.b.WriteFloats(r.b.GrowScores(p), 0, scores[i][number])
			}
		}
		r.b.UpdateTopology(params, u)
		var stats []sparse.Stats
		for i, p := range params {
			name := fmt.Sprintf("update %d, %s", number+1, list[i].spec.Name)
			if want[i] != nil {
				x := sparse.Arrays{Values: fields[i][0], M: fields[i][1], V: fields[i][2], Scores: scores[i][number]}
				change, err := want[i].UpdateIn(new(sparse.Scratch), x, u, list[i].spec.Index)
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
				if c.growth.Scores() {
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
		if c.growth == sparse.GrowFanIn && c.ablate == 0 && !c.aged {
			if err := c.checkMoved(list, stats); err != nil {
				return fmt.Errorf("update %d, %w", number+1, err)
			}
		}
	}
	return nil
}
