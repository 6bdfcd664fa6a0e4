package corpus

import "unicode/utf8"

// maxWordRunes is the longest word that WordPiece splits; a longer one is
// [UNK].
const maxWordRunes = 100

// Tokenizer turns text into token ids exactly as Hugging Face's BertTokenizerFast
// does, character by character (docs/interop.md). It is
// immutable: one serves any number of goroutines.
type Tokenizer struct {
	words   map[string]int32 // every token, by its text
	pieces  *trie
	special [len(specialTokens)]int32
	unk     int32
	text    Normalizer
}

// NewTokenizer returns a tokenizer over v.
func NewTokenizer(v *Vocab) *Tokenizer {
	return &Tokenizer{words: v.ids, pieces: newTrie(v.tokens), special: v.special, unk: v.Unk(), text: v.normalizer}
}

// Append appends the ids of text's tokens to dst and returns it. No [CLS] or
// [SEP] is added.
//
// The text is first cut at the special tokens, in capitals and brackets, which
// give their own ids wherever they stand. What is between them is normalized as the
// vocabulary says and split at white space and punctuation (see Normalizer.tokens);
// bytes that are not UTF-8 are dropped. Each word then gives the
// longest token it starts with, then the longest "##" token that the rest starts
// with, and so on; a word of more than 100 characters, or with a rest that no
// token starts, gives [UNK] alone.
func (t *Tokenizer) Append(dst []int32, text string) []int32 {
	for piece, special := range pieces(text) {
		if special >= 0 {
			dst = append(dst, t.special[special])
			continue
		}
		for word := range t.text.tokens(piece) {
			dst = t.appendWord(dst, word)
		}
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
