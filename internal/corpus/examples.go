package corpus

import (
	"math"

	"github.com/sparsebert/sparsebert-gpu/internal/philox"
)

// Labels of next sentence prediction, as in BERT.
const (
	IsNext  = 0 // B follows A in the corpus
	NotNext = 1 // B is from another document
)

// unused marks an entry of MaskedPos, MaskedLabels or NSPLabels without content.
const unused = -1

// Batch is a number of examples, in row-major arrays. A sequence is
// [CLS] A [SEP] B [SEP], or [CLS] A [SEP] where there are no pairs, then [PAD] up to
// SeqLen.
type Batch struct {
	Size, SeqLen, MaxMasked int

	IDs          []int32 // [Size, SeqLen] tokens, masks applied
	Segments     []int32 // [Size, SeqLen] 0 for [CLS] A [SEP] and padding, 1 for B [SEP]
	Lengths      []int32 // [Size] tokens before the padding
	MaskedPos    []int32 // [Size, MaxMasked] index into IDs of each token to predict, ascending; -1: unused
	MaskedLabels []int32 // [Size, MaxMasked] its id before masking; -1: unused
	NSPLabels    []int32 // [Size] IsNext or NotNext; -1: none
	Masked       int     // entries of MaskedPos in use

	scratch scratch
}

// scratch is the working memory of one example.
type scratch struct {
	units  []int32 // see segmentUnits
	words  []int32 // first positions of the words that may be masked
	chosen []bool  // [SeqLen] positions to mask
}

// NewBatch returns a batch for size examples of seqLen tokens, of which at most
// maxMasked are masked. All three must be positive.
func NewBatch(size, seqLen, maxMasked int) *Batch {
	return &Batch{
		Size: size, SeqLen: seqLen, MaxMasked: maxMasked,
		IDs: make([]int32, size*seqLen), Segments: make([]int32, size*seqLen), Lengths: make([]int32, size),
		MaskedPos: make([]int32, size*maxMasked), MaskedLabels: make([]int32, size*maxMasked), NSPLabels: make([]int32, size),
		scratch: scratch{units: make([]int32, 0, seqLen), words: make([]int32, 0, seqLen), chosen: make([]bool, seqLen)},
	}
}

// maskBudget returns how many of n tokens to mask, at most.
func maskBudget(n int, p float64) int { return max(1, int(math.Round(p*float64(n)))) }

// drawing names the random streams of one example.
type drawing struct {
	seed       uint64
	pair, mask philox.Purpose
	example    uint32
	pairC      uint32 // third coordinate
	maskC      uint32
}

// Train fills dst with the examples numbered first to first+Size-1. Numbers run
// through epochs: example g >= 0 is the one at place g mod N of the shuffle of
// epoch g / N, N = Examples(). dst must come from NewBatch with the data set's
// sequence length and MaxMasked. Nothing is allocated.
func (d *Dataset) Train(dst *Batch, first int64) {
	dst.Masked = 0
	n := int64(d.Examples())
	for row := range dst.Size {
		g := first + int64(row)
		epoch := uint32(g / n)
		segment := philox.Permute(d.o.Seed, epoch, uint64(g%n), uint64(n))
		d.fill(dst, row, drawing{
			seed: d.o.Seed, pair: philox.DataPair, mask: philox.DataMask,
			example: uint32(segment), pairC: epoch, maskC: epoch,
		})
	}
}

// Eval fills dst with evaluation examples first to first+Size-1 and returns how
// many there are: fewer than Size where the corpus ends, 0 behind it. They are
// the segments in corpus order, with pairs and masks that depend on seed and
// segment alone, so every evaluation sees the same. The rows left over are all
// [PAD], with length 0 and label -1. Otherwise as Train.
func (d *Dataset) Eval(dst *Batch, first int) int {
	dst.Masked = 0
	valid := max(0, min(dst.Size, d.Examples()-first))
	for row := range dst.Size {
		if row >= valid {
			d.clear(dst, row)
			continue
		}
		d.fill(dst, row, drawing{
			seed: d.o.Seed, pair: philox.EvalExamples, mask: philox.EvalExamples,
			example: uint32(first + row), pairC: 0, maskC: 1,
		})
	}
	return valid
}

// clear makes a row of dst empty.
func (d *Dataset) clear(dst *Batch, row int) {
	s, m := dst.SeqLen, dst.MaxMasked
	for i := row * s; i < (row+1)*s; i++ {
		dst.IDs[i], dst.Segments[i] = d.pad, 0
	}
	for i := row * m; i < (row+1)*m; i++ {
		dst.MaskedPos[i], dst.MaskedLabels[i] = unused, unused
	}
	dst.Lengths[row], dst.NSPLabels[row] = 0, unused
}

// fill makes the example w in a row of dst.
func (d *Dataset) fill(dst *Batch, row int, w drawing) {
	d.clear(dst, row)
	if d.o.NoNSP {
		d.fillSingle(dst, row, w)
		return
	}
	draw := philox.NewStream(w.seed, w.pair, w.example, w.pairC)
	p := d.drawPair(&dst.scratch, int(w.example), &draw)
	s := dst.SeqLen
	// The three-index slice keeps append within the row.
	ids := append(dst.IDs[row*s:row*s:(row+1)*s], d.cls)
	ids = d.store.appendFrom(ids, p.a.sentence, p.a.skip, p.a.tokens)
	ids = append(ids, d.sep)
	b := len(ids)
	ids = d.store.appendFrom(ids, p.b.sentence, p.b.skip, p.b.tokens)
	ids = append(ids, d.sep)
	for i := b; i < len(ids); i++ {
		dst.Segments[row*s+i] = 1
	}
	dst.Lengths[row] = int32(len(ids))
	dst.NSPLabels[row] = p.label
	draw = philox.NewStream(w.seed, w.mask, w.example, w.maskC)
	d.maskWords(dst, row, ids, b, &draw)
}

// fillSingle makes the example w of one part, a whole segment, in a row of dst.
func (d *Dataset) fillSingle(dst *Batch, row int, w drawing) {
	s := dst.SeqLen
	units, _ := d.segmentUnits(dst.scratch.units[:0], int(w.example))
	dst.scratch.units = units
	g := d.segments[w.example]
	ids := append(dst.IDs[row*s:row*s:(row+1)*s], d.cls)
	ids = d.store.appendFrom(ids, int(g.sentence), int(g.skip), int(units[len(units)-1]))
	ids = append(ids, d.sep)
	dst.Lengths[row] = int32(len(ids))
	draw := philox.NewStream(w.seed, w.mask, w.example, w.maskC)
	d.maskWords(dst, row, ids, len(ids), &draw)
}
