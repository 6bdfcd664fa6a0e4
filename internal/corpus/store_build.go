package corpus

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	"runtime"
)

// defaultShardTokens is how many tokens a section holds before the next begins.
const defaultShardTokens = 16 << 20

// maxShardTokens keeps every offset of a section within uint32, with room for
// the document that fills it.
const maxShardTokens = 1 << 30

// tokenWidth returns the bytes of a token on disk and in memory.
func tokenWidth(vocabSize int) int {
	if vocabSize <= 1<<16 {
		return 2
	}
	return 4
}

// tokenized is a chunk of documents as tokens.
type tokenized struct {
	docs   []docLen
	sents  []uint32 // tokens of each sentence
	toks   []byte
	counts map[int32]int64
}

// docLen is where a document came from and how long it is.
type docLen struct {
	source        string
	line          int
	sents, tokens int
}

// tokenize turns docs into tokens of width bytes. ids is scratch, returned for
// the next call. Sentences without a token, and documents without a sentence,
// are left out.
func tokenize(t *Tokenizer, width int, docs []Document, ids []int32) (tokenized, []int32) {
	out := tokenized{counts: map[int32]int64{}}
	for _, d := range docs {
		n := docLen{source: d.Source, line: d.Line}
		for _, sentence := range d.Sentences {
			ids = t.Append(ids[:0], sentence)
			if len(ids) == 0 {
				continue
			}
			n.sents++
			n.tokens += len(ids)
			out.sents = append(out.sents, uint32(len(ids)))
			for _, id := range ids {
				out.counts[id]++
				if width == 2 {
					out.toks = binary.LittleEndian.AppendUint16(out.toks, uint16(id))
				} else {
					out.toks = binary.LittleEndian.AppendUint32(out.toks, uint32(id))
				}
			}
		}
		if n.sents > 0 {
			out.docs = append(out.docs, n)
		}
	}
	return out, ids
}

// sectionBuilder gathers tokenized documents into sections of about limit
// tokens: one ends with the document that reaches the limit. So the sections
// depend on the documents alone, not on how they came in chunks.
type sectionBuilder struct {
	width, limit int
	counts       []int64 // of all sections, [V]
	emit         func(*section) error

	cur           section
	sents, tokens int // of cur
}

func (b *sectionBuilder) reset() {
	b.cur = section{docs: make([]byte, 4), sents: make([]byte, 4), width: b.width} // both begin with a 0
	b.sents, b.tokens = 0, 0
}

// add appends a chunk.
func (b *sectionBuilder) add(t tokenized) error {
	for id, n := range t.counts {
		b.counts[id] += n
	}
	sents, toks := t.sents, t.toks
	for _, d := range t.docs {
		if d.tokens > math.MaxUint32-maxShardTokens {
			return &DataError{Path: d.source, Line: d.line, Offset: -1, Found: fmt.Sprintf("a document of %d tokens", d.tokens),
				Expected: fmt.Sprintf("at most %d", math.MaxUint32-maxShardTokens)}
		}
		for _, n := range sents[:d.sents] {
			b.tokens += int(n)
			b.cur.sents = binary.LittleEndian.AppendUint32(b.cur.sents, uint32(b.tokens))
		}
		b.sents += d.sents
		b.cur.docs = binary.LittleEndian.AppendUint32(b.cur.docs, uint32(b.sents))
		b.cur.toks = append(b.cur.toks, toks[:d.tokens*b.width]...)
		sents, toks = sents[d.sents:], toks[d.tokens*b.width:]
		if b.tokens >= b.limit {
			if err := b.finish(); err != nil {
				return err
			}
		}
	}
	return nil
}

// finish emits the section begun, unless it is empty.
func (b *sectionBuilder) finish() error {
	if b.sents == 0 {
		return nil
	}
	done := b.cur
	b.reset()
	return b.emit(&done)
}

// buildSections reads documents, tokenizes them in threads goroutines and hands
// sections to emit in order. It returns the token counts, [V].
func buildSections(ctx context.Context, read source, v *Vocab, threads, limit int, emit func(*section) error) ([]int64, error) {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	b := &sectionBuilder{width: tokenWidth(v.Size()), limit: limit, counts: make([]int64, v.Size()), emit: emit}
	b.reset()
	t := NewTokenizer(v)
	scratch := make([][]int32, threads)
	err := inOrder(ctx, threads, read, func(worker int, docs []Document) (out tokenized) {
		out, scratch[worker] = tokenize(t, b.width, docs, scratch[worker])
		return out
	}, b.add)
	if err != nil {
		return nil, err
	}
	return b.counts, b.finish()
}

// addSource tokenizes documents into the store's memory, behind what it holds.
func (s *Store) addSource(ctx context.Context, read source, v *Vocab, threads int) error {
	counts, err := buildSections(ctx, read, v, threads, defaultShardTokens, func(sec *section) error {
		s.addRun(sec, 0, sec.documents())
		s.sum.Write(sec.digests(0, sec.documents()))
		return nil
	})
	if err != nil {
		return err
	}
	for id, n := range counts {
		s.counts[id] += n
	}
	return nil
}

// NewStore tokenizes documents into memory with threads goroutines (0: one per
// processor); the store is the same whatever their number. name stands for the
// corpus in errors. Sentences that give no token are left out, and so are
// documents without a sentence. It returns ctx's error once ctx is done.
func NewStore(ctx context.Context, name string, documents iter.Seq[Document], v *Vocab, threads int) (*Store, error) {
	s := newStore(name, v)
	if err := s.addSource(ctx, sequence(documents), v, threads); err != nil {
		return nil, fmt.Errorf("tokenizing %s: %w", name, err)
	}
	return s, nil
}

// sequence is the source of documents that come from no file.
func sequence(documents iter.Seq[Document]) source {
	return func(ctx context.Context, yield func(Document) error) error {
		for d := range documents {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err := yield(d); err != nil {
				return err
			}
		}
		return nil
	}
}

// countWords counts the words of documents, normalized by n, for TrainVocab, in threads
// goroutines.
func countWords(ctx context.Context, read source, n Normalizer, threads int) (*WordCounter, error) {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	counters := make([]*WordCounter, threads)
	for i := range counters {
		counters[i] = NewWordCounter(n)
	}
	err := inOrder(ctx, threads, read, func(worker int, docs []Document) struct{} {
		for _, d := range docs {
			for _, sentence := range d.Sentences {
				counters[worker].Add(sentence)
			}
		}
		return struct{}{}
	}, func(struct{}) error { return nil })
	if err != nil {
		return nil, err
	}
	for _, c := range counters[1:] {
		counters[0].Merge(c)
	}
	return counters[0], nil
}
