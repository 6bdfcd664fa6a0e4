package corpus

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func TestDemoDocumentsAreAFunctionOfSeedAndNumber(t *testing.T) {
	equal := func(a, b Document) bool {
		return a.Source == b.Source && a.Line == b.Line && slices.Equal(a.Sentences, b.Sentences)
	}
	long := slices.Collect(DemoDocuments(1, 50))
	if short := slices.Collect(DemoDocuments(1, 20)); !slices.EqualFunc(long[:20], short, equal) {
		t.Error("the first 20 of 50 documents are not the first 20 of 20")
	}
	same := 0
	for i, d := range slices.Collect(DemoDocuments(2, 50)) {
		if slices.Equal(d.Sentences, long[i].Sentences) {
			same++
		}
	}
	if same > 0 {
		t.Errorf("%d of 50 documents are equal under two seeds", same)
	}
	for _, d := range long {
		for _, s := range d.Sentences {
			if strings.ContainsAny(s, "{}") || strings.ToUpper(s[:1]) != s[:1] {
				t.Errorf("a sentence with an empty slot or a small first letter: %q", s)
			}
		}
	}
}

// The corpus must have something to learn. Two counting models, far weaker than
// BERT, show that it has: one that knows a token's two neighbors must predict
// it much better than its frequency does, and one that compares the topics
// of two parts must tell pairs that belong together. Length alone must not.
func TestDemoCorpusHasStructure(t *testing.T) {
	train, valid, v, err := DemoStore(3)
	if err != nil {
		t.Fatal(err)
	}
	words := map[string]bool{}
	for d := range DemoDocuments(3, demoTrainDocs) {
		for _, s := range d.Sentences {
			for w := range strings.FieldsFuncSeq(strings.ToLower(s), func(r rune) bool { return r < 'a' || r > 'z' }) {
				words[w] = true
			}
		}
	}
	if len(words) < 300 || len(words) > 600 {
		t.Errorf("%d distinct words, want 300 to 600", len(words))
	}
	entropy := UnigramEntropy(valid)
	neighbors := neighborLoss(train, valid)
	if !(neighbors < entropy/2) {
		t.Errorf("loss with neighbors known %.3f nats a token, want less than half of the unigram entropy %.3f", neighbors, entropy)
	}
	d, err := NewDataset(valid, v, DatasetOptions{SeqLen: 128, MLMProbability: 0.15, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	b := d.newBatch(d.Examples())
	d.Eval(b, 0)
	clues := demoClues()
	shared, lengths := make([]float64, b.Size), make([]float64, b.Size)
	for row := range b.Size {
		ids := restored(b, row)[1 : b.Lengths[row]-1]
		mid := slices.Index(ids, v.Sep())
		behind := demoWords(v, ids[mid+1:])
		for _, word := range demoWords(v, ids[:mid]) {
			for _, other := range behind {
				if clue := clues[word]; clue != 0 && clue == clues[other] {
					shared[row]++
				}
			}
		}
		lengths[row] = float64(b.Lengths[row])
	}
	byTopic, byLength := bestAccuracy(shared, b.NSPLabels), bestAccuracy(lengths, b.NSPLabels)
	t.Logf("V %d, %d words, %d + %d tokens, %d + %d examples; unigram entropy %.3f, loss with neighbors known %.3f; NSP accuracy by topic %.3f, by length %.3f",
		v.Size(), len(words), train.Tokens(), valid.Tokens(), demoTrainDocs, d.Examples(), entropy, neighbors, byTopic, byLength)
	if !(byTopic > 0.85) {
		t.Errorf("the topic tells %.3f of the pairs, want more than 0.85", byTopic)
	}
	if !(byLength < 0.62) {
		t.Errorf("length alone tells %.3f of the pairs, want close to a half", byLength)
	}
}

// demoWords joins tokens to words again.
func demoWords(v *Vocab, ids []int32) []string {
	var text strings.Builder
	for _, id := range ids {
		if token, continues := strings.CutPrefix(v.Token(id), continuationPrefix); continues {
			text.WriteString(token)
		} else {
			text.WriteString(" " + token)
		}
	}
	return strings.Fields(text.String())
}

// demoClues maps the words that tell the topic to that topic's number from 1.
func demoClues() map[string]int {
	clues := map[string]int{}
	for i, t := range demoTopics {
		for _, word := range slices.Concat(t.jobs, t.places, t.deeds, t.qualities) {
			clues[word] = i + 1
		}
		for _, thing := range t.things {
			clues[thing[0]], clues[thing[1]] = i+1, i+1
		}
	}
	return clues
}

// neighborLoss returns the mean of -ln p(token | token before, token behind) on
// valid, with p counted on train and mixed with what the token before and the
// frequency alone give, so that it is never 0.
func neighborLoss(train, valid *Store) float64 {
	both, before, alone := map[[3]int32]float64{}, map[[2]int32]float64{}, map[int32]float64{}
	bothAll, beforeAll := map[[2]int32]float64{}, map[int32]float64{}
	each := func(s *Store, do func(l, x, r int32)) {
		for i := range s.NumSentences() {
			ids := append(s.AppendSentence([]int32{-1}, i), -1)
			for k := 1; k < len(ids)-1; k++ {
				do(ids[k-1], ids[k], ids[k+1])
			}
		}
	}
	each(train, func(l, x, r int32) {
		both[[3]int32{l, x, r}]++
		bothAll[[2]int32{l, r}]++
		before[[2]int32{l, x}]++
		beforeAll[l]++
		alone[x]++
	})
	ratio := func(a, b float64) float64 {
		if b == 0 {
			return 0
		}
		return a / b
	}
	sum, n := 0.0, 0.0
	each(valid, func(l, x, r int32) {
		p := 0.8*ratio(both[[3]int32{l, x, r}], bothAll[[2]int32{l, r}]) +
			0.15*ratio(before[[2]int32{l, x}], beforeAll[l]) +
			0.05*(alone[x]+1)/float64(train.Tokens()+int64(train.VocabSize()))
		sum -= math.Log(p)
		n++
	})
	return sum / n
}

// bestAccuracy returns the accuracy of the best threshold on a score, in either
// direction.
func bestAccuracy(score []float64, labels []int32) float64 {
	best := 0.0
	for _, threshold := range score {
		right := 0
		for i, s := range score {
			if (s >= threshold) == (labels[i] == IsNext) {
				right++
			}
		}
		accuracy := float64(right) / float64(len(score))
		best = max(best, accuracy, 1-accuracy)
	}
	return best
}

func TestDemoStoreDependsOnItsSeedAlone(t *testing.T) {
	train, valid, v, err := DemoStore(1)
	if err != nil {
		t.Fatal(err)
	}
	if train.Documents() != demoTrainDocs || valid.Documents() != demoValidDocs || v.Size() != demoVocabSize {
		t.Errorf("%d + %d documents, V = %d", train.Documents(), valid.Documents(), v.Size())
	}
	train2, valid2, v2, err := DemoStore(1)
	if err != nil {
		t.Fatal(err)
	}
	if v.SHA256() != v2.SHA256() || !equalTokens(storeTokens(train), storeTokens(train2)) || !equalTokens(storeTokens(valid), storeTokens(valid2)) {
		t.Error("two demo stores of one seed differ")
	}
}

func BenchmarkDemoStore(b *testing.B) {
	for b.Loop() {
		if _, _, _, err := DemoStore(1); err != nil {
			b.Fatal(err)
		}
	}
}
