package verify

import (
	"fmt"
	"io"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// topologies runs a few updates of every kind on the device and by package sparse and returns the
// number of kinds that differ.
func (o Options) topologies(w io.Writer) (int, error) {
	b, err := o.Open()
	if err != nil {
		return 0, err
	}
	defer func() {
		o.note(b)
		b.Close()
	}()
	bad, kinds := 0, 0
	for _, k := range updates() {
		if can := b.Capabilities().Criteria; can != nil {
			if err := can(k); err != nil {
				fmt.Fprintf(w, "  topology: %s: left out: %v\n", describe(k), err)
				continue
			}
		}
		for _, block := range sparse.BlockSizes() {
			kinds++
			same, err := sameUpdates(b, k, block, o.Seed)
			if err != nil {
				return 0, fmt.Errorf("topology, %s, B = %d: %w", describe(k), block, err)
			}
			if !same {
				bad++
				fmt.Fprintf(w, "  %s, B = %d: DIFFERS\n", describe(k), block)
			}
		}
	}
	fmt.Fprintf(w, "topology: %d kinds of update, three each, compared bit for bit: %s\n", kinds, verdict(bad == 0))
	return bad, nil
}

// updates returns an update for each growth by each score of the tables of package sparse,
// and for each growth one with all that changes what a score means.
func updates() []sparse.Update {
	var list []sparse.Update
	for _, growth := range sparse.Growths() {
		for _, prune := range sparse.Prunes() {
			u := sparse.Update{PruneRatio: 0.5, Prune: prune, Growth: growth}
			list = append(list, u)
			if prune != sparse.PruneNorm {
				continue
			}
			for _, u.Norm = range []sparse.Norm{sparse.L2, sparse.LInf} {
				list = append(list, u)
			}
		}
		u := sparse.Update{PruneRatio: 0.3, Growth: growth, Protect: 1, Ages: &sparse.Ages{
			Start: []float32{0.75}, From: []int32{10, 20}, Scale: []float32{1.5, 2.5},
		}}
		if growth.Ablatable() {
			u.Ablate = 0.5
		}
		list = append(list, u)
	}
	return list
}

// describe names the choices of an update.
func describe(u sparse.Update) string {
	by := u.Prune.String()
	if u.Prune == sparse.PruneNorm {
		by = u.Norm.String()
	}
	text := fmt.Sprintf("growth %s, by %s", u.Growth, by)
	if u.Ages != nil {
		text += ", with ages and protection"
	}
	if u.Ablate > 0 {
		text += ", with ablation"
	}
	return text
}

// The tensor that updates are compared on: a third of its blocks active.
const (
	blockRows    = 6
	blockCols    = 9
	activeBlocks = 18
)

// sameUpdates does three updates of one kind on the device and by the
// definition, and compares topologies and values.
func sameUpdates(b backend.Backend, u sparse.Update, block int, seed uint64) (bool, error) {
	shape := sparse.Shape{Out: blockRows * block, In: blockCols * block, Block: block}
	host, err := sparse.StartTopology(shape, activeBlocks, seed, 0)
	if u.Growth.Balanced() {
		host, err = sparse.FanInTopology(shape, activeBlocks, seed, 0)
	}
	if err != nil {
		return false, err
	}
	p := b.NewParam(backend.ParamSpec{Name: "verify", Out: shape.Out, In: shape.In, Topology: host})
	n := activeBlocks * shape.BlockSize()
	x := sparse.Arrays{Values: make([]float32, n), M: make([]float32, n), V: make([]float32, n)}
	for i := range n {
		// Few distinct sizes, so that ties are decided too.
		x.Values[i], x.M[i], x.V[i] = float32((i*7)%5)-2, float32((i*5)%3)-1, float32(i%2)
	}
	for number := 1; number <= 3; number++ {
		u.Seed, u.Number, u.Step = seed, number, int64(10*number)
		if u.Growth.Scores() {
			x.Scores = make([]float32, shape.Positions())
			for i := range x.Scores {
				x.Scores[i] = float32((i * 11) % 7)
			}
			b.WriteFloats(b.GrowScores(p), 0, x.Scores)
		}
		b.WriteFloats(p.Values(), 0, x.Values)
		b.WriteFloats(p.M(), 0, x.M)
		b.WriteFloats(p.V(), 0, x.V)
		b.Refresh([]backend.Param{p})
		b.UpdateTopology([]backend.Param{p}, u)
		got, err := b.Topology(p)
		if err != nil {
			return false, err
		}
		change, err := host.UpdateIn(new(sparse.Scratch), x, u, 0)
		if err != nil {
			return false, err
		}
		for _, slot := range change.Slots {
			for _, a := range [][]float32{x.Values, x.M, x.V} {
				clear(a[int(slot)*shape.BlockSize() : (int(slot)+1)*shape.BlockSize()])
			}
		}
		device := make([]float32, n)
		if err := b.ReadFloats(device, p.Values(), 0); err != nil {
			return false, err
		}
		for i := range device {
			if !(device[i] == x.Values[i]) {
				return false, nil
			}
		}
		if !host.Equal(got) {
			return false, nil
		}
	}
	return true, nil
}
