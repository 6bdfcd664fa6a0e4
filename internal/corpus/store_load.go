package corpus

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// LoadOptions says what Load reads.
type LoadOptions struct {
	// Paths are files or folders of text (see listInputs), or folders that Prepare
	// wrote, in any mixture. The store has their documents in this order.
	Paths []string
	// Vocab is the vocabulary. If nil, it is that of the first folder of shards,
	// or else one of VocabSize tokens trained on the text. If it is given,
	// VocabSize is not looked at.
	Vocab     *Vocab
	VocabSize int
	// Normalizer is that of a vocabulary that is trained.
	Normalizer Normalizer
	Threads    int // 0: one per processor; the result is the same for any number
	Progress   Progress
	Reading    Reading
	Report     *Report // if not nil: set to what the text was read as
}

// Load reads a corpus and returns it with its vocabulary. Text is tokenized in
// memory; shards are checked to the last byte and mapped.
//
// A DataError reports what listInputs, ReadFile and TrainVocab do; shards that are
// truncated or changed, of another format version or over another vocabulary;
// and a corpus without a token. Load returns ctx's error, wrapped, once ctx is
// done.
func Load(ctx context.Context, o LoadOptions) (*Store, *Vocab, error) {
	if len(o.Paths) == 0 {
		return nil, nil, badData("corpus", "no path", "a file or folder of text, or a folder of token shards")
	}
	v := o.Vocab
	groups, err := groupPaths(ctx, o.Paths)
	if err != nil {
		return nil, nil, err
	}
	var whole Report
	for _, g := range groups {
		if v == nil && g.shards != "" {
			if v, err = shardVocab(g.shards); err != nil {
				return nil, nil, err
			}
		}
	}
	if v == nil {
		if v, err = trainVocab(ctx, groups[0].text, o); err != nil {
			return nil, nil, err
		}
	}
	s := newStore(strings.Join(o.Paths, ", "), v)
	for _, g := range groups {
		if g.shards != "" {
			err = s.addShards(ctx, g.shards, v, o.Threads, o.Progress)
		} else {
			var report Report
			report, err = s.addSource(ctx, readFiles(g.text.files, o.Reading, "tokenize", o.Progress), g.text.files, v, o.Threads)
			g.text.describe(&report)
			whole.merge(report)
		}
		if err != nil {
			_ = s.Close() // err is what to tell
			return nil, nil, loading(s.name, err)
		}
	}
	if s.tokens == 0 {
		return nil, nil, badData(s.name, "text without a token", "text")
	}
	if o.Report != nil {
		*o.Report = whole
	}
	return s, v, nil
}

// loading wraps err with what was being done, unless it names its own place.
func loading(name string, err error) error {
	if errors.Is(err, ErrBadData) {
		return err
	}
	return fmt.Errorf("loading %s: %w", name, err)
}

// CheckPaths makes those checks of Load on paths that need no reading: that each
// is there, not empty, and a file or a folder with files or shards in it. A pipe is read to its end, or
// until ctx ends.
func CheckPaths(ctx context.Context, paths []string) error {
	_, err := groupPaths(ctx, paths)
	return err
}

// group is either one folder of shards or a run of text files.
type group struct {
	shards string
	text   *inputs
}

// groupPaths sorts paths into shards and text, keeping their order. Text alone
// makes a single group.
func groupPaths(ctx context.Context, paths []string) ([]group, error) {
	paths, err := expandLists(paths)
	if err != nil {
		return nil, err
	}
	var groups []group
	for _, path := range paths {
		if isShards(path) {
			groups = append(groups, group{shards: path})
			continue
		}
		if n := len(groups); n == 0 || groups[n-1].shards != "" {
			groups = append(groups, group{text: &inputs{}})
		}
		if err := groups[len(groups)-1].text.add(ctx, path); err != nil {
			return nil, err
		}
	}
	for _, g := range groups {
		if g.text != nil {
			g.text.numbered()
		}
	}
	return groups, nil
}

// nameFiles names the text of a corpus in an error.
func nameFiles(files []*input) string {
	if len(files) == 1 {
		return files[0].path
	}
	return fmt.Sprintf("%s and %d more files", files[0].path, len(files)-1)
}

// trainVocab trains a vocabulary of o.VocabSize tokens on text.
func trainVocab(ctx context.Context, text *inputs, o LoadOptions) (*Vocab, error) {
	words, err := countWords(ctx, readFiles(text.files, o.Reading, "count words", o.Progress), text.files, o.Normalizer, o.Threads)
	if err != nil {
		return nil, loading("the words of the corpus", err)
	}
	return o.trainOn(ctx, words, text.files)
}

// trainOn trains a vocabulary on the words of files, which the counter does not keep.
func (o *LoadOptions) trainOn(ctx context.Context, words *WordCounter, files []*input) (*Vocab, error) {
	const stage = "train vocabulary"
	counted, n := words.sorted(), words.text
	*words = *NewWordCounter(n) // its memory is needed
	o.Progress.report(stage, 0, int64(max(1, o.VocabSize)))
	most := 0 // it may begin again with more characters
	v, err := trainCounted(ctx, counted, n, o.VocabSize, func(made int) {
		most = max(most, made)
		o.Progress.report(stage, int64(most), int64(o.VocabSize))
	})
	if bad := (*DataError)(nil); errors.As(err, &bad) {
		bad.Path = fmt.Sprintf("%s: %s", bad.Path, nameFiles(files))
	}
	if err != nil {
		return nil, err
	}
	o.Progress.report(stage, int64(v.Size()), int64(v.Size()))
	return v, nil
}
