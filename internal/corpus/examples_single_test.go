package corpus

import (
	"slices"
	"testing"
)

// Without pairs an epoch is every token of the corpus once, in order within each example:
// runs of whole sentences of a document, as many as fit, without a label.
func TestSingleSegments(t *testing.T) {
	const documents, seqLen = 60, 32
	docs, v := uniqueCorpus(t, documents)
	s, _ := uniqueStore(t, documents)
	d, err := NewDataset(s, v, DatasetOptions{SeqLen: seqLen, MLMProbability: 0.15, Seed: 3, NoNSP: true})
	if err != nil {
		t.Fatal(err)
	}
	c := newChecker(t, d, docs, v)
	sentenceBegins := map[int32]bool{}
	for i := range s.NumSentences() {
		sentenceBegins[s.AppendSentence(nil, i)[0]] = true
	}
	b := d.newBatch(d.Examples())
	for epoch := range 3 {
		d.Train(b, int64(epoch*d.Examples()))
		checkSingle(t, c, b, sentenceBegins)
	}
	if n := d.Eval(b, 0); n != d.Examples() {
		t.Fatalf("found %d evaluation examples, expected %d", n, d.Examples())
	}
	checkSingle(t, c, b, sentenceBegins)
	// The same example from its number alone.
	again := NewBatch(1, seqLen, d.o.MaxMasked())
	all := d.newBatch(d.Examples())
	d.Train(all, 0)
	d.Train(again, 7)
	if x := all.IDs[7*seqLen : 8*seqLen]; !slices.Equal(x, again.IDs) {
		t.Errorf("found %v, expected %v", again.IDs, x)
	}
}

// checkSingle checks a batch that is an epoch.
func checkSingle(t *testing.T, c *checker, b *Batch, sentenceBegins map[int32]bool) {
	t.Helper()
	seen, masked := map[int32]bool{}, 0
	for row := range b.Size {
		ids, n := restored(b, row), int(b.Lengths[row])
		a := ids[1 : n-1]
		if ids[0] != c.v.Cls() || ids[n-1] != c.v.Sep() || slices.Contains(a, c.v.Sep()) || b.NSPLabels[row] != unused {
			t.Fatalf("row %d: found %v with label %d, expected [CLS] A [SEP] and none", row, ids[:n], b.NSPLabels[row])
		}
		for i, id := range a {
			if id != a[0]+int32(i) || c.doc[id] != c.doc[a[0]] || seen[id] {
				t.Fatalf("row %d: found %v, expected tokens that follow each other in a document, each once in an epoch", row, a)
			}
			seen[id] = true
		}
		if next := c.segmentEnd(a[0]); int(next) < c.v.Size() && c.doc[next] == c.doc[a[0]] && sentenceBegins[next] {
			end := next + 1
			for int(end) < c.v.Size() && !sentenceBegins[end] && c.doc[end] == c.doc[next] {
				end++
			}
			if len(a)+int(end-next) <= c.seqLen-2 {
				t.Fatalf("row %d: found %d tokens, expected the %d of the next sentence too, which fit into %d", row, len(a), end-next, c.seqLen)
			}
		}
		for i := row * b.MaxMasked; i < (row+1)*b.MaxMasked; i++ {
			if b.MaskedPos[i] >= 0 {
				masked++
			}
		}
	}
	if want := c.v.Size() - len(specialTokens); len(seen) != want {
		t.Errorf("found %d tokens in an epoch, expected all %d", len(seen), want)
	}
	if slices.Max(b.Segments) != 0 {
		t.Error("found a segment beside 0")
	}
	if masked != b.Masked || masked == 0 {
		t.Errorf("found %d masked tokens, expected %d and some", masked, b.Masked)
	}
}

// One document is enough where no pair joins two.
func TestSingleDocument(t *testing.T) {
	doc := Document{Sentences: []string{"a b c d.", "a b.", "c d a b c."}}
	v, err := NewVocab([]string{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "c", "d", "."})
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewStore(t.Context(), "one", slices.Values([]Document{doc}), v, 1)
	if err != nil {
		t.Fatal(err)
	}
	for noNSP, ok := range map[bool]bool{true: true, false: false} {
		_, err := NewDataset(s, v, DatasetOptions{SeqLen: 8, MLMProbability: 0.15, NoNSP: noNSP})
		if (err == nil) != ok {
			t.Errorf("no NSP %t: found error %v, expected none: %t", noNSP, err, ok)
		}
	}
}
