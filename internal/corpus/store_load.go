package corpus

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// LoadOptions says what Load reads.
type LoadOptions struct {
	// Paths are files or folders of text (see Files), or folders that Prepare
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
}

// Load reads a corpus and returns it with its vocabulary. Text is tokenized in
// memory; shards are checked to the last byte and mapped.
//
// A DataError reports what Files, ReadFile and TrainVocab do; shards that are
// truncated or changed, of another format version or over another vocabulary;
// and a corpus without a token. Load returns ctx's error, wrapped, once ctx is
// done.
func Load(ctx context.Context, o LoadOptions) (*Store, *Vocab, error) {
	if len(o.Paths) == 0 {
		return nil, nil, badData("corpus", "no path", "a file or folder of text, or a folder of token shards")
	}
	v := o.Vocab
	groups, err := groupPaths(o.Paths)
	if err != nil {
		return nil, nil, err
	}
	for _, g := range groups {
		if v == nil && g.shards != "" {
			if v, err = shardVocab(g.shards); err != nil {
				return nil, nil, err
			}
		}
	}
	if v == nil {
		if v, err = trainVocab(ctx, groups[0].files, vocabSpec{o.VocabSize, o.Normalizer}, o.Threads, o.Progress); err != nil {
			return nil, nil, err
		}
	}
	s := newStore(strings.Join(o.Paths, ", "), v)
	for _, g := range groups {
		if g.shards != "" {
			err = s.addShards(ctx, g.shards, v, o.Threads, o.Progress)
		} else {
			err = s.addSource(ctx, readFiles(g.files, "tokenize", o.Progress), v, o.Threads)
		}
		if err != nil {
			_ = s.Close() // err is what to tell
			return nil, nil, loading(s.name, err)
		}
	}
	if s.tokens == 0 {
		return nil, nil, badData(s.name, "text without a token", "text")
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
// is there, not empty, and a file or a folder with files or shards in it.
func CheckPaths(paths []string) error {
	_, err := groupPaths(paths)
	return err
}

// group is either one folder of shards or a run of text files.
type group struct {
	shards string
	files  []string
}

// groupPaths sorts paths into shards and text, keeping their order. Text alone
// makes a single group.
func groupPaths(paths []string) ([]group, error) {
	var groups []group
	for _, path := range paths {
		if isShards(path) {
			groups = append(groups, group{shards: path})
			continue
		}
		files, err := Files([]string{path})
		if err != nil {
			return nil, err
		}
		if n := len(groups); n > 0 && groups[n-1].shards == "" {
			groups[n-1].files = append(groups[n-1].files, files...)
		} else {
			groups = append(groups, group{files: files})
		}
	}
	return groups, nil
}

// nameFiles names the text of a corpus in an error.
func nameFiles(files []string) string {
	if len(files) == 1 {
		return files[0]
	}
	return fmt.Sprintf("%s and %d more files", files[0], len(files)-1)
}

// vocabSpec says which vocabulary is trained.
type vocabSpec struct {
	size int
	text Normalizer
}

// trainVocab trains a vocabulary on the text in files.
func trainVocab(ctx context.Context, files []string, of vocabSpec, threads int, progress Progress) (*Vocab, error) {
	words, err := countWords(ctx, readFiles(files, "count words", progress), of.text, threads)
	if err != nil {
		return nil, loading("the words of the corpus", err)
	}
	progress.report("train vocabulary", 0, 1)
	v, err := TrainVocab(ctx, words, of.size)
	if bad := (*DataError)(nil); errors.As(err, &bad) {
		bad.Path = fmt.Sprintf("%s: %s", bad.Path, nameFiles(files))
	}
	if err != nil {
		return nil, err
	}
	progress.report("train vocabulary", 1, 1)
	return v, nil
}
