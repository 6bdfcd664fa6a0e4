package backendtest

import (
	"fmt"
	"math"
	"slices"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// noSharder says why a backend is not looked at, "" when it is.
func noSharder(b backend.Backend) string {
	if b.Capabilities().Sharder == nil {
		return fmt.Sprintf("the backend %s has no backend.Sharder", b.Name())
	}
	return ""
}

// shard is a part of a parameter.
type shard struct {
	p      paramData
	lo, hi int
}

// shards cuts tensors of all kinds into parts, some of them empty.
func shards(d *draws, c adamCase) []shard {
	list := []paramData{
		d.dense("table", 137, 251, 1),
		d.dense("bias", 1, 41, 1),
		d.sparse("b1", sparse.Shape{Out: 211, In: 307, Block: 1}, 40001, 1),
		d.sparse("b8", sparse.Shape{Out: 400, In: 240, Block: 8}, 601, 1),
		d.sparse("b32", sparse.Shape{Out: 256, In: 192, Block: 32}, 35, 1),
	}
	c.ages(list)
	var out []shard
	for i, p := range list {
		p.spec.Decay = i != 1 && i != 3
		n := len(p.values)
		cut := min(n, backend.ShardUnit)
		out = append(out, shard{p, 0, cut}, shard{p, cut, cut}, shard{p, cut, n})
	}
	return out
}

// contents are the values and both moments of a parameter.
func contents(b backend.Backend, p backend.Param) (out [3][]float32, err error) {
	for i, x := range []backend.Buffer{p.Values(), p.M(), p.V()} {
		out[i] = make([]float32, x.Len())
		if err := b.ReadFloats(out[i], x, 0); err != nil {
			return out, err
		}
	}
	return out, nil
}

// whole makes the parameter of a shard, with moments of all elements.
func (s shard) whole(b backend.Backend) backend.Param {
	p := b.NewParam(s.p.spec)
	b.WriteFloats(p.Values(), 0, s.p.values)
	b.WriteFloats(p.Grad(), 0, s.p.grad)
	b.WriteFloats(p.M(), 0, s.p.m)
	b.WriteFloats(p.V(), 0, s.p.v)
	b.Refresh([]backend.Param{p})
	return p
}

// part makes it with those of its own elements.
func (s shard) part(b backend.Backend) (backend.Param, error) {
	p := b.NewParam(s.p.spec)
	before := b.MemoryBytes()
	b.Capabilities().Sharder.Shard(p, s.lo, s.hi)
	if freed := before - b.MemoryBytes(); freed != 2*int64(len(s.p.m)-(s.hi-s.lo))*int64(p.M().DType().Size()) {
		return p, fmt.Errorf("found %d bytes freed, expected those of the other elements' moments", freed)
	}
	for i, x := range []backend.Buffer{p.M(), p.V()} {
		if x.Len() != s.hi-s.lo {
			return p, fmt.Errorf("moment %d: found %d elements, expected %d", i+1, x.Len(), s.hi-s.lo)
		}
	}
	b.WriteFloats(p.Values(), 0, s.p.values)
	b.WriteFloats(p.Grad(), 0, s.p.grad)
	b.WriteFloats(p.M(), 0, s.p.m[s.lo:s.hi])
	b.WriteFloats(p.V(), 0, s.p.v[s.lo:s.hi])
	b.Refresh([]backend.Param{p})
	return p, nil
}

// equalBits names the first element in which two lists differ in any bit, or "".
func equalBits(what string, found, want []float32) error {
	if len(found) != len(want) {
		return fmt.Errorf("%s: found %d elements, expected %d", what, len(found), len(want))
	}
	for i, x := range found {
		if math.Float32bits(x) != math.Float32bits(want[i]) {
			return fmt.Errorf("%s, element %d: found %v, expected %v", what, i, x, want[i])
		}
	}
	return nil
}

// compare compares a part with the whole after the same operation: only values elsewhere
// may be others, which before has.
func (s shard) compare(b backend.Backend, part, whole backend.Param, elsewhere []float32) error {
	found, err := contents(b, part)
	if err != nil {
		return err
	}
	want, err := contents(b, whole)
	if err != nil {
		return err
	}
	want[0] = slices.Concat(elsewhere[:s.lo], want[0][s.lo:s.hi], elsewhere[s.hi:])
	want[1], want[2] = want[1][s.lo:s.hi], want[2][s.lo:s.hi]
	for i, what := range []string{"values", "first moment", "second moment"} {
		if err := equalBits(fmt.Sprintf("%s, elements %d to %d: %s", s.p.spec.Name, s.lo, s.hi, what), found[i], want[i]); err != nil {
			return err
		}
	}
	return nil
}

func shardChecks() []check {
	var list []check
	for _, c := range adamCases() {
		if c.step != 6 || c.norm != 7.5 || !c.config.GlobalClock && c.config.GroupLasso == 0 {
			continue // AdamW's own checks have the rest
		}
		list = append(list, check{name: c.String(), whole: func(b, _ backend.Backend) error {
			s := defaultStep()
			s.Step = c.step
			norm := b.Alloc("norm", backend.F32, 1)
			b.WriteFloats(norm, 0, []float32{c.norm})
			for _, x := range shards(newDraws(c.String(), b.Activation()), c) {
				part, err := x.part(b)
				if err != nil {
					return fmt.Errorf("%s: %w", x.p.spec.Name, err)
				}
				whole := x.whole(b)
				b.BeginStep(s)
				b.AdamW([]backend.Param{part, whole}, norm, c.config)
				if err := x.compare(b, part, whole, x.p.values); err != nil {
					return err
				}
			}
			return b.Sync()
		}})
	}
	return append(list,
		check{name: "newborns of an update", whole: func(b, _ backend.Backend) error {
			for _, x := range shards(newDraws("update", b.Activation()), adamCase{}) {
				if x.p.spec.Topology == nil {
					continue
				}
				part, err := x.part(b)
				if err != nil {
					return fmt.Errorf("%s: %w", x.p.spec.Name, err)
				}
				whole := x.whole(b)
				b.UpdateTopology([]backend.Param{part, whole}, sparse.Update{Seed: 5, Number: 1, Step: 7, PruneRatio: 0.5})
				after, err := contents(b, whole)
				if err != nil {
					return err
				}
				if err := x.compare(b, part, whole, after[0]); err != nil {
					return err
				}
			}
			return b.Sync()
		}},
		check{name: "a criterion that reads moments", whole: func(b, _ backend.Backend) error {
			for _, x := range shards(newDraws("saliency", b.Activation()), adamCase{}) {
				if x.p.spec.Topology == nil {
					continue
				}
				part, err := x.part(b)
				if err != nil {
					return fmt.Errorf("%s: %w", x.p.spec.Name, err)
				}
				b.UpdateTopology([]backend.Param{part}, sparse.Update{Seed: 5, Number: 1, Step: 7, PruneRatio: 0.5, Prune: sparse.PruneSaliency})
				if b.Sync() == nil {
					return fmt.Errorf("%s: found no error of an update by moments that are not there", x.p.spec.Name)
				}
				return nil
			}
			return nil
		}},
	)
}
