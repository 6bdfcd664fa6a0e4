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
	defer b.Close()
	bad, kinds := 0, 0
	for _, growth := range []sparse.Growth{sparse.GrowRandom, sparse.GrowGradient, sparse.GrowFanIn} {
		for _, norm := range []sparse.Norm{sparse.L1, sparse.L2, sparse.LInf} {
			for _, block := range sparse.BlockSizes() {
				kinds++
				same, err := sameUpdates(b, growth, norm, block, o.Seed)
				if err != nil {
					return 0, fmt.Errorf("topology, growth %s, norm %s, B = %d: %w", growth, norm, block, err)
				}
				if !same {
					bad++
					fmt.Fprintf(w, "  growth %s, norm %s, B = %d: DIFFERS\n", growth, norm, block)
				}
			}
		}
	}
	fmt.Fprintf(w, "topology: %d kinds of update, three each, compared bit for bit: %s\n", kinds, verdict(bad == 0))
	return bad, nil
}

// The tensor that updates are compared on: a third of its blocks active.
const (
	blockRows    = 6
	blockCols    = 9
	activeBlocks = 18
)

// sameUpdates does three updates of one kind on the device and by the
// definition, and compares topologies and values.
func sameUpdates(b backend.Backend, growth sparse.Growth, norm sparse.Norm, block int, seed uint64) (bool, error) {
	shape := sparse.Shape{Out: blockRows * block, In: blockCols * block, Block: block}
	host, err := sparse.StartTopology(shape, activeBlocks, seed, 0)
	if growth == sparse.GrowFanIn {
		host, err = sparse.FanInTopology(shape, activeBlocks, seed, 0)
	}
	if err != nil {
		return false, err
	}
	p := b.NewParam(backend.ParamSpec{Name: "verify", Out: shape.Out, In: shape.In, Topology: host})
	values := make([]float32, activeBlocks*shape.BlockSize())
	for i := range values {
		// Few distinct sizes, so that ties are decided too.
		values[i] = float32((i*7)%5) - 2
	}
	for number := 1; number <= 3; number++ {
		u := sparse.Update{Seed: seed, Number: number, Step: int64(10 * number), PruneRatio: 0.5, Norm: norm, Growth: growth}
		var scores []float32
		if growth == sparse.GrowGradient {
			scores = make([]float32, shape.Positions())
			for i := range scores {
				scores[i] = float32((i * 11) % 7)
			}
			b.WriteFloats(b.GrowScores(p), 0, scores)
		}
		b.WriteFloats(p.Values(), 0, values)
		b.Refresh([]backend.Param{p})
		b.UpdateTopology([]backend.Param{p}, u)
		got, err := b.Topology(p)
		if err != nil {
			return false, err
		}
		change, err := host.Update(values, scores, u, 0)
		if err != nil {
			return false, err
		}
		for _, slot := range change.Slots {
			clear(values[int(slot)*shape.BlockSize() : (int(slot)+1)*shape.BlockSize()])
		}
		device := make([]float32, len(values))
		if err := b.ReadFloats(device, p.Values(), 0); err != nil {
			return false, err
		}
		for i := range device {
			if !(device[i] == values[i]) {
				return false, nil
			}
		}
		if !host.Equal(got) {
			return false, nil
		}
	}
	return true, nil
}
