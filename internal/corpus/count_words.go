package corpus

import "context"

// countedChunk are the words of a chunk.
type countedChunk struct {
	words *WordCounter
	files []int // with a sentence, ascending
	after place
}

// countWords counts the words of documents, normalized by n, for TrainVocab, in threads
// goroutines.
func countWords(ctx context.Context, read source, files []*input, n Normalizer, threads int) (*WordCounter, error) {
	words, seen := NewWordCounter(n), newCensus(files)
	err := inOrder(ctx, threads, place{}, read, func(_ int, docs []rawDocument) (countedChunk, error) {
		c := countedChunk{words: NewWordCounter(n)}
		for i := range docs {
			d := &docs[i]
			sentences, err := d.sentences(read.field)
			if err != nil {
				return c, err
			}
			for _, sentence := range sentences {
				c.words.Add(sentence)
			}
			if n := len(c.files); len(sentences) > 0 && (n == 0 || c.files[n-1] != d.file) {
				c.files = append(c.files, d.file)
			}
			c.after = place{d.file, d.number + 1}
		}
		return c, nil
	}, func(c countedChunk) error {
		words.Merge(c.words)
		for _, file := range c.files {
			seen.saw(file)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(files) > 0 {
		if _, err := seen.end(); err != nil {
			return nil, err
		}
	}
	return words, nil
}
