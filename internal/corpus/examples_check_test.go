package corpus

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

// checker knows where each id of the unique corpus stands, and checks examples
// from that alone.
type checker struct {
	v         *Vocab
	seqLen    int
	p         float64
	doc       []int  // [V] document of an id
	continues []bool // [V]
	begins    []bool // [V] whether a segment begins there
}

func newChecker(t testing.TB, d *Dataset, docs []Document, v *Vocab) *checker {
	t.Helper()
	c := &checker{v: v, seqLen: d.o.SeqLen, p: d.o.MLMProbability,
		doc: make([]int, v.Size()), continues: make([]bool, v.Size()), begins: make([]bool, v.Size()+1)}
	id := len(specialTokens)
	for i, d := range docs {
		for _, s := range d.Sentences {
			// A word is "w" and five digits, then "c" and five digits each.
			for range (len(s) - strings.Count(s, " ")) / 6 {
				c.doc[id] = i
				c.continues[id] = strings.HasPrefix(v.Token(int32(id)), "##")
				id++
			}
		}
	}
	if id != v.Size() {
		t.Fatalf("the documents have ids below %d, the vocabulary %d", id, v.Size())
	}
	for _, g := range d.segments[:d.Examples()] {
		c.begins[d.store.AppendSentence(nil, int(g.sentence))[g.skip]] = true
	}
	c.begins[v.Size()] = true
	return c
}

// segmentEnd returns the id at which the segment of id ends.
func (c *checker) segmentEnd(id int32) int32 {
	for id++; int(id) < c.v.Size() && !c.begins[id]; id++ {
	}
	return id
}

// restored returns a row's ids with the masks undone.
func restored(b *Batch, row int) []int32 {
	ids := slices.Clone(b.IDs[row*b.SeqLen : (row+1)*b.SeqLen])
	for i := row * b.MaxMasked; i < (row+1)*b.MaxMasked; i++ {
		if b.MaskedPos[i] >= 0 {
			ids[int(b.MaskedPos[i])-row*b.SeqLen] = b.MaskedLabels[i]
		}
	}
	return ids
}

// check returns what is wrong with a row of b.
func (c *checker) check(b *Batch, row int) error {
	ids, n := restored(b, row), int(b.Lengths[row])
	if n < minSeqLen || n > c.seqLen {
		return fmt.Errorf("length %d", n)
	}
	for i, id := range ids {
		if (i >= n) != (id == c.v.Pad()) {
			return fmt.Errorf("position %d of %d: id %d", i, n, id)
		}
	}
	mid := slices.Index(ids, c.v.Sep())
	if ids[0] != c.v.Cls() || ids[n-1] != c.v.Sep() || mid <= 1 || mid >= n-2 {
		return fmt.Errorf("no [CLS] A [SEP] B [SEP] with tokens in A and B: %v", ids[:n])
	}
	for i, s := range b.Segments[row*b.SeqLen : (row+1)*b.SeqLen] {
		if want := i > mid && i < n; (s == 1) != want || s != 0 && s != 1 {
			return fmt.Errorf("segment %d at position %d", s, i)
		}
	}
	a, rest := ids[1:mid], ids[mid+1:n-1]
	for _, part := range [][]int32{a, rest} {
		for i, id := range part {
			if id != part[0]+int32(i) || int(id) < len(specialTokens) || c.doc[id] != c.doc[part[0]] {
				return fmt.Errorf("a part is not a run of one document's tokens: %v", part)
			}
		}
	}
	switch {
	case !c.begins[a[0]]:
		return fmt.Errorf("A does not begin a segment: %d", a[0])
	case slices.ContainsFunc(a[1:], func(id int32) bool { return c.begins[id] }):
		return fmt.Errorf("A reaches into the next segment")
	case b.NSPLabels[row] == IsNext && (rest[0] != a[len(a)-1]+1 || rest[len(rest)-1]+1 != c.segmentEnd(a[0])):
		return fmt.Errorf("IsNext, but B is %d..%d behind A %d..%d", rest[0], rest[len(rest)-1], a[0], a[len(a)-1])
	case b.NSPLabels[row] == NotNext && c.doc[a[0]] == c.doc[rest[0]]:
		return fmt.Errorf("NotNext, but both parts are from document %d", c.doc[a[0]])
	case b.NSPLabels[row] != IsNext && b.NSPLabels[row] != NotNext:
		return fmt.Errorf("label %d", b.NSPLabels[row])
	}
	return c.checkMasks(b, row, ids[:n], mid)
}

// checkMasks checks the masked positions of a row against its ids before masking.
func (c *checker) checkMasks(b *Batch, row int, ids []int32, mid int) error {
	masked := make([]bool, len(ids))
	used, before := 0, -1
	for i := row * b.MaxMasked; i < (row+1)*b.MaxMasked; i++ {
		pos, label := int(b.MaskedPos[i]), b.MaskedLabels[i]
		if pos == -1 && label == -1 {
			before = math.MaxInt // only unused entries may follow
			continue
		}
		pos -= row * b.SeqLen
		if pos <= before || pos < 1 || pos >= len(ids) {
			return fmt.Errorf("entry %d: position %d behind %d", i, pos, before)
		}
		if label != ids[pos] || int(label) < len(specialTokens) {
			return fmt.Errorf("entry %d: label %d for id %d", i, label, ids[pos])
		}
		if now := b.IDs[row*b.SeqLen+pos]; now != c.v.Mask() && int(now) < len(specialTokens) {
			return fmt.Errorf("entry %d: masked by special token %d", i, now)
		}
		masked[pos] = true
		before = pos
		used++
	}
	budget := max(1, int(math.Round(c.p*float64(len(ids)-3))))
	if used > budget {
		return fmt.Errorf("%d tokens masked, at most %d wanted", used, budget)
	}
	for at := 1; at < len(ids)-1; {
		if at == mid {
			at++
			continue
		}
		end := at + 1
		for end != mid && end < len(ids)-1 && c.continues[ids[end]] {
			end++
		}
		for i := at; i < end; i++ {
			if masked[i] != masked[at] {
				return fmt.Errorf("the word at [%d, %d) is masked in part", at, end)
			}
		}
		if !masked[at] && used+end-at <= budget {
			return fmt.Errorf("the word at [%d, %d) would fit: %d of %d tokens masked", at, end, used, budget)
		}
		at = end
	}
	return nil
}
