package corpus

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// WordCounter counts the words of text as the tokenizer sees them: after
// normalization, before WordPiece. Special tokens and words longer than
// WordPiece splits are left out. Several goroutines may each fill one of their
// own and merge them afterwards: the result does not depend on who counted what.
type WordCounter struct {
	text   Normalizer
	index  map[string]int // word -> position in counts
	counts []int64
}

// NewWordCounter returns an empty counter of the words of text that n normalizes.
func NewWordCounter(n Normalizer) *WordCounter {
	return &WordCounter{text: n, index: map[string]int{}}
}

// Add counts the words of text.
func (c *WordCounter) Add(text string) {
	for piece, special := range pieces(text) {
		if special < 0 {
			c.addPlain(piece)
		}
	}
}

// addPlain counts the words of text without special tokens.
func (c *WordCounter) addPlain(text string) {
	for word := range c.text.tokens(text) {
		if i, ok := c.index[string(word)]; ok { // does not allocate
			c.counts[i]++
		} else if utf8.RuneCount(word) <= maxWordRunes {
			c.add(string(word), 1)
		}
	}
}

// Merge adds o's counts to c's; o stays as it is and may be c itself.
func (c *WordCounter) Merge(o *WordCounter) {
	for word, i := range o.index {
		c.add(word, o.counts[i])
	}
}

// clear takes all words from c and keeps its memory.
func (c *WordCounter) clear() {
	clear(c.index)
	c.counts = c.counts[:0]
}

func (c *WordCounter) add(word string, count int64) {
	i, ok := c.index[word]
	if !ok {
		i = len(c.counts)
		c.index[word] = i
		c.counts = append(c.counts, 0)
	}
	c.counts[i] += count
}

// Of a very large text not every word is kept: beyond mostWords different ones the
// rarest go, so that at most keptWords remain. A word that has gone and comes again
// counts from there on. A vocabulary has far fewer tokens, made of the frequent words.
const (
	mostWords = 1 << 21
	keptWords = 1 << 20
)

// prune drops the rarest words where there are more than most, so that at most keep
// remain, and all of one count or none; only if all are equally rare, the first ones in
// the order of their bytes remain.
func (c *WordCounter) prune(most, keep int) {
	if len(c.counts) <= most {
		return
	}
	byCount := slices.Sorted(slices.Values(c.counts))
	rarest := byCount[len(byCount)-keep-1] // this count and those below it go
	kept := &WordCounter{text: c.text, index: make(map[string]int, keep)}
	for word, i := range c.index {
		if c.counts[i] > rarest {
			kept.add(word, c.counts[i])
		}
	}
	if len(kept.counts) == 0 {
		for _, w := range c.sorted()[:keep] {
			kept.add(w.word, w.count)
		}
	}
	*c = *kept
}

// wordCount is a word and how often it occurs.
type wordCount struct {
	word  string
	count int64
}

// sorted returns the words in the order of their bytes.
func (c *WordCounter) sorted() []wordCount {
	words := make([]wordCount, 0, len(c.index))
	for word, i := range c.index {
		words = append(words, wordCount{word, c.counts[i]})
	}
	slices.SortFunc(words, func(a, b wordCount) int { return strings.Compare(a.word, b.word) })
	return words
}
