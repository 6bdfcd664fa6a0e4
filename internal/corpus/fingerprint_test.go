package corpus

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
)

// loaded is the fingerprint of what paths hold.
func loaded(t *testing.T, v *Vocab, threads int, paths ...string) string {
	t.Helper()
	s, _, err := Load(context.Background(), LoadOptions{Paths: paths, Vocab: v, Threads: threads})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	return s.Fingerprint()
}

// Text and shards of any size have one fingerprint, wherever they are.
func TestFingerprintIsOfTheText(t *testing.T) {
	text := demoText(t, 40)
	s, v, err := Load(t.Context(), LoadOptions{Paths: []string{text}, VocabSize: 200})
	if err != nil {
		t.Fatal(err)
	}
	for _, tokens := range []int{300, 2000, 1 << 20} {
		out := filepath.Join(t.TempDir(), "shards")
		if _, err := Prepare(t.Context(), PrepareOptions{Corpus: []string{text}, Out: out, VocabSize: 200, ShardTokens: tokens}); err != nil {
			t.Fatal(err)
		}
		for _, threads := range []int{1, 3} {
			if got := loaded(t, v, threads, out); got != s.Fingerprint() {
				t.Errorf("shards of %d tokens, %d threads: found %s, expected %s as of the text", tokens, threads, got, s.Fingerprint())
			}
		}
	}
}

// Every change of the documents shows: a sentence's end, a document's end, the
// order, a token.
func TestFingerprintTellsTextsApart(t *testing.T) {
	docs, v := uniqueCorpus(t, 4)
	texts := map[string][]Document{
		"as it is":      {{Sentences: []string{"w00005 w00005", "w00005"}}, {Sentences: []string{"w00005"}}},
		"sentence end":  {{Sentences: []string{"w00005", "w00005 w00005"}}, {Sentences: []string{"w00005"}}},
		"document end":  {{Sentences: []string{"w00005 w00005"}}, {Sentences: []string{"w00005", "w00005"}}},
		"order":         {{Sentences: []string{"w00005"}}, {Sentences: []string{"w00005 w00005", "w00005"}}},
		"token":         {{Sentences: []string{"w00005 unknown", "w00005"}}, {Sentences: []string{"w00005"}}},
		"another text":  docs,
		"one more":      slices.Concat(docs, docs[:1]),
		"and backwards": {docs[3], docs[2], docs[1], docs[0]},
	}
	seen := map[string]string{}
	for name, text := range texts {
		s, err := NewStore(t.Context(), name, slices.Values(text), v, 1)
		if err != nil {
			t.Fatal(err)
		}
		if other, ok := seen[s.Fingerprint()]; ok {
			t.Errorf("%q and %q have one fingerprint", name, other)
		}
		seen[s.Fingerprint()] = name
	}
}

// The validation part of a split is the text of its documents; the training part is
// told from the whole and from another split.
func TestFingerprintOfASplit(t *testing.T) {
	docs, v := uniqueCorpus(t, 12)
	whole, err := NewStore(t.Context(), "whole", slices.Values(docs), v, 1)
	if err != nil {
		t.Fatal(err)
	}
	train, valid, err := whole.Split(3)
	if err != nil {
		t.Fatal(err)
	}
	alone, err := NewStore(t.Context(), "alone", slices.Values([]Document{docs[2], docs[5], docs[8], docs[11]}), v, 1)
	if err != nil {
		t.Fatal(err)
	}
	if got := valid.Fingerprint(); got != alone.Fingerprint() {
		t.Errorf("validation part: found %s, expected %s", got, alone.Fingerprint())
	}
	other, _, err := whole.Split(4)
	if err != nil {
		t.Fatal(err)
	}
	if f := train.Fingerprint(); f == whole.Fingerprint() || f == other.Fingerprint() {
		t.Error("the training part has the fingerprint of the whole or of another split")
	}
}
