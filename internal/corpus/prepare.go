package corpus

import (
	"context"
	"errors"
	"fmt"

	"github.com/sparsebert/sparsebert-gpu/internal/atomicdir"
)

// PrepareOptions says what Prepare reads and writes.
type PrepareOptions struct {
	Corpus     []string // files or folders of text, see listInputs
	Out        string   // the folder to write; it must not exist or be empty
	VocabPath  string   // a vocab.txt; "" trains one of VocabSize tokens
	VocabSize  int      // with VocabPath: 0, or the size it must have
	Normalizer Normalizer
	// Vocab, where it is not nil, is what VocabPath has; Normalizer is its own then.
	Vocab       *Vocab
	Threads     int      // 0: one per processor
	ShardTokens int      // tokens in a shard, about; 0: 16 Mi; at most 1 Gi
	Progress    Progress // stages "count words", "train vocabulary", "tokenize"; may be nil
	Reading     Reading
	Tell        func(string) // of work that is kept or gone on with; may be nil

	keep keeping // zero: from 256 MiB of files on, words each GiB of text
}

// PrepareResult says what Prepare wrote.
type PrepareResult struct {
	VocabSize      int
	Documents      int64
	Sentences      int64
	Tokens         int64
	Shards         int
	Bytes          int64   // of the shards
	UnigramEntropy float64 // nats a token, see UnigramEntropy
	Report         Report
}

// Prepare turns text into a folder of token shards: vocab.txt, shard-00000.bin
// and so on, and index.json. The files depend on the options' text, vocabulary
// and ShardTokens alone, to the last byte, not on Threads.
//
// All is written in a temporary folder beside Out, synced to disk and renamed at
// the end, so Out is either whole or not there, whatever stops the program. An
// error, or the end of ctx, removes the temporary folder too. That of a large text
// stays, after a kill as well, and the next Prepare of the same text and options goes
// on from it; the shards are the same.
//
// A DataError reports what listInputs, ReadFile, LoadVocab and TrainVocab do, shards
// in place of text, text without a token, a vocabulary of another size than
// VocabSize, a ShardTokens out of range, and an Out that is not empty, no folder
// or not writable: all but the text and the vocabulary before anything is read.
// ctx's error is returned wrapped.
func Prepare(ctx context.Context, o PrepareOptions) (PrepareResult, error) {
	if o.ShardTokens < 0 || o.ShardTokens > maxShardTokens {
		return PrepareResult{}, badData("shard tokens", fmt.Sprint(o.ShardTokens), fmt.Sprintf("0 (about 16 million) to %d", maxShardTokens))
	}
	if o.ShardTokens == 0 {
		o.ShardTokens = defaultShardTokens
	}
	if o.keep == (keeping{}) {
		o.keep = keeping{256 << 20, 1 << 30}
	}
	if err := checkOut(o.Out); err != nil {
		return PrepareResult{}, err
	}
	for _, path := range o.Corpus {
		if isShards(path) {
			return PrepareResult{}, badData(path, "token shards", "text")
		}
	}
	text, err := listInputs(ctx, o.Corpus)
	if err != nil {
		return PrepareResult{}, err
	}
	p := &preparation{o: o, text: text}
	if p.given, err = givenVocab(o); err != nil {
		return PrepareResult{}, err
	}
	fresh, err := newState(o, text, p.given)
	if err != nil {
		return PrepareResult{}, err
	}
	p.state = fresh
	var r PrepareResult
	if text.keepable(o.keep.from) {
		r, err = p.continued(ctx)
	} else {
		err = atomicdir.Write(ctx, o.Out, func(folder string) error {
			p.folder = folder
			r, err = p.run(ctx)
			return err
		})
	}
	if err != nil {
		if errors.Is(err, ErrBadData) {
			return PrepareResult{}, err
		}
		return PrepareResult{}, fmt.Errorf("preparing %s: %w", o.Out, err)
	}
	return r, nil
}

// keeping says of which text Prepare keeps what is done when it is stopped.
type keeping struct {
	from  int64 // bytes of files
	words int64 // bytes of text between two times that the words counted are kept
}

// countChunk is the constant of that name, less where words are kept more often.
func (o *PrepareOptions) countChunk() int { return int(min(countChunk, o.keep.words)) }

// keepable tells whether work on the text is worth keeping, and can be gone on with.
func (l *inputs) keepable(from int64) bool {
	size := int64(0)
	for _, in := range l.files {
		if in.spool != nil {
			return false
		}
		size += in.size
	}
	return size >= from
}

// continued prepares in a folder that stays when it is stopped.
func (p *preparation) continued(ctx context.Context) (PrepareResult, error) {
	partial, err := atomicdir.Continue(p.o.Out)
	if e, ok := errors.AsType[*atomicdir.Error](err); ok {
		return PrepareResult{}, badDataBecause(e.Path, e.Found, e.Expected, e.Err)
	}
	if err != nil {
		return PrepareResult{}, err
	}
	p.folder, p.kept = partial.Folder, partial.State
	fresh := *p.state
	if p.state = loadState(p.kept, p.state); !p.whole() {
		p.state = &fresh
	}
	if p.o.Tell != nil && (p.state.Words != "" || len(p.state.Shards) > 0) {
		p.o.Tell("going on from what an earlier run left in " + partial.Where())
	}
	r, err := p.run(ctx)
	if err == nil {
		return r, partial.Finish(ctx)
	}
	if p.state.Words == "" && len(p.state.Shards) == 0 {
		return r, errors.Join(err, partial.Discard())
	}
	if p.o.Tell != nil {
		p.o.Tell("what is done is kept in " + partial.Where() + "; the same command goes on from there")
	}
	return r, errors.Join(err, partial.Keep())
}

// checkOut is atomicdir.Check with a DataError.
func checkOut(path string) error {
	err := atomicdir.Check(path)
	if e, ok := errors.AsType[*atomicdir.Error](err); ok {
		return &DataError{Path: e.Path, Offset: -1, Found: e.Found, Expected: e.Expected, Err: e.Err}
	}
	return err
}

// givenVocab returns the vocabulary that the options name, nil if one is to be trained.
func givenVocab(o PrepareOptions) (*Vocab, error) {
	if o.VocabPath == "" {
		return nil, nil
	}
	v := o.Vocab
	if v == nil {
		var err error
		if v, err = LoadVocab(o.VocabPath); err != nil {
			return nil, err
		}
		v = v.WithNormalizer(o.Normalizer)
	}
	if o.VocabSize != 0 && o.VocabSize != v.Size() {
		return nil, badData(o.VocabPath, fmt.Sprintf("%d tokens", v.Size()), fmt.Sprintf("%d, the vocabulary size asked for", o.VocabSize))
	}
	return v, nil
}
