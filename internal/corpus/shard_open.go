package corpus

import (
	"context"
	"encoding/hex"
	"fmt"
	"math"
	"path/filepath"
	"runtime"
	"sync"
)

// openedShard is a shard that has passed every check.
type openedShard struct {
	sec     *section
	counts  []int64
	digests []byte // of its documents, until the store's sum has them
	release func() error
}

// addShards maps the shards in folder behind what the store holds, after
// checking every byte of them in threads goroutines. It is a DataError if their
// vocabulary is not v.
func (s *Store) addShards(ctx context.Context, folder string, v *Vocab, threads int, progress Progress) error {
	x, err := loadIndex(folder)
	if err != nil {
		return err
	}
	own := filepath.Join(folder, vocabFile)
	if w, err := LoadVocab(own); err != nil {
		return err
	} else if w.SHA256() != x.VocabSHA256 || w.Size() != x.VocabSize {
		return badData(own, fmt.Sprintf("%d tokens with SHA-256 %.16s...", w.Size(), w.SHA256()),
			fmt.Sprintf("%d with SHA-256 %.16s..., as the index says", x.VocabSize, x.VocabSHA256))
	}
	if x.VocabSHA256 != v.SHA256() {
		return badData(filepath.Join(folder, indexFile), fmt.Sprintf("a vocabulary of %d tokens with SHA-256 %.16s...", x.VocabSize, x.VocabSHA256),
			fmt.Sprintf("the one of %d tokens with SHA-256 %.16s...: give that to prepare (--vocab), or the text itself", v.Size(), v.SHA256()))
	}
	if x.normalizer() != v.Normalizer() {
		return badData(filepath.Join(folder, indexFile), "tokens of text that is "+x.normalizer().String(), v.Normalizer().String()+", as the vocabulary's is")
	}
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	opened := make([]openedShard, len(x.Shards))
	errs := make([]error, len(x.Shards))
	var wg sync.WaitGroup
	var mu sync.Mutex
	next, done, summed := 0, int64(0), 0
	for range min(threads, len(x.Shards)) {
		wg.Go(func() {
			for {
				mu.Lock()
				i := next
				next++
				mu.Unlock()
				if i >= len(opened) || ctx.Err() != nil {
					return
				}
				shard, err := openShard(filepath.Join(folder, x.Shards[i].File), x, i)
				mu.Lock()
				opened[i], errs[i] = shard, err
				done++
				for ; summed < len(opened) && opened[summed].digests != nil; summed++ { // in order
					s.sum.Write(opened[summed].digests)
					opened[summed].digests = []byte{}
				}
				progress.report("verify shards", done, int64(len(opened)))
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for _, o := range opened {
		if o.release != nil {
			s.mappings.release = append(s.mappings.release, o.release)
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	for _, err := range errs { // the first in the shards' order, whoever found it
		if err != nil {
			return err
		}
	}
	counts := make([]int64, v.Size())
	for _, o := range opened {
		s.addRun(o.sec, 0, o.sec.documents())
		for id, n := range o.counts {
			counts[id] += n
		}
	}
	if got := unigramEntropy(counts, s.unmaskable); !(math.Abs(got-x.UnigramEntropy) <= 1e-9*(1+got)) {
		return badData(filepath.Join(folder, indexFile), fmt.Sprintf("unigram entropy %v", x.UnigramEntropy), fmt.Sprintf("%v", got))
	}
	for id, n := range counts {
		s.counts[id] += n
	}
	return nil
}

// openShard maps shard i of the index and checks it against itself and the index.
func openShard(path string, x *shardIndex, i int) (openedShard, error) {
	want := x.Shards[i]
	data, release, err := mapFile(path)
	if err != nil {
		return openedShard{}, unreadable(path, err, "a token shard")
	}
	o := openedShard{release: release}
	if int64(len(data)) != want.Bytes {
		return o, badData(path, fmt.Sprintf("%d bytes", len(data)), fmt.Sprintf("%d, as its index says", want.Bytes))
	}
	sec, h, err := parseShard(path, data)
	if err != nil {
		return o, err
	}
	if sum := hex.EncodeToString(data[len(data)-shardTail:]); sum != want.SHA256 {
		return o, badData(path, "SHA-256 "+sum, want.SHA256+", as its index says")
	}
	if sum := hex.EncodeToString(h.vocabSum[:]); sum != x.VocabSHA256 || h.vocab != uint64(x.VocabSize) {
		return o, badData(path, fmt.Sprintf("tokens of a vocabulary of %d with SHA-256 %.16s...", h.vocab, sum),
			fmt.Sprintf("the index's, of %d with SHA-256 %.16s...", x.VocabSize, x.VocabSHA256))
	}
	if int64(h.documents) != want.Documents || int64(h.sentences) != want.Sentences || int64(h.tokens) != want.Tokens {
		return o, badData(path, fmt.Sprintf("%d documents, %d sentences and %d tokens", h.documents, h.sentences, h.tokens),
			fmt.Sprintf("%d, %d and %d, as its index says", want.Documents, want.Sentences, want.Tokens))
	}
	o.counts = make([]int64, x.VocabSize)
	if bad := sec.count(o.counts, 0, int(h.tokens)); bad >= 0 {
		at := int64(len(data) - shardTail - len(sec.toks) + bad*sec.width)
		return o, &DataError{Path: path, Offset: at, Found: fmt.Sprintf("token id %d", sec.append(nil, bad, bad+1)[0]),
			Expected: fmt.Sprintf("ids below %d", x.VocabSize)}
	}
	o.sec, o.digests = sec, sec.digests(0, sec.documents())
	return o, nil
}
