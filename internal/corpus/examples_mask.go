package corpus

import (
	"slices"
	"sort"

	"github.com/sparsebert/sparsebert-gpu/internal/philox"
)

// maskWords masks whole words of a row of dst. ids is the row's sequence,
// aliasing dst.IDs; its part B begins at b, its end where it has none.
//
// Words are taken in random order; one that would exceed the budget of
// maskBudget tokens is passed over, and a shorter one behind it may still be
// taken. Each token of a word taken becomes [MASK] in 8 of 10 cases, any token
// that is not special in 1, and stays in 1.
func (d *Dataset) maskWords(dst *Batch, row int, ids []int32, b int, draw *philox.Stream) {
	s := &dst.scratch
	s.words = d.wordsOf(s.words[:0], ids, 1, b-1)
	s.words = d.wordsOf(s.words, ids, b, len(ids)-1)
	budget := min(maskBudget(len(ids)-d.o.specials(), d.o.MLMProbability), dst.MaxMasked)
	clear(s.chosen)
	for i := range s.words {
		if budget == 0 {
			break
		}
		// One step of Fisher and Yates: the words up to i are in random order.
		j := i + draw.IntN(len(s.words)-i)
		s.words[i], s.words[j] = s.words[j], s.words[i]
		word := int(s.words[i])
		n := 1
		for d.continues[ids[word+n]] { // ends at a [SEP] at the latest
			n++
		}
		if n > budget {
			continue
		}
		budget -= n
		for at := word; at < word+n; at++ {
			s.chosen[at] = true
		}
	}
	used := row * dst.MaxMasked
	for at := range ids {
		if !s.chosen[at] {
			continue
		}
		dst.MaskedPos[used] = int32(row*dst.SeqLen + at)
		dst.MaskedLabels[used] = ids[at]
		used++
		dst.Masked++
		switch draw.IntN(10) {
		case 0, 1, 2, 3, 4, 5, 6, 7:
			ids[at] = d.mask
		case 8:
			ids[at] = d.ordinary(draw.IntN(len(d.continues) - len(d.special)))
		}
	}
}

// wordsOf appends to words the position in ids of the first token of each word
// in [first, end) that may be masked. A word is a token and the "##" tokens
// behind it; it does not reach across first.
func (d *Dataset) wordsOf(words, ids []int32, first, end int) []int32 {
	for at := first; at < end; at++ {
		if (at == first || !d.continues[ids[at]]) && !slices.Contains(d.unmaskable[:], ids[at]) {
			words = append(words, int32(at))
		}
	}
	return words
}

// ordinary returns the i-th id that is not special, in the order of ids.
func (d *Dataset) ordinary(i int) int32 {
	// special[j]-j ids that are not special stand before special[j].
	return int32(i + sort.Search(len(d.special), func(j int) bool { return int(d.special[j])-j > i }))
}
