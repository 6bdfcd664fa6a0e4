package corpus

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/sparsebert/sparsebert-gpu/internal/atomicdir"
)

// PrepareOptions says what Prepare reads and writes.
type PrepareOptions struct {
	Corpus      []string // files or folders of text, see listInputs
	Out         string   // the folder to write; it must not exist or be empty
	VocabPath   string   // a vocab.txt; "" trains one of VocabSize tokens
	VocabSize   int      // with VocabPath: 0, or the size it must have
	Normalizer  Normalizer
	Threads     int      // 0: one per processor
	ShardTokens int      // tokens in a shard, about; 0: 16 Mi; at most 1 Gi
	Progress    Progress // stages "count words", "train vocabulary", "tokenize"; may be nil
	Reading     Reading
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
// error, or the end of ctx, removes the temporary folder too.
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
	if err := checkOut(o.Out); err != nil {
		return PrepareResult{}, err
	}
	for _, path := range o.Corpus {
		if isShards(path) {
			return PrepareResult{}, badData(path, "token shards", "text")
		}
	}
	text, err := listInputs(o.Corpus)
	if err != nil {
		return PrepareResult{}, err
	}
	v, err := prepareVocab(ctx, o, text)
	if err != nil {
		return PrepareResult{}, err
	}
	var r PrepareResult
	err = atomicdir.Write(ctx, o.Out, func(folder string) error {
		r, err = writeShards(ctx, folder, o, text, v)
		return err
	})
	if err != nil {
		if errors.Is(err, ErrBadData) {
			return PrepareResult{}, err
		}
		return PrepareResult{}, fmt.Errorf("preparing %s: %w", o.Out, err)
	}
	return r, nil
}

// checkOut is atomicdir.Check with a DataError.
func checkOut(path string) error {
	err := atomicdir.Check(path)
	if e, ok := errors.AsType[*atomicdir.Error](err); ok {
		return &DataError{Path: e.Path, Offset: -1, Found: e.Found, Expected: e.Expected, Err: e.Err}
	}
	return err
}

func prepareVocab(ctx context.Context, o PrepareOptions, text *inputs) (*Vocab, error) {
	if o.VocabPath == "" {
		return trainVocab(ctx, text, LoadOptions{VocabSize: o.VocabSize, Normalizer: o.Normalizer, Threads: o.Threads, Progress: o.Progress, Reading: o.Reading})
	}
	v, err := LoadVocab(o.VocabPath)
	if err != nil {
		return nil, err
	}
	if o.VocabSize != 0 && o.VocabSize != v.Size() {
		return nil, badData(o.VocabPath, fmt.Sprintf("%d tokens", v.Size()), fmt.Sprintf("%d, the vocabulary size asked for", o.VocabSize))
	}
	return v.WithNormalizer(o.Normalizer), nil
}

// writeShards writes the vocabulary, the shards and the index into folder.
func writeShards(ctx context.Context, folder string, o PrepareOptions, text *inputs, v *Vocab) (PrepareResult, error) {
	vocabSum := sha256.Sum256(v.text())
	x := shardIndex{
		Format: indexFormat, Version: shardVersion, VocabSize: v.Size(), VocabSHA256: hex.EncodeToString(vocabSum[:]),
		Sources: slices.Clone(o.Corpus),
	}
	if n := v.Normalizer(); n != (Normalizer{}) {
		x.Normalizer = &n
	}
	r := PrepareResult{VocabSize: v.Size()}
	err := atomicdir.WriteFile(filepath.Join(folder, vocabFile), func(w io.Writer) error {
		_, err := v.WriteTo(w)
		return err
	})
	if err != nil {
		return r, err
	}
	build := sections{read: readFiles(text.files, o.Reading, "tokenize", o.Progress), files: text.files, vocab: v, threads: o.Threads, limit: o.ShardTokens, report: &r.Report}
	build.emit = func(sec *section, _ place) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		name := shardFile(len(x.Shards))
		return atomicdir.WriteFile(filepath.Join(folder, name), func(w io.Writer) error {
			entry, err := writeShard(w, sec, v.Size(), vocabSum)
			entry.File = name
			x.Shards = append(x.Shards, entry)
			return err
		})
	}
	counts, err := build.build(ctx)
	if err != nil {
		return r, err
	}
	text.describe(&r.Report)
	for _, s := range x.Shards {
		x.Documents += s.Documents
		x.Sentences += s.Sentences
		x.Tokens += s.Tokens
		r.Bytes += s.Bytes
	}
	x.UnigramEntropy = unigramEntropy(counts, newStore("", v).unmaskable)
	r.Documents, r.Sentences, r.Tokens = x.Documents, x.Sentences, x.Tokens
	r.Shards, r.UnigramEntropy = len(x.Shards), x.UnigramEntropy
	index, err := x.encode()
	if err != nil {
		return r, err
	}
	return r, atomicdir.WriteFile(filepath.Join(folder, indexFile), func(w io.Writer) error {
		_, err := w.Write(index)
		return err
	})
}
