package model

import (
	"fmt"
	"math"
	"sort"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/collective"
)

// normChunk is the number of consecutive gradients of a parameter whose squares are summed
// together when there are replicas: whole blocks of every size.
const normChunk = backend.ShardUnit

// bucket is a run of parameters, in table order, whose gradients are ready together in the
// backward pass and are exchanged together: as one vector. Each rank has a slice of it, of
// whole chunks.
type bucket struct {
	layer     int   // 0 and more: an encoder layer; else layerEmbeddings or layerHeads
	rows      []int // of the table
	at        []int // where the numbers of each row begin in the vector, and the vector's length
	chunks    []int // where chunks begin in the vector, and its length
	bounds    []int // slice of rank i: [bounds[i], bounds[i+1])
	chunkRank []int // the chunks of rank i: [chunkRank[i], chunkRank[i+1])
	grad      collective.Pairing
	vector    []float32 // the sum over the own replicas, and then over all
}

// The buckets outside the encoder.
const (
	layerEmbeddings = -1
	layerHeads      = -2
)

// layerOf names the bucket of a parameter.
func layerOf(t Tensor) int {
	switch {
	case t.Layer >= 0:
		return t.Layer
	case t.Part == Embedding || t.Part == Norm:
		return layerEmbeddings
	}
	return layerHeads
}

// newBuckets divides the parameters of a table, and each bucket among w ranks.
func newBuckets(table []Tensor, w int) []bucket {
	var out []bucket
	for i, t := range table {
		layer := layerOf(t)
		if n := len(out); n == 0 || out[n-1].layer != layer {
			out = append(out, bucket{layer: layer, at: []int{0}})
		}
		b := &out[len(out)-1]
		lo := b.at[len(b.at)-1]
		hi := lo + t.Stored()
		for c := lo; c < hi; c += normChunk {
			b.chunks = append(b.chunks, c)
		}
		b.rows, b.at = append(b.rows, i), append(b.at, hi)
	}
	for i := range out {
		b := &out[i]
		n := b.len()
		b.chunks = append(b.chunks, n)
		for rank := range w + 1 {
			c := sort.SearchInts(b.chunks, n*rank/w)
			b.chunkRank, b.bounds = append(b.chunkRank, c), append(b.bounds, b.chunks[c])
		}
	}
	return out
}

// len is the length of the vector.
func (b *bucket) len() int { return b.at[len(b.at)-1] }

// each calls use for every row with the part [lo, hi) of its numbers that lies in the
// slices of the ranks [first, last), which is not empty, and that part's place in the vector.
func (b *bucket) each(first, last int, use func(row, lo, hi, at int)) {
	for i, row := range b.rows {
		from, to := max(b.at[i], b.bounds[first]), min(b.at[i+1], b.bounds[last])
		if from < to {
			use(row, from-b.at[i], to-b.at[i], from)
		}
	}
}

// read copies numbers of all parameters of a bucket from the device to v.
func (m *Model) read32(v []float32, b *bucket, first, last int, of func(backend.Param) backend.Buffer) error {
	var failed error
	b.each(first, last, func(row, lo, hi, at int) {
		if failed != nil {
			return
		}
		if err := m.b.ReadFloats(v[at:at+hi-lo], of(m.params[row]), lo); err != nil {
			failed = fmt.Errorf("reading %s: %w", m.table[row].Name, err)
		}
	})
	return failed
}

// write32 copies numbers of the ranks [first, last) from the vector of a bucket to the device.
func (m *Model) write32(b *bucket, first, last int, of func(backend.Param) backend.Buffer) {
	b.each(first, last, func(row, lo, hi, at int) {
		m.b.WriteFloats(of(m.params[row]), lo, b.vector[at:at+hi-lo])
	})
}

// normOfReplicas completes the gradients on the device, those that it needs, and returns
// their norm as the device has it.
func (m *Model) normOfReplicas() (float64, error) {
	p := m.replicas
	own, putBack := p.squares, m.putBack
	if m.onDevice != nil {
		own, putBack = m.onDevice.squares, m.onDevice.putBack
	}
	sum, err := p.sumSquares(own)
	if err != nil {
		return 0, fmt.Errorf("gathering the gradient norm: %w", err)
	}
	norm := float32(math.Sqrt(sum))
	finite := norm-norm == 0 // else the step looks for the gradient that is not
	if err := putBack(!m.sharded || !finite || m.allGrads); err != nil {
		return 0, err
	}
	m.b.WriteFloats(m.act.gradNorm, 0, []float32{norm})
	return float64(norm), nil
}

// putBack puts the sums of the own slices, or of all, in the place of the gradients.
func (m *Model) putBack(all bool) error {
	p := m.replicas
	rank := p.group.Rank()
	for i := range p.buckets {
		b := &p.buckets[i]
		if !all {
			m.write32(b, rank, rank+1, backend.Param.Grad)
			continue
		}
		if err := p.sum.Gather(b.vector, b.bounds); err != nil {
			return fmt.Errorf("gathering the gradients: %w", err)
		}
		m.write32(b, 0, p.group.Size(), backend.Param.Grad)
	}
	return nil
}

// squares sets sums to those of the chunks of the own slices.
func (p *replicas) squares(sums []float64) error {
	rank := p.group.Rank()
	for i := range p.buckets {
		b := &p.buckets[i]
		for c := b.chunkRank[rank]; c < b.chunkRank[rank+1]; c++ {
			sums[0] = sumSquares(b.vector[b.chunks[c]:b.chunks[c+1]])
			sums = sums[1:]
		}
	}
	return nil
}

// sumSquares adds the squares of all gradients: each rank those of its own chunks, by own,
// which all then add in table order.
func (p *replicas) sumSquares(own func(sums []float64) error) (float64, error) {
	w, rank := p.group.Size(), p.group.Rank()
	squares, bytes := make([][]float64, w), make([][]byte, w)
	for r := range w {
		n := 0
		for i := range p.buckets {
			n += p.buckets[i].chunkRank[r+1] - p.buckets[i].chunkRank[r]
		}
		squares[r] = make([]float64, n)
		bytes[r] = collective.Bytes(squares[r])
	}
	if err := own(squares[rank]); err != nil {
		return 0, err
	}
	if w > 1 {
		if err := p.group.AllGather(bytes[rank], bytes); err != nil {
			return 0, err
		}
	}
	sum := 0.0
	for i := range p.buckets {
		for r := range w {
			for range p.buckets[i].chunkRank[r+1] - p.buckets[i].chunkRank[r] {
				sum += squares[r][0]
				squares[r] = squares[r][1:]
			}
		}
	}
	return sum, nil
}

// sumSquares adds the squares in float64: those of every fourth element together.
func sumSquares(v []float32) float64 {
	var s [4]float64
	for len(v) >= 4 {
		for i := range s {
			x := float64(v[i])
			s[i] += float64(x * x) // no fused operation, on any machine
		}
		v = v[4:]
	}
	for i, x := range v {
		s[i] += float64(float64(x) * float64(x))
	}
	return (s[0] + s[1]) + (s[2] + s[3])
}
