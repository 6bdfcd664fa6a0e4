package corpus

import (
	"iter"
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

// basicTokens yields the words of text as BERT's uncased basic tokenizer makes
// them, one buffer for all (a word is valid until the next):
//
//  1. drop U+0000, U+FFFD and control characters (category C, but for tab, line
//     feed and carriage return), white space counting as a space;
//  2. put spaces round every CJK ideograph; compose (NFC); split at white space;
//  3. leave a word that is a special token, such as "[MASK]", as it is;
//  4. of the others, lower-case, decompose (NFD), drop the marks (category Mn),
//     and split at every punctuation character, which is a word of its own.
//
// Bytes that are not UTF-8 read as U+FFFD.
func basicTokens(text string) iter.Seq[[]byte] {
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
				ok = wideTokens(run, yield)
			case seen == 0:
				buf = append(buf[:0], run...)
				ok = yield(buf)
			default:
				ok = asciiTokens(run, &buf, yield)
			}
			if !ok {
				return
			}
		}
	}
}

// asciiTokens does steps 3 and 4 for word, which is printable ASCII without a
// space. It returns false if yield did.
func asciiTokens(word string, buf *[]byte, yield func([]byte) bool) bool {
	if isSpecial(word) {
		*buf = append((*buf)[:0], word...)
		return yield(*buf)
	}
	b := (*buf)[:0]
	for i := range len(word) {
		c := word[i]
		switch byteClass[c] {
		case byteUpper:
			b = append(b, c+('a'-'A'))
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
func wideTokens(run string, yield func([]byte) bool) bool {
	var word []byte // cleaned, up to the next space
	for _, r := range run {
		switch {
		case isDropped(r):
			continue
		case !isSpace(r) && !isIdeograph(r):
			word = utf8.AppendRune(word, r)
			continue
		}
		if !foldedTokens(word, yield) {
			return false
		}
		word = word[:0]
		if isIdeograph(r) && !foldedTokens(utf8.AppendRune(nil, r), yield) {
			return false
		}
	}
	return foldedTokens(word, yield)
}

// foldedTokens does steps 3 and 4 for word, cleaned text without white space;
// it may be empty.
func foldedTokens(word []byte, yield func([]byte) bool) bool {
	composed := norm.NFC.Bytes(word)
	if isSpecial(string(composed)) {
		return yield(composed)
	}
	var part []byte
	for _, r := range norm.NFD.String(lower(composed)) {
		switch {
		case unicode.Is(unicode.Mn, r):
		case isPunct(r):
			if len(part) > 0 && !yield(part) {
				return false
			}
			if part = utf8.AppendRune(part[:0], r); !yield(part) {
				return false
			}
			part = part[:0]
		default:
			part = utf8.AppendRune(part, r)
		}
	}
	return len(part) == 0 || yield(part)
}

// lower returns word in lower case by Unicode's full mapping, without locale.
// It differs from the mapping rune by rune in two letters. Capital I with a dot
// becomes i and a combining dot: the dot is a mark, which a later step drops, so
// the plain i of unicode.ToLower does. Capital sigma at the end of a word
// becomes a final sigma.
func lower(word []byte) string {
	const sigma, smallSigma, finalSigma = 'Σ', 'σ', 'ς'
	runes := []rune(string(word))
	small := make([]rune, len(runes))
	cased := false // the last rune that is not case-ignorable has case
	for i, r := range runes {
		switch {
		case r != sigma:
			small[i] = unicode.ToLower(r)
		case cased && !casedAhead(runes[i+1:]):
			small[i] = finalSigma
		default:
			small[i] = smallSigma
		}
		if !isCaseIgnorable(r) {
			cased = isCased(r)
		}
	}
	return string(small)
}

// casedAhead reports whether the first rune that is not case-ignorable has case.
func casedAhead(runes []rune) bool {
	for _, r := range runes {
		if !isCaseIgnorable(r) {
			return isCased(r)
		}
	}
	return false
}

// isCased is Unicode's derived property Cased.
func isCased(r rune) bool {
	return unicode.In(r, unicode.Lu, unicode.Ll, unicode.Lt, unicode.Other_Uppercase, unicode.Other_Lowercase)
}

// isCaseIgnorable is Unicode's derived property Case_Ignorable: some categories,
// and the characters whose Word_Break is MidLetter, MidNumLet or Single_Quote.
func isCaseIgnorable(r rune) bool {
	switch r {
	case '\'', '.', ':', '·', '\u0387', '\u055f', '\u05f4', '\u2018', '\u2019', '\u2024', '\u2027',
		'\ufe13', '\ufe52', '\ufe55', '\uff07', '\uff0e', '\uff1a':
		return true
	}
	return unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf, unicode.Lm, unicode.Sk)
}

// isSpecial reports whether word is one of the special tokens.
func isSpecial(word string) bool {
	if len(word) < 5 || word[0] != '[' {
		return false
	}
	for _, token := range specialTokens {
		if word == token {
			return true
		}
	}
	return false
}

// isDropped reports whether cleaning removes r. Category C, the controls, holds
// what is not assigned too: whatever is in no other category.
func isDropped(r rune) bool {
	return r == utf8.RuneError ||
		!unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Z) && r != '\t' && r != '\n' && r != '\r'
}

// isSpace reports whether words split at r once the controls are gone: the
// space separators, and the two separators of lines and paragraphs, which the
// reference leaves to Python's split.
func isSpace(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || unicode.Is(unicode.Z, r)
}

// isPunct reports whether r is punctuation to BERT: every ASCII character that
// is neither letter, digit, space nor control, and category P.
func isPunct(r rune) bool {
	if r < utf8.RuneSelf {
		return '!' <= r && r <= '/' || ':' <= r && r <= '@' || '[' <= r && r <= '`' || '{' <= r && r <= '~'
	}
	return unicode.Is(unicode.P, r)
}

// isIdeograph reports whether r is in one of the eight blocks that BERT counts
// as CJK ideographs; kana and hangul are not among them.
func isIdeograph(r rune) bool {
	return 0x4E00 <= r && r <= 0x9FFF ||
		0x3400 <= r && r <= 0x4DBF ||
		0x20000 <= r && r <= 0x2A6DF ||
		0x2A700 <= r && r <= 0x2B73F ||
		0x2B740 <= r && r <= 0x2B81F ||
		0x2B820 <= r && r <= 0x2CEAF ||
		0xF900 <= r && r <= 0xFAFF ||
		0x2F800 <= r && r <= 0x2FA1F
}
