package corpus

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/philox"
)

// uniqueCorpus returns documents in which no token occurs twice, so that an id
// tells where it stands, and their vocabulary. The words are "w0007", of which
// every third is followed by one or two "##" tokens. Sentences have 1 to 40
// words, documents 1 to 9 sentences; the last document is a single token.
func uniqueCorpus(t testing.TB, documents int) ([]Document, *Vocab) {
	t.Helper()
	tokens := slices.Clone(specialTokens[:])
	draw := philox.NewStream(5, philox.TestData, 0, 0)
	word := func() string {
		text := fmt.Sprintf("w%05d", len(tokens))
		tokens = append(tokens, text)
		if draw.IntN(3) == 0 {
			for range 1 + draw.IntN(2) {
				tail := fmt.Sprintf("c%05d", len(tokens))
				tokens = append(tokens, continuationPrefix+tail)
				text += tail
			}
		}
		return text
	}
	var docs []Document
	for i := range documents - 1 {
		d := Document{Source: "unique", Line: i + 1}
		for range 1 + draw.IntN(9) {
			var words []string
			for range 1 + draw.IntN(40) {
				words = append(words, word())
			}
			d.Sentences = append(d.Sentences, strings.Join(words, " "))
		}
		docs = append(docs, d)
	}
	docs = append(docs, Document{Source: "unique", Line: documents, Sentences: []string{fmt.Sprintf("w%05d", len(tokens))}})
	tokens = append(tokens, fmt.Sprintf("w%05d", len(tokens)))
	v, err := NewVocab(tokens)
	if err != nil {
		t.Fatal(err)
	}
	return docs, v
}

func uniqueStore(t testing.TB, documents int) (*Store, *Vocab) {
	t.Helper()
	docs, v := uniqueCorpus(t, documents)
	s, err := NewStore(context.Background(), "unique", slices.Values(docs), v, 2)
	if err != nil {
		t.Fatal(err)
	}
	return s, v
}

// storeTokens returns every document's sentences' tokens.
func storeTokens(s *Store) [][][]int32 {
	var all [][][]int32
	for doc := range s.Documents() {
		var sentences [][]int32
		first, end := s.Sentences(doc)
		for i := first; i < end; i++ {
			sentences = append(sentences, s.AppendSentence(nil, i))
		}
		all = append(all, sentences)
	}
	return all
}

func equalTokens(a, b [][][]int32) bool {
	return slices.EqualFunc(a, b, func(x, y [][]int32) bool {
		return slices.EqualFunc(x, y, func(p, q []int32) bool { return slices.Equal(p, q) })
	})
}

// In the unique corpus the ids simply count up, which states what a store must
// hold without the code under test.
func TestStoreHoldsEveryTokenInOrder(t *testing.T) {
	docs, v := uniqueCorpus(t, 50)
	s, err := NewStore(t.Context(), "unique", slices.Values(docs), v, 3)
	if err != nil {
		t.Fatal(err)
	}
	if s.Documents() != len(docs) || s.Tokens() != int64(v.Size()-len(specialTokens)) || s.VocabSize() != v.Size() {
		t.Fatalf("%d documents, %d tokens, V = %d; want %d, %d, %d",
			s.Documents(), s.Tokens(), s.VocabSize(), len(docs), v.Size()-len(specialTokens), v.Size())
	}
	next, sentence := int32(len(specialTokens)), 0
	for doc, d := range docs {
		first, end := s.Sentences(doc)
		if first != sentence || end-first != len(d.Sentences) {
			t.Fatalf("document %d: sentences [%d, %d), want %d from %d", doc, first, end, len(d.Sentences), sentence)
		}
		for range d.Sentences {
			ids := s.AppendSentence(nil, sentence)
			if len(ids) == 0 || len(ids) != s.SentenceLen(sentence) || s.DocumentOf(sentence) != doc {
				t.Fatalf("sentence %d: %d tokens, length %d, document %d; want document %d",
					sentence, len(ids), s.SentenceLen(sentence), s.DocumentOf(sentence), doc)
			}
			for _, id := range ids {
				if id != next {
					t.Fatalf("sentence %d: found id %d, want %d", sentence, id, next)
				}
				next++
			}
			sentence++
		}
	}
	if int(next) != v.Size() || sentence != s.NumSentences() {
		t.Fatalf("read %d ids in %d sentences, want %d in %d", next, sentence, v.Size(), s.NumSentences())
	}
	for id, n := range s.Counts() {
		if want := int64(min(1, max(0, id-len(specialTokens)+1))); n != want {
			t.Fatalf("id %d counted %d times, want %d", id, n, want)
		}
	}
}

func TestStoreDropsWhatGivesNoToken(t *testing.T) {
	v, err := NewVocab(append(specialTokens[:], "a"))
	if err != nil {
		t.Fatal(err)
	}
	docs := []Document{{Sentences: []string{"\u00ad", "a a"}}, {Sentences: []string{"\u200b"}}, {Sentences: []string{"a"}}}
	s, err := NewStore(t.Context(), "x", slices.Values(docs), v, 1)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := storeTokens(s), [][][]int32{{{5, 5}}, {{5}}}; !equalTokens(got, want) {
		t.Errorf("tokens %v, want %v", got, want)
	}
}

// A vocabulary of more than 65536 tokens needs four bytes a token.
func TestWideTokens(t *testing.T) {
	tokens := slices.Clone(specialTokens[:])
	for i := len(tokens); i < 1<<16+10; i++ {
		tokens = append(tokens, fmt.Sprintf("w%d", i))
	}
	v, err := NewVocab(tokens)
	if err != nil {
		t.Fatal(err)
	}
	docs := []Document{{Sentences: []string{"w65535 w65536", "w7"}}, {Sentences: []string{"w65545"}}}
	s, err := NewStore(t.Context(), "x", slices.Values(docs), v, 1)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := storeTokens(s), [][][]int32{{{65535, 65536}, {7}}, {{65545}}}; !equalTokens(got, want) {
		t.Errorf("tokens %v, want %v", got, want)
	}
	if s.runs[0].width != 4 {
		t.Errorf("width %d, want 4", s.runs[0].width)
	}
}

func TestSectionsDoNotDependOnThreads(t *testing.T) {
	docs, v := uniqueCorpus(t, 300)
	build := func(threads, limit int) (out []section) {
		build := sections{read: sequence(slices.Values(docs)), vocab: v, threads: threads, limit: limit, emit: func(s *section, _ place) error {
			out = append(out, *s)
			return nil
		}}
		_, err := build.build(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	equal := func(a, b section) bool {
		return slices.Equal(a.docs, b.docs) && slices.Equal(a.sents, b.sents) && slices.Equal(a.toks, b.toks)
	}
	for _, limit := range []int{1, 1000, 5000, 1 << 20} {
		want := build(1, limit)
		if limit == 1 && len(want) != len(docs) {
			t.Errorf("limit 1: %d sections, want one for each of %d documents", len(want), len(docs))
		}
		for _, threads := range []int{2, 7} {
			if got := build(threads, limit); !slices.EqualFunc(got, want, equal) {
				t.Errorf("limit %d: sections of %d threads differ from those of one", limit, threads)
			}
		}
	}
}

func TestPipelineStopsAtTheFirstError(t *testing.T) {
	docs, v := uniqueCorpus(t, 600)
	boom := errors.New("boom")
	build := sections{read: sequence(slices.Values(docs)), vocab: v, threads: 3, limit: 1000, emit: func(*section, place) error { return boom }}
	_, err := build.build(t.Context())
	if !errors.Is(err, boom) {
		t.Errorf("found error %v, want that of emit", err)
	}
	build.read = source{read: func(ctx context.Context, from place, yield func(rawDocument) error) error {
		return errors.Join(sequence(slices.Values(docs[:100])).read(ctx, from, yield), boom)
	}}
	build.emit = func(*section, place) error { return nil }
	if _, err = build.build(t.Context()); !errors.Is(err, boom) {
		t.Errorf("found error %v, want that of the source", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = NewStore(ctx, "x", slices.Values(docs), v, 3); !errors.Is(err, context.Canceled) {
		t.Errorf("found error %v, want context.Canceled", err)
	}
}

func TestSplit(t *testing.T) {
	docs, v := uniqueCorpus(t, 103)
	s := newStore("unique", v)
	// Sections of a few documents, so that runs begin anywhere.
	build := sections{read: sequence(slices.Values(docs)), vocab: v, threads: 2, limit: 700, emit: func(sec *section, _ place) error {
		s.addRun(sec, 0, sec.documents())
		return nil
	}}
	counts, err := build.build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.counts = counts
	all := storeTokens(s)
	for _, every := range []int{2, 5, 20} {
		train, valid, err := s.Split(every)
		if err != nil {
			t.Fatal(err)
		}
		var wantTrain, wantValid [][][]int32
		for i, d := range all {
			if i%every == every-1 {
				wantValid = append(wantValid, d)
			} else {
				wantTrain = append(wantTrain, d)
			}
		}
		if !equalTokens(storeTokens(train), wantTrain) || !equalTokens(storeTokens(valid), wantValid) {
			t.Errorf("every %d: the parts are not the documents in order", every)
		}
		for _, part := range []*Store{train, valid} {
			var total int64
			for _, n := range part.Counts() {
				total += n
			}
			if total != part.Tokens() {
				t.Errorf("every %d: counts sum to %d, tokens %d", every, total, part.Tokens())
			}
			for i := range part.NumSentences() {
				first, end := part.Sentences(part.DocumentOf(i))
				if i < first || i >= end {
					t.Fatalf("every %d: sentence %d outside its document's [%d, %d)", every, i, first, end)
				}
			}
		}
	}
	if _, _, err := s.Split(60); !errors.Is(err, ErrBadData) || !strings.Contains(err.Error(), "found 103 documents, expected at least 120") {
		t.Errorf("splitting 103 documents by 60: error %v", err)
	}
	if _, _, err := s.Split(1); err == nil {
		t.Error("splitting by 1: no error")
	}
}

// Two words at 1/4 and one at 1/2: 1.5 ln 2. [UNK] counts as a word, the other
// special tokens do not.
func TestUnigramEntropy(t *testing.T) {
	v, err := NewVocab(append(specialTokens[:], "a", "b"))
	if err != nil {
		t.Fatal(err)
	}
	docs := []Document{{Sentences: []string{"a [SEP] b b [MASK]"}}, {Sentences: []string{"[UNK] a [CLS] [UNK]", "b b [PAD] [PAD] [PAD] [PAD]"}}}
	s, err := NewStore(t.Context(), "x", slices.Values(docs), v, 1)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := UnigramEntropy(s), 1.5*math.Ln2; !(math.Abs(got-want) <= 1e-15) {
		t.Errorf("entropy %v, want %v", got, want)
	}
	if got := UnigramEntropy(newStore("empty", v)); got != 0 {
		t.Errorf("entropy of nothing %v, want 0", got)
	}
}
