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

func (c *WordCounter) add(word string, count int64) {
	i, ok := c.index[word]
	if !ok {
		i = len(c.counts)
		c.index[word] = i
		c.counts = append(c.counts, 0)
	}
	c.counts[i] += count
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
