package corpus

import (
	"path/filepath"
	"testing"
)

// Real text, through shards: every pair of WikiText-2's validation file is what
// it says it is, and the unigram entropy, the mark for a language model to beat,
// is near what English has.
func TestWikiTextExamples(t *testing.T) {
	path := wikiTextPath(t, "valid.txt")
	out := filepath.Join(t.TempDir(), "shards")
	if _, err := Prepare(t.Context(), PrepareOptions{Corpus: []string{path}, Out: out, VocabSize: 4096}); err != nil {
		t.Fatal(err)
	}
	s, v, err := Load(t.Context(), LoadOptions{Paths: []string{out}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	d, err := NewDataset(s, v, DatasetOptions{SeqLen: 128, MLMProbability: 0.15, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	entropy := UnigramEntropy(s)
	if s.Documents() != 60 || !(entropy > 5 && entropy < 8) { // the file has 60 titles
		t.Errorf("%d documents, unigram entropy %.3f; want 60 and 5 to 8 nats", s.Documents(), entropy)
	}
	b := d.newBatch(d.Examples())
	d.Train(b, 0)
	var notNext, tokens int
	lengths := make([]float64, b.Size)
	for row := range b.Size {
		notNext += int(b.NSPLabels[row])
		tokens += int(b.Lengths[row]) - 3
		lengths[row] = float64(b.Lengths[row])
	}
	if !within(notNext, b.Size, 0.5) {
		t.Errorf("%d of %d pairs are NotNext, want half", notNext, b.Size)
	}
	if byLength := bestAccuracy(lengths, b.NSPLabels); !(byLength < 0.58) {
		t.Errorf("length alone tells %.3f of the pairs, want close to a half", byLength)
	}
	if share := float64(b.Masked) / float64(tokens); !(share > 0.145 && share < 0.155) {
		t.Errorf("%.4f of the tokens masked, want 0.15", share)
	}
	t.Logf("%d documents, %d sentences, %d tokens, %d examples; unigram entropy %.3f nats; NSP accuracy by length %.3f",
		s.Documents(), s.NumSentences(), s.Tokens(), d.Examples(), entropy, bestAccuracy(lengths, b.NSPLabels))
}
