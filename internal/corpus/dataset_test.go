package corpus

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
)

func TestSegmentsHoldEveryTokenOnce(t *testing.T) {
	for _, limit := range []int{2, 3, 14, 61, 125, 10000} {
		s, v := uniqueStore(t, 60)
		continues := make([]bool, v.Size())
		for id := range continues {
			continues[id] = v.Continuation(int32(id))
		}
		list := cutSegments(s, limit, continues)
		// Ids count up, so a segment is the ids from its begin to the next's.
		begins := make([]int, len(list))
		for i, g := range list[:len(list)-1] {
			begins[i] = int(s.AppendSentence(nil, int(g.sentence))[g.skip])
		}
		begins[len(list)-1] = v.Size()
		if begins[0] != len(specialTokens) {
			t.Fatalf("limit %d: the first segment begins at %d", limit, begins[0])
		}
		for i, g := range list[:len(list)-1] {
			size := begins[i+1] - begins[i]
			doc := s.DocumentOf(int(g.sentence))
			if size < 1 || size > limit {
				t.Fatalf("limit %d: segment %d has %d tokens", limit, i, size)
			}
			next := list[i+1]
			if int(next.sentence) == s.NumSentences() || s.DocumentOf(int(next.sentence)) != doc {
				_, end := s.Sentences(doc)
				if int(next.sentence) != end || next.skip != 0 {
					t.Fatalf("limit %d: segment %d reaches into another document", limit, i)
				}
				continue
			}
			if next.skip == 0 {
				// The sentence at which the next segment begins did not fit.
				if n := s.SentenceLen(int(next.sentence)); size+n <= limit {
					t.Fatalf("limit %d: segment %d of %d tokens ends before a sentence of %d", limit, i, size, n)
				}
			} else if limit >= 3 && continues[begins[i+1]] { // words have up to 3 tokens
				t.Fatalf("limit %d: segment %d ends inside a word", limit, i)
			}
		}
	}
}

func TestNewDatasetRefuses(t *testing.T) {
	s, v := uniqueStore(t, 20)
	small, err := NewVocab(append(specialTokens[:], "a"))
	if err != nil {
		t.Fatal(err)
	}
	only, err := NewVocab(specialTokens[:])
	if err != nil {
		t.Fatal(err)
	}
	store := func(v *Vocab, docs ...Document) *Store {
		s, err := NewStore(t.Context(), "the corpus", slices.Values(docs), v, 1)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	doc := Document{Sentences: []string{"a a", "a a a"}}
	for _, c := range []struct {
		name string
		s    *Store
		v    *Vocab
		o    DatasetOptions
		bad  bool // a DataError
		want string
	}{
		{"short sequence", s, v, DatasetOptions{SeqLen: 4, MLMProbability: 0.15}, false, "found sequence length 4, expected at least 5"},
		{"probability 0", s, v, DatasetOptions{SeqLen: 64}, false, "found MLM probability 0"},
		{"probability 1", s, v, DatasetOptions{SeqLen: 64, MLMProbability: 1}, false, "found MLM probability 1"},
		{"probability NaN", s, v, DatasetOptions{SeqLen: 64, MLMProbability: math.NaN()}, false, "found MLM probability NaN"},
		{"other vocabulary", s, small, DatasetOptions{SeqLen: 64, MLMProbability: 0.15}, true, "expected one of 6"},
		{"special tokens alone", store(only, Document{Sentences: []string{"a b c d"}}, doc), only, DatasetOptions{SeqLen: 5, MLMProbability: 0.15}, true,
			"found a vocabulary of special tokens alone"},
		{"one document", store(small, doc), small, DatasetOptions{SeqLen: 5, MLMProbability: 0.15}, true,
			"the corpus: found 1 document, expected at least 2"},
		{"short corpus", store(small, doc, doc), small, DatasetOptions{SeqLen: 64, MLMProbability: 0.15}, true,
			"the corpus: found 10 tokens, expected at least 61, one sequence of 64"},
	} {
		_, err := NewDataset(c.s, c.v, c.o)
		if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, ErrBadData) != c.bad || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %q, want one line with %q, bad data: %v", c.name, err, c.want, c.bad)
		}
	}
	// Just enough is enough.
	if _, err := NewDataset(store(small, doc, doc), small, DatasetOptions{SeqLen: 13, MLMProbability: 0.15}); err != nil {
		t.Errorf("10 tokens for a sequence of 13: %v", err)
	}
}

func TestMaxMasked(t *testing.T) {
	for _, c := range []struct {
		seqLen int
		p      float64
		noNSP  bool
		want   int
	}{
		{128, 0.15, false, 19}, {512, 0.15, false, 76}, {5, 0.15, false, 1}, {5, 0.9, false, 2}, {23, 0.15, false, 3},
		{512, 0.15, true, 77}, {5, 0.9, true, 3}, {3, 0.15, true, 1},
	} {
		o := DatasetOptions{SeqLen: c.seqLen, MLMProbability: c.p, NoNSP: c.noNSP}
		if got := o.MaxMasked(); got != c.want {
			t.Errorf("%+v: found %d, expected %d", o, got, c.want)
		}
	}
}
