package corpus

import "unicode/utf8"

// maxWordRunes is the longest word that WordPiece splits; a longer one is
// [UNK].
const maxWordRunes = 100

// Tokenizer turns text into token ids exactly as BERT's uncased reference
// tokenizer does (BertTokenizer with do_lower_case). It is immutable: one
// serves any number of goroutines.
type Tokenizer struct {
	words  map[string]int32 // every token, by its text
	pieces *trie
	unk    int32
}

// NewTokenizer returns a tokenizer over v.
func NewTokenizer(v *Vocab) *Tokenizer {
	return &Tokenizer{words: v.ids, pieces: newTrie(v.tokens), unk: v.Unk()}
}

// Append appends the ids of text's tokens to dst and returns it. No [CLS] or
// [SEP] is added.
//
// The text is cleaned, lower-cased, stripped of accents and split at white
// space and punctuation (see basicTokens); bytes that are not UTF-8 are dropped.
// Each word then gives the longest token it starts with, then the longest "##"
// token that the rest starts with, and so on; a word of more than 100
// characters, or with a rest that no token starts, gives [UNK] alone. A special
// token that stands in the text between white space, in capitals and brackets,
// gives its own id; joined to other characters it is split like any word.
func (t *Tokenizer) Append(dst []int32, text string) []int32 {
	for word := range basicTokens(text) {
		dst = t.appendWord(dst, word)
	}
	return dst
}

// appendWord appends the ids of one basic token.
func (t *Tokenizer) appendWord(dst []int32, word []byte) []int32 {
	if len(word) > maxWordRunes && utf8.RuneCount(word) > maxWordRunes {
		return append(dst, t.unk)
	}
	if id, ok := t.words[string(word)]; ok { // most words are tokens: a short cut
		return append(dst, id)
	}
	before := len(dst)
	node := int32(trieWords)
	for at := 0; at < len(word); {
		id, length := t.pieces.longest(node, word[at:])
		if length == 0 {
			return append(dst[:before], t.unk)
		}
		dst = append(dst, id)
		at += length
		node = trieContinuations
	}
	return dst
}
