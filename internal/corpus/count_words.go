package corpus

import (
	"context"
	"sync"
)

// countChunk is how much text, in bytes, is counted at a time: more than is tokenized,
// as each chunk's words are merged.
const countChunk = 1 << 20

// counting says how the words of a text are counted.
type counting struct {
	read    source
	files   []*input // of read; none where it has no files
	threads int      // 0: one per processor

	// What has been counted, from the text's beginning up to a place.
	words  *WordCounter
	census *census
	from   place

	// save keeps what has been counted up to a place; it is called when every bytes of
	// text more have been. nil: nothing is kept.
	save  func(after place) error
	every int64
}

// countedChunk are the words of a chunk.
type countedChunk struct {
	words *WordCounter
	files []int // with a sentence, ascending
	after place
	bytes int64
}

// countWords counts the words of documents, normalized by n, for TrainVocab, in threads
// goroutines.
func countWords(ctx context.Context, read source, files []*input, n Normalizer, threads int) (*WordCounter, error) {
	c := counting{read: read, files: files, threads: threads, words: NewWordCounter(n), census: newCensus(files)}
	return c.words, c.count(ctx)
}

// count counts the words of the text from its place on. The counts depend on the text
// alone, wherever counting was taken up: chunks are merged in their order, and the
// rarest words of very many go at places that the text determines. It is a DataError if
// a file that was named as the corpus, or the whole text, has no sentence.
func (c *counting) count(ctx context.Context) error {
	if c.read.chunk == 0 {
		c.read.chunk = countChunk
	}
	counters := sync.Pool{New: func() any { return NewWordCounter(c.words.text) }}
	unsaved := int64(0)
	err := inOrder(ctx, c.threads, c.from, c.read, func(_ int, docs []rawDocument) (countedChunk, error) {
		out := countedChunk{words: counters.Get().(*WordCounter)}
		for i := range docs {
			d := &docs[i]
			sentences, err := d.sentences(c.read.field)
			if err != nil {
				return out, err
			}
			for _, sentence := range sentences {
				out.words.Add(sentence)
			}
			if n := len(out.files); len(sentences) > 0 && (n == 0 || out.files[n-1] != d.file) {
				out.files = append(out.files, d.file)
			}
			out.after = place{d.file, d.number + 1}
			out.bytes += int64(d.size())
		}
		return out, nil
	}, func(chunk countedChunk) error {
		c.words.Merge(chunk.words)
		chunk.words.clear()
		counters.Put(chunk.words)
		c.words.prune(mostWords, keptWords)
		for _, file := range chunk.files {
			c.census.saw(file)
		}
		if unsaved += chunk.bytes; c.save == nil || unsaved < c.every {
			return nil
		}
		unsaved = 0
		return c.save(chunk.after)
	})
	if err != nil || len(c.files) == 0 {
		return err
	}
	_, err = c.census.end()
	return err
}
