package corpus

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/sparsebert/sparsebert-gpu/internal/atomicdir"
)

// preparation is one call of Prepare.
type preparation struct {
	o     PrepareOptions
	text  *inputs
	given *Vocab // nil: one is trained

	folder string // what is filled
	kept   string // folder for the state; "": none is kept
	state  *prepareState
}

// run writes vocabulary, shards and index, from where the state is.
func (p *preparation) run(ctx context.Context) (PrepareResult, error) {
	v, err := p.vocab(ctx)
	if err != nil {
		return PrepareResult{}, err
	}
	return p.shards(ctx, v)
}

// vocab returns the vocabulary: the one given, the one trained before, or a new one.
func (p *preparation) vocab(ctx context.Context) (*Vocab, error) {
	switch {
	case p.given != nil:
		return p.given, nil
	case len(p.state.Vocab) > 0:
		v, err := NewVocab(p.state.Vocab)
		if err != nil {
			return nil, err
		}
		return v.WithNormalizer(p.o.Normalizer), nil
	}
	c := counting{
		read: readFiles(p.text.files, p.o.Reading, "count words", p.o.Progress), files: p.text.files, threads: p.o.Threads,
		words: NewWordCounter(p.o.Normalizer), census: newCensus(p.text.files), every: p.o.keep.words,
	}
	c.read.chunk = p.o.countChunk()
	if p.kept != "" {
		p.state.loadWords(p.kept, &c)
		c.save = func(after place) error { return p.state.saveWords(p.kept, c.words, c.census, after) }
	}
	if err := c.count(ctx); err != nil {
		return nil, loading("the words of the corpus", err)
	}
	end := place{File: len(p.text.files)}
	if c.save != nil && p.state.WordsAfter != end {
		if err := c.save(end); err != nil {
			return nil, err
		}
	}
	train := LoadOptions{VocabSize: p.o.VocabSize, Progress: p.o.Progress}
	v, err := train.trainOn(ctx, c.words, p.text.files)
	if err != nil || p.kept == "" {
		return v, err
	}
	p.state.Vocab = v.Tokens()
	return v, p.state.save(p.kept)
}

// shards writes the vocabulary, the shards and the index.
func (p *preparation) shards(ctx context.Context, v *Vocab) (PrepareResult, error) {
	s := p.state
	if len(s.Counts) != v.Size() {
		s.Counts = make([]int64, v.Size())
	}
	if s.Census == nil {
		s.Census = newCensus(nil)
	}
	s.Census.files = p.text.files
	if err := p.clean(); err != nil {
		return PrepareResult{}, err
	}
	vocabSum := sha256.Sum256(v.text())
	r := PrepareResult{VocabSize: v.Size()}
	err := atomicdir.WriteFile(filepath.Join(p.folder, vocabFile), func(w io.Writer) error {
		_, err := v.WriteTo(w)
		return err
	})
	if err != nil {
		return r, err
	}
	// The state's own report and census are those of whole shards only.
	census, report := *s.Census, s.Report
	census.Blank, report.Parts = slices.Clone(census.Blank), slices.Clone(report.Parts)
	build := sections{
		read: readFiles(p.text.files, p.o.Reading, "tokenize", p.o.Progress), files: p.text.files, from: s.After,
		vocab: v, threads: p.o.Threads, limit: p.o.ShardTokens, report: &report, census: &census,
	}
	build.emit = func(sec *section, after place) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		name := shardFile(len(s.Shards))
		err := atomicdir.WriteFile(filepath.Join(p.folder, name), func(w io.Writer) error {
			entry, err := writeShard(w, sec, v.Size(), vocabSum)
			entry.File = name
			s.Shards = append(s.Shards, entry)
			return err
		})
		if err != nil {
			return err
		}
		sec.count(s.Counts, 0, sec.sentence(sec.doc(sec.documents())))
		if p.kept == "" {
			return nil
		}
		s.After, s.Census, s.Report = after, &census, report
		return s.save(p.kept)
	}
	if _, err := build.build(ctx); err != nil {
		return r, err
	}
	p.text.describe(&report)
	r.Report = report
	return r, p.index(v, &r)
}

// clean removes from the folder what the state does not know of: a shard that was
// being written when the program was killed.
func (p *preparation) clean() error {
	entries, err := os.ReadDir(p.folder)
	if err != nil {
		return fmt.Errorf("looking at what is there: %w", err)
	}
	for _, e := range entries {
		known := slices.ContainsFunc(p.state.Shards, func(s shardEntry) bool { return s.File == e.Name() })
		if known && e.Type().IsRegular() {
			continue
		}
		if err := os.RemoveAll(filepath.Join(p.folder, e.Name())); err != nil {
			return fmt.Errorf("removing what was not finished: %w", err)
		}
	}
	return nil
}

// index writes the index and fills the result.
func (p *preparation) index(v *Vocab, r *PrepareResult) error {
	x := shardIndex{
		Format: indexFormat, Version: shardVersion, VocabSize: v.Size(), VocabSHA256: v.SHA256(),
		Sources: slices.Clone(p.o.Corpus), Shards: p.state.Shards,
	}
	if n := v.Normalizer(); n != (Normalizer{}) {
		x.Normalizer = &n
	}
	for _, s := range x.Shards {
		x.Documents += s.Documents
		x.Sentences += s.Sentences
		x.Tokens += s.Tokens
		r.Bytes += s.Bytes
	}
	x.UnigramEntropy = unigramEntropy(p.state.Counts, newStore("", v).unmaskable)
	r.Documents, r.Sentences, r.Tokens = x.Documents, x.Sentences, x.Tokens
	r.Shards, r.UnigramEntropy = len(x.Shards), x.UnigramEntropy
	index, err := x.encode()
	if err != nil {
		return err
	}
	return atomicdir.WriteFile(filepath.Join(p.folder, indexFile), func(w io.Writer) error {
		_, err := w.Write(index)
		return err
	})
}

// whole tells whether the shards that the state knows are in the folder.
func (p *preparation) whole() bool {
	for _, s := range p.state.Shards {
		info, err := os.Stat(filepath.Join(p.folder, s.File))
		if err != nil || info.Size() != s.Bytes {
			return false
		}
	}
	return true
}
