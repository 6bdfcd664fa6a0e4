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

	after  place // the place behind it
	format Format
	doubt  string
	sample string // its first sentence, shortened
}

// tokenize turns docs into tokens of width bytes. ids is scratch, returned for
// the next call. Sentences without a token, and documents without a sentence,
// are left out.
func tokenize(t *Tokenizer, width int, field string, docs []rawDocument, ids []int32) (tokenized, []int32, error) {
	out := tokenized{counts: map[int32]int64{}}
	for i := range docs {
		d := &docs[i]
		sentences, err := d.sentences(field)
		if err != nil {
			return out, ids, err
		}
		n := docLen{source: d.source, line: d.line, after: place{d.file, d.number + 1}, format: d.format}
		for _, sentence := range sentences {
			ids = t.Append(ids[:0], sentence)
			if len(ids) == 0 {
				continue
			}
			if n.sents == 0 {
				n.sample, n.doubt = sampleOf(sentence), d.doubt
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
	return out, ids, nil
}

// sectionBuilder gathers tokenized documents into sections of about limit
// tokens: one ends with the document that reaches the limit. So the sections
// depend on the documents alone, not on how they came in chunks.
type sectionBuilder struct {
	width, limit int
	counts       []int64 // of all sections, [V]
	emit         func(*section) error
	census       *census // of the documents so far, those of cur included
	report       *Report // likewise
	after        place   // behind them

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
		b.census.saw(d.after.File)
		b.report.add(&d)
		b.after = d.after
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

// sections says what buildSections makes of a text.
type sections struct {
	read    source
	files   []*input // of read; none where it has no files
	from    place
	vocab   *Vocab
	threads int // 0: one per processor
	limit   int // tokens of a section, about

	census *census // of what is before from; nil: nothing
	report *Report // likewise, and filled

	// emit takes each section with the place behind it.
	emit func(sec *section, after place) error
}

// build reads documents, tokenizes them in threads goroutines and hands sections
// to emit in order. It returns the token counts, [V], of the text from its place on.
// It is a DataError if the text, or a file named as the corpus, has no sentence.
func (s *sections) build(ctx context.Context) ([]int64, error) {
	if s.threads <= 0 {
		s.threads = runtime.GOMAXPROCS(0)
	}
	b := &sectionBuilder{width: tokenWidth(s.vocab.Size()), limit: s.limit, counts: make([]int64, s.vocab.Size()), census: s.census, report: s.report}
	if b.census == nil {
		b.census = newCensus(s.files)
	}
	if b.report == nil {
		b.report = &Report{}
	}
	b.emit = func(sec *section) error { return s.emit(sec, b.after) }
	b.reset()
	t := NewTokenizer(s.vocab)
	scratch := make([][]int32, s.threads)
	err := inOrder(ctx, s.threads, s.from, s.read, func(worker int, docs []rawDocument) (out tokenized, err error) {
		out, scratch[worker], err = tokenize(t, b.width, s.read.field, docs, scratch[worker])
		return out, err
	}, b.add)
	if err != nil {
		return nil, err
	}
	if err := b.finish(); err != nil {
		return nil, err
	}
	if len(s.files) > 0 {
		if b.report.NoText, err = b.census.end(); err != nil {
			return nil, err
		}
	}
	return b.counts, nil
}

// addSource tokenizes documents into the store's memory, behind what it holds.
func (s *Store) addSource(ctx context.Context, read source, files []*input, v *Vocab, threads int) (Report, error) {
	var report Report
	build := sections{read: read, files: files, vocab: v, threads: threads, limit: defaultShardTokens, report: &report,
		emit: func(sec *section, _ place) error {
			s.addRun(sec, 0, sec.documents())
			s.sum.Write(sec.digests(0, sec.documents()))
			return nil
		}}
	counts, err := build.build(ctx)
	if err != nil {
		return report, err
	}
	for id, n := range counts {
		s.counts[id] += n
	}
	return report, nil
}

// NewStore tokenizes documents into memory with threads goroutines (0: one per
// processor); the store is the same whatever their number. name stands for the
// corpus in errors. Sentences that give no token are left out, and so are
// documents without a sentence. It returns ctx's error once ctx is done.
func NewStore(ctx context.Context, name string, documents iter.Seq[Document], v *Vocab, threads int) (*Store, error) {
	s := newStore(name, v)
	if _, err := s.addSource(ctx, sequence(documents), nil, v, threads); err != nil {
		return nil, fmt.Errorf("tokenizing %s: %w", name, err)
	}
	return s, nil
}

// sequence is the source of documents that come from no file.
func sequence(documents iter.Seq[Document]) source {
	return source{read: func(ctx context.Context, _ place, yield func(rawDocument) error) error {
		number := int64(0)
		for d := range documents {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err := yield(rawDocument{number: number, source: d.Source, line: d.Line, format: Prose, ready: d.Sentences}); err != nil {
				return err
			}
			number++
		}
		return nil
	}}
}
