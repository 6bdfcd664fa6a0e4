package corpus

import (
	"math"
	"slices"
	"sync"
	"testing"
)

// dataset makes a data set of the unique corpus, and what checks it.
func dataset(t testing.TB, documents, seqLen int, seed uint64) (*Dataset, *checker) {
	t.Helper()
	docs, v := uniqueCorpus(t, documents)
	s, _ := uniqueStore(t, documents)
	d, err := NewDataset(s, v, DatasetOptions{SeqLen: seqLen, MLMProbability: 0.15, Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	return d, newChecker(t, d, docs, v)
}

func (d *Dataset) newBatch(size int) *Batch {
	return NewBatch(size, d.o.SeqLen, d.o.MaxMasked())
}

// within reports whether k of n successes of probability p are within five
// standard deviations.
func within(k, n int, p float64) bool {
	return math.Abs(float64(k)-float64(n)*p) <= 5*math.Sqrt(float64(n)*p*(1-p))
}

func TestExamplesAreWellFormedAndFair(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: starts no goroutine")
	}
	for _, seqLen := range []int{5, 6, 17, 64, 128} {
		d, c := dataset(t, 60, seqLen, 11)
		b := d.newBatch(d.Examples())
		var pairs, notNext, tokens, masked, asMask, kept, random int
		for epoch := range 40 {
			d.Train(b, int64(epoch)*int64(d.Examples()))
			firsts := map[int32]bool{}
			used := 0
			for row := range b.Size {
				if err := c.check(b, row); err != nil {
					t.Fatalf("S = %d, epoch %d, row %d: %v", seqLen, epoch, row, err)
				}
				first := restored(b, row)[1]
				if firsts[first] {
					t.Fatalf("S = %d, epoch %d: two examples of the segment at %d", seqLen, epoch, first)
				}
				firsts[first] = true
				if c.segmentEnd(first) > first+1 { // one token alone has no choice
					pairs++
					notNext += int(b.NSPLabels[row])
				}
				tokens += int(b.Lengths[row]) - 3
			}
			for i, pos := range b.MaskedPos {
				if pos < 0 {
					continue
				}
				used++
				switch b.IDs[pos] {
				case d.mask:
					asMask++
				case b.MaskedLabels[i]:
					kept++
				default:
					random++
				}
			}
			if used != b.Masked {
				t.Fatalf("Masked = %d, but %d entries are in use", b.Masked, used)
			}
			masked += used
		}
		if !within(notNext, pairs, 0.5) {
			t.Errorf("S = %d: %d of %d pairs are NotNext, want half", seqLen, notNext, pairs)
		}
		if !within(asMask, masked, 0.8) || !within(kept, masked, 0.1) || !within(random, masked, 0.1) {
			t.Errorf("S = %d: of %d tokens, %d became [MASK], %d stayed, %d random; want 80, 10, 10 %%", seqLen, masked, asMask, kept, random)
		}
		// Rounding to whole tokens and skipped words move a single sequence's
		// share, and the floor of one token that of short ones.
		if share := float64(masked) / float64(tokens); seqLen >= 64 && !(math.Abs(share-0.15) <= 0.01) {
			t.Errorf("S = %d: %.4f of the tokens masked, want 0.15", seqLen, share)
		}
	}
}

// Each planted fault must be found, or the test above proves nothing.
func TestCheckerFindsPlantedFaults(t *testing.T) {
	d, c := dataset(t, 60, 64, 11)
	b := d.newBatch(d.Examples())
	m := b.MaxMasked
	rowWith := func(label int32) int {
		for row := range b.Size {
			if b.NSPLabels[row] == label && b.Lengths[row] > 40 {
				return row
			}
		}
		t.Fatal("no such row")
		return 0
	}
	for name, plant := range map[string]func() int{
		"label":           func() int { r := rowWith(IsNext); b.NSPLabels[r] = NotNext; return r },
		"other label":     func() int { r := rowWith(NotNext); b.NSPLabels[r] = IsNext; return r },
		"length":          func() int { b.Lengths[3]--; return 3 },
		"segment":         func() int { b.Segments[5*b.SeqLen+1] = 1; return 5 },
		"masked label":    func() int { b.MaskedLabels[4*m]++; return 4 },
		"unmarked mask":   func() int { b.MaskedPos[2*m], b.MaskedLabels[2*m] = -1, -1; return 2 },
		"dropped mask":    func() int { r := rowWith(IsNext); b.MaskedPos[r*m+1], b.MaskedLabels[r*m+1] = -1, -1; return r },
		"special as mask": func() int { b.IDs[b.MaskedPos[0]] = d.sep; return 0 },
		"swapped tokens": func() int {
			i := 7 * b.SeqLen
			b.IDs[i+1], b.IDs[i+2] = b.IDs[i+2], b.IDs[i+1]
			return 7
		},
	} {
		d.Train(b, 0)
		if err := c.check(b, plant()); err == nil {
			t.Errorf("%s: the planted fault was not found", name)
		}
	}
}

func TestAnExampleIsAFunctionOfItsNumber(t *testing.T) {
	d, _ := dataset(t, 40, 48, 3)
	n := int64(d.Examples())
	b, one := d.newBatch(int(2*n)+7), d.newBatch(1)
	d.Train(b, 5)
	for _, row := range []int{0, 1, int(n) - 6, int(n) - 5, int(n) - 4, int(2*n) + 6} {
		d.Train(one, 5+int64(row))
		if !sameRow(b, row, one, 0) {
			t.Errorf("example %d made alone differs from the one in a batch", 5+row)
		}
	}
	// Nothing of an earlier batch may shine through.
	d.Train(one, 9)
	again := d.newBatch(1)
	d.Train(again, 9)
	if !sameRow(one, 0, again, 0) {
		t.Error("a used batch gives another example than a new one")
	}
}

// sameRow compares two rows, with masked positions taken from the row's start.
func sameRow(a *Batch, i int, b *Batch, j int) bool {
	s, m := a.SeqLen, a.MaxMasked
	at := func(x *Batch, row int) []int32 {
		out := slices.Clone(x.MaskedPos[row*m : (row+1)*m])
		for k := range out {
			if out[k] >= 0 {
				out[k] -= int32(row * s)
			}
		}
		return out
	}
	return slices.Equal(a.IDs[i*s:(i+1)*s], b.IDs[j*s:(j+1)*s]) &&
		slices.Equal(a.Segments[i*s:(i+1)*s], b.Segments[j*s:(j+1)*s]) &&
		slices.Equal(at(a, i), at(b, j)) &&
		slices.Equal(a.MaskedLabels[i*m:(i+1)*m], b.MaskedLabels[j*m:(j+1)*m]) &&
		a.Lengths[i] == b.Lengths[j] && a.NSPLabels[i] == b.NSPLabels[j]
}

func TestEpochsAndSeedsDiffer(t *testing.T) {
	d, _ := dataset(t, 40, 48, 3)
	other, _ := dataset(t, 40, 48, 4)
	n := d.Examples()
	// byFirst finds a segment's row by its first token.
	byFirst := func(b *Batch) map[int32]int {
		rows := map[int32]int{}
		for row := range n {
			rows[restored(b, row)[1]] = row
		}
		return rows
	}
	a, b := d.newBatch(n), d.newBatch(n)
	for name, make := range map[string]func(){
		"epoch": func() { d.Train(b, int64(n)) },
		"seed":  func() { other.Train(b, 0) },
	} {
		d.Train(a, 0)
		make()
		moved, differ := 0, 0
		rows := byFirst(b)
		for first, i := range byFirst(a) {
			j := rows[first]
			if i != j {
				moved++
			}
			if !sameRow(a, i, b, j) {
				differ++
			}
		}
		if moved < n*8/10 || differ < n*8/10 {
			t.Errorf("another %s: of %d examples %d moved and %d differ, want nearly all", name, n, moved, differ)
		}
	}
}

func TestEvalIsFixedAndInOrder(t *testing.T) {
	d, c := dataset(t, 40, 48, 3)
	n := d.Examples()
	all, part := d.newBatch(n), d.newBatch(13)
	if got := d.Eval(all, 0); got != n {
		t.Fatalf("%d valid rows, want %d", got, n)
	}
	before := int32(-1)
	for row := range n {
		if err := c.check(all, row); err != nil {
			t.Fatalf("row %d: %v", row, err)
		}
		first := restored(all, row)[1]
		if first <= before {
			t.Fatalf("row %d: the segment at %d comes behind that at %d", row, first, before)
		}
		before = first
	}
	seen := 0
	for first := 0; first < n+26; first += 13 {
		valid := d.Eval(part, first)
		for row := range valid {
			if !sameRow(all, first+row, part, row) {
				t.Fatalf("example %d differs in a smaller batch", first+row)
			}
		}
		seen += valid
		for row := valid; row < part.Size; row++ {
			i, m := row*part.SeqLen, row*part.MaxMasked
			if part.Lengths[row] != 0 || part.NSPLabels[row] != -1 || part.MaskedPos[m] != -1 || part.MaskedLabels[m] != -1 ||
				slices.ContainsFunc(part.IDs[i:i+part.SeqLen], func(id int32) bool { return id != d.pad }) {
				t.Fatalf("row %d of batch %d is behind the end and not empty", row, first)
			}
		}
	}
	if seen != n {
		t.Errorf("%d examples seen, want %d", seen, n)
	}
}

// Concurrent fillers must see each other's work neither in the examples nor in
// the race detector.
func TestDatasetServesManyGoroutines(t *testing.T) {
	d, _ := dataset(t, 40, 48, 3)
	want := d.newBatch(64)
	d.Train(want, 0)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			b := d.newBatch(16)
			d.Train(b, int64(16*g))
			for row := range 16 {
				if !sameRow(b, row, want, 16*g+row) {
					t.Errorf("goroutine %d, row %d differs", g, row)
				}
			}
		})
	}
	wg.Wait()
}

// Special tokens that stand in the text are never masked, but [UNK] is.
func TestSpecialTokensInTextAreNotMasked(t *testing.T) {
	v, err := NewVocab(append(specialTokens[:], "a"))
	if err != nil {
		t.Fatal(err)
	}
	text := []string{"a [SEP] [UNK] [MASK] [CLS] [PAD] [UNK] a", "[SEP] [UNK] a [MASK]"}
	docs := []Document{{Sentences: text}, {Sentences: text}, {Sentences: text}}
	s, err := NewStore(t.Context(), "x", slices.Values(docs), v, 1)
	if err != nil {
		t.Fatal(err)
	}
	d, err := NewDataset(s, v, DatasetOptions{SeqLen: 16, MLMProbability: 0.9, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	b := d.newBatch(300)
	d.Train(b, 0)
	counts := map[int32]int{}
	for _, label := range b.MaskedLabels {
		counts[label]++
	}
	if counts[v.Unk()] == 0 || counts[5] == 0 || len(counts) != 3 { // the third is -1
		t.Errorf("masked labels %v, want [UNK] (%d) and a (5) alone", counts, v.Unk())
	}
}

func TestOrdinarySkipsTheSpecialTokens(t *testing.T) {
	d := &Dataset{special: [5]int32{0, 2, 3, 7, 9}}
	for i, want := range []int32{1, 4, 5, 6, 8, 10, 11} {
		if got := d.ordinary(i); got != want {
			t.Errorf("ordinary(%d) = %d, want %d", i, got, want)
		}
	}
}

func TestFillingABatchDoesNotAllocate(t *testing.T) {
	d, _ := dataset(t, 40, 48, 3)
	b := d.newBatch(32)
	first := int64(0)
	if n := testing.AllocsPerRun(20, func() { d.Train(b, first); first += 32 }); n != 0 {
		t.Errorf("%v allocations for a batch, want none", n)
	}
}

func BenchmarkTrain(b *testing.B) {
	train, _, v, err := DemoStore(1)
	if err != nil {
		b.Fatal(err)
	}
	d, err := NewDataset(train, v, DatasetOptions{SeqLen: 128, MLMProbability: 0.15, Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	batch := d.newBatch(32)
	b.ReportAllocs()
	b.SetBytes(32 * 128)
	for first := int64(0); b.Loop(); first += 32 {
		d.Train(batch, first)
	}
}
