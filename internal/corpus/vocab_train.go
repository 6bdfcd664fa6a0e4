package corpus

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
)

// TrainVocab makes a WordPiece vocabulary of exactly size tokens, with the counter's
// normalizer, from the words counted: [PAD] [UNK] [CLS] [SEP] [MASK], then single
// characters in the order of their bytes, those that start words before those ("##c")
// that continue them, then merged tokens in the order of their making.
//
// A merge joins the two neighboring tokens that stand side by side most often
// in the words (byte-pair encoding; ties go to the smaller left token, then to
// the smaller right one, by bytes). Joining by frequency rather than by
// likelihood gains the most on frequent words, which is what shortens sequences,
// and spends no token on rare words whose letters happen to occur only there.
//
// Characters may take up at most three quarters of the tokens behind the special
// ones, or more if the words run out of pairs to join. If the text has more, the
// rarest ("c" and "##c" counted apart) are left out, and a word that needs one of
// them is [UNK].
//
// The result depends on the counts alone. It is a DataError if there are no
// words, or if size is below 6 or above what the words can give, which the
// error states. TrainVocab returns ctx's cause, wrapped, once ctx is done.
func TrainVocab(ctx context.Context, words *WordCounter, size int) (*Vocab, error) {
	return trainCounted(ctx, words.sorted(), words.text, size, nil)
}

// trainCounted is TrainVocab on sorted words. made is told how many tokens there are
// from time to time; it may be nil.
func trainCounted(ctx context.Context, counted []wordCount, n Normalizer, size int, made func(int)) (*Vocab, error) {
	const least = len(specialTokens) + 1
	if len(counted) == 0 {
		return nil, badData("corpus", "no word", "text to train a vocabulary on")
	}
	if size < least {
		return nil, badData("vocabulary", fmt.Sprintf("size %d", size),
			fmt.Sprintf("at least %d: the special tokens and one character", least))
	}
	slots := size - len(specialTokens) + 1
	limit := slots - (slots-1)/4 - 1 // floor of three quarters, without overflow
	for {
		tokens, all := alphabet(counted, limit)
		m := newMerger(counted, tokens)
		m.made = made
		if err := m.grow(ctx, size); err != nil {
			return nil, fmt.Errorf("training a vocabulary: %w", err)
		}
		switch made := len(m.tokens); {
		case made == size:
			v, err := NewVocab(m.tokens)
			if err != nil {
				return nil, err
			}
			return v.WithNormalizer(n), nil
		case all:
			return nil, badData("vocabulary", fmt.Sprintf("size %d", size),
				fmt.Sprintf("at most %d, which is all that this text gives: a smaller vocab_size, or more text", made))
		default:
			limit += size - made
		}
	}
}

// alphabet returns the tokens of one character that the words need, at most
// limit of them, the most frequent first chosen, in the order of the vocabulary,
// and whether these are all.
func alphabet(words []wordCount, limit int) (chosen []string, all bool) {
	counts := map[string]int64{}
	for _, w := range words {
		for token := range characters(w.word) {
			counts[token] += w.count
		}
	}
	tokens := make([]string, 0, len(counts))
	for token := range counts {
		tokens = append(tokens, token)
	}
	slices.SortFunc(tokens, func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), strings.Compare(a, b))
	})
	all = len(tokens) <= limit
	tokens = tokens[:min(limit, len(tokens))]
	slices.SortFunc(tokens, func(a, b string) int {
		return cmp.Or(cmp.Compare(isContinuation(a), isContinuation(b)), strings.Compare(a, b))
	})
	return tokens, all
}

// isContinuation returns 1 for a "##" token and 0 for another.
func isContinuation(token string) int {
	if strings.HasPrefix(token, continuationPrefix) {
		return 1
	}
	return 0
}

// characters yields the tokens of one character that word consists of.
func characters(word string) iter.Seq[string] {
	return func(yield func(string) bool) {
		prefix := ""
		for _, r := range word {
			if !yield(prefix + string(r)) {
				return
			}
			prefix = continuationPrefix
		}
	}
}
