package corpus

import "strings"

// unknownWord is how WikiText writes a word outside its own vocabulary.
const unknownWord = "<unk>"

// cleanText returns line with single spaces between its words, none at its
// ends, and the marks of WikiText undone: "a @-@ b" is "a-b", likewise @,@ and
// @.@ inside numbers, and <unk> is the word "[UNK]", which the tokenizer knows.
// Next to an unknown word the hyphen, comma or full stop keeps its spaces, so
// that "[UNK]" stays a word; the tokens are the same.
func cleanText(line string) string {
	if strings.Contains(line, unknownWord) {
		line = strings.ReplaceAll(line, unknownWord, " "+unkToken+" ")
	}
	var out strings.Builder
	out.Grow(len(line))
	before := ""    // the word written last
	joined := false // a mark is waiting to join before and the next word
	var mark byte   // that mark
	for word := range strings.FieldsSeq(line) {
		if len(word) == 3 && word[0] == '@' && word[2] == '@' && strings.IndexByte("-,.", word[1]) >= 0 && !joined {
			mark, joined = word[1], true
			continue
		}
		glue := joined && before != "" && before != unkToken && word != unkToken
		if before != "" && !glue {
			out.WriteByte(' ')
		}
		if joined {
			out.WriteByte(mark)
			if !glue {
				out.WriteByte(' ')
			}
			joined = false
		}
		out.WriteString(word)
		before = word
	}
	if joined {
		if before != "" {
			out.WriteByte(' ')
		}
		out.WriteByte(mark)
	}
	return out.String()
}
