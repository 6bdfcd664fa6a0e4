package corpus

import (
	"iter"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// What BERT's basic tokenizer does with a byte of text, as bits so that those
// of a whole run can be collected. 0 is a character that stays as it is.
const (
	byteDrop  = 1 << iota // a control character
	byteSpace             // white space
	bytePunct             // punctuation: a word of its own
	byteUpper             // a capital letter: lower-cased
	byteWide              // part of a character beyond ASCII
)

// byteClass classifies every byte.
var byteClass = func() (classes [256]uint8) {
	for b := range classes {
		switch {
		case b == '\t' || b == '\n' || b == '\r' || b == ' ':
			classes[b] = byteSpace
		case b < ' ' || b == 0x7f:
			classes[b] = byteDrop
		case b >= utf8.RuneSelf:
			classes[b] = byteWide
		case isPunct(rune(b)):
			classes[b] = bytePunct
		case 'A' <= b && b <= 'Z':
			classes[b] = byteUpper
		}
	}
	return classes
}()

// tokens yields the words of text, which has no special token in it, as
// BertTokenizerFast makes them, one buffer for all (a word is valid until the
// next):
//
//  1. drop U+0000, U+FFFD, controls, format characters and private use (but for
//     tab, line feed and carriage return);
//  2. put spaces round every CJK ideograph, but with JoinIdeographs; split at
//     white space;
//  3. decompose (NFD) and drop the marks (category Mn), but with KeepAccents;
//  4. lower-case, character by character, but with Cased: a final sigma is none of
//     its own;
//  5. split at every punctuation character, which is a word of its own.
//
// What is a control, a mark or punctuation is what classes_gen.go says: Unicode 8
// for the most part, whatever Go's own tables are. Characters that were not
// assigned then are letters of words. Bytes that are not UTF-8 read as U+FFFD.
func (n Normalizer) tokens(text string) iter.Seq[[]byte] {
	plain := uint8(0) // what does not change a run of bytes
	if n.Cased {
		plain = byteUpper
	}
	return func(yield func([]byte) bool) {
		var first [128]byte
		buf := first[:0]
		for at := 0; at < len(text); {
			start, seen := at, uint8(0)
			for at < len(text) && byteClass[text[at]] != byteSpace {
				seen |= byteClass[text[at]]
				at++
			}
			run := text[start:at]
			at++ // the space
			ok := true
			switch {
			case run == "":
			case seen&(byteDrop|byteWide) != 0:
				ok = n.wideTokens(run, yield)
			case seen&^plain == 0:
				buf = append(buf[:0], run...)
				ok = yield(buf)
			default:
				ok = n.asciiTokens(run, &buf, yield)
			}
			if !ok {
				return
			}
		}
	}
}

// asciiTokens does steps 4 and 5 for word, which is printable ASCII without a
// space. It returns false if yield did.
func (n Normalizer) asciiTokens(word string, buf *[]byte, yield func([]byte) bool) bool {
	b := (*buf)[:0]
	for i := range len(word) {
		c := word[i]
		switch byteClass[c] {
		case byteUpper:
			if !n.Cased {
				c += 'a' - 'A'
			}
			b = append(b, c)
		case bytePunct:
			if len(b) > 0 && !yield(b) {
				return false
			}
			if b = append(b[:0], c); !yield(b) {
				return false
			}
			b = b[:0]
		default:
			b = append(b, c)
		}
	}
	*buf = b
	return len(b) == 0 || yield(b)
}

// wideTokens does all steps for run, any text. It returns false if yield did.
func (n Normalizer) wideTokens(run string, yield func([]byte) bool) bool {
	var word []byte // cleaned, up to the next space
	for _, r := range run {
		switch {
		case isDropped(r):
			continue
		case !isSpace(r) && (n.JoinIdeographs || !isIdeograph(r)):
			word = utf8.AppendRune(word, r)
			continue
		}
		if !n.foldedTokens(word, yield) {
			return false
		}
		word = word[:0]
		if !isSpace(r) && !n.foldedTokens(utf8.AppendRune(nil, r), yield) { // an ideograph
			return false
		}
	}
	return n.foldedTokens(word, yield)
}

// foldedTokens does steps 3 to 5 for word, cleaned text without white space; it
// may be empty.
func (n Normalizer) foldedTokens(word []byte, yield func([]byte) bool) bool {
	var part []byte
	text := string(word)
	if !n.KeepAccents {
		text = decompose(text)
	}
	for _, r := range text {
		switch {
		case !n.KeepAccents && unicode.Is(markRunes, r):
		case isPunct(r):
			if len(part) > 0 && !yield(part) {
				return false
			}
			if part = utf8.AppendRune(part[:0], r); !yield(part) {
				return false
			}
			part = part[:0]
		case n.Cased:
			part = utf8.AppendRune(part, r)
		case r == dottedI: // only with KeepAccents: it decomposes
			part = append(part, "i\u0307"...)
		default:
			part = utf8.AppendRune(part, lower(r))
		}
	}
	return len(part) == 0 || yield(part)
}

// dottedI is the one character that is two in lower case.
const dottedI = '\u0130'

// whole is the one character that Unicode 15 decomposes and BertTokenizerFast
// does not.
const whole = "\U00011938"

// decompose is NFD.
func decompose(word string) string {
	if !strings.Contains(word, whole) {
		return norm.NFD.String(word)
	}
	parts := strings.Split(word, whole)
	for i, p := range parts {
		parts[i] = norm.NFD.String(p)
	}
	return strings.Join(parts, whole)
}

// lower returns a character in lower case: as Go's tables, which are
// Unicode 15's, and in the scripts that came after them as Unicode 17.
func lower(r rune) rune {
	switch {
	case r < laterLetters:
		return unicode.ToLower(r)
	case r == 0xA7CB:
		return 0x0264
	case r == 0xA7DC:
		return 0x019B
	case r == 0x1C89, r == 0xA7CC, r == 0xA7CE, r == 0xA7D2, r == 0xA7D4, r == 0xA7DA:
		return r + 1
	case 0x10D50 <= r && r <= 0x10D65: // Garay
		return r + 0x20
	case 0x16EA0 <= r && r <= 0x16EB8: // Beria Erfe
		return r + 0x1B
	}
	return unicode.ToLower(r)
}

// laterLetters is the first letter that Unicode 15 does not know.
const laterLetters = 0x1C89

// isDropped reports whether cleaning removes r.
func isDropped(r rune) bool { return unicode.Is(droppedRunes, r) }

// isSpace reports whether words split at r once the controls are gone.
func isSpace(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || unicode.Is(unicode.Z, r)
}

// isPunct reports whether r is punctuation to BERT: every ASCII character that
// is neither letter, digit, space nor control, and category P.
func isPunct(r rune) bool { return unicode.Is(punctRunes, r) }

// isIdeograph reports whether r is in one of the blocks that count as CJK
// ideographs; kana and hangul are not among them. Extension E begins 256
// characters late, as it does in BertTokenizerFast.
func isIdeograph(r rune) bool {
	return 0x4E00 <= r && r <= 0x9FFF ||
		0x3400 <= r && r <= 0x4DBF ||
		0x20000 <= r && r <= 0x2A6DF ||
		0x2A700 <= r && r <= 0x2B73F ||
		0x2B740 <= r && r <= 0x2B81F ||
		0x2B920 <= r && r <= 0x2CEAF ||
		0xF900 <= r && r <= 0xFAFF ||
		0x2F800 <= r && r <= 0x2FA1F
}

// pieces cuts text at the special tokens, wherever they stand: it yields the text
// between two with -1, and each token as its place in specialTokens.
func pieces(text string) iter.Seq2[string, int] {
	return func(yield func(string, int) bool) {
		for {
			at, which := nextSpecial(text)
			if at < 0 {
				yield(text, -1)
				return
			}
			if !yield(text[:at], -1) || !yield(specialTokens[which], which) {
				return
			}
			text = text[at+len(specialTokens[which]):]
		}
	}
}

// nextSpecial returns where the first special token in text begins and which it
// is, -1 where there is none.
func nextSpecial(text string) (at, which int) {
	for from := 0; ; from = at + 1 {
		next := strings.IndexByte(text[from:], '[')
		if next < 0 {
			return -1, -1
		}
		at = from + next
		for which, token := range specialTokens {
			if strings.HasPrefix(text[at:], token) {
				return at, which
			}
		}
	}
}
