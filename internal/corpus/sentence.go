package corpus

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// splitSentences splits a paragraph of words with single spaces between them
// into sentences, in one pass.
//
// A sentence ends behind a word that ends in an ellipsis or in a character that
// has Unicode's property Sentence_Terminal, such as . ! ? and the danda, perhaps
// with closing quotes and brackets behind it, if what follows starts with a capital
// letter, a digit or a letter that has no case, perhaps behind opening quotes
// and brackets. Punctuation may stand apart as a word, as in WikiText; a
// straight double quote that stands apart closes if an odd number of them has
// come before in the paragraph. A full stop does not count
//   - behind a title or another word of abbreviations, and behind "No.", "Fig."
//     and their like (numbered) before a digit;
//   - behind an initial ("J. Smith") or letters and stops in turn ("U.S.");
//   - behind a number that is the sentence's first word ("1. Lobster").
//
// The stops of scripts that have no case (an ideographic 。！？, a danda, an Arabic
// question mark) end a sentence whatever follows, space or not. Every sentence has
// a letter or a number: a paragraph without one gives none.
func splitSentences(paragraph string) []string {
	starts := []int{0}
	var (
		words     int    // in the sentence so far
		substance bool   // one of them has a letter or digit
		ended     bool   // they could be the whole sentence
		ender     string // if so, the word that ended it, without what closes behind
		quoted    bool   // inside straight double quotes that stand apart
		space     = -1   // the first space at or behind at, or the end
	)
	for at := 0; at < len(paragraph); {
		if space < at {
			space = indexFrom(paragraph, at, ' ')
		}
		end := caselessStop(paragraph, at, space)
		word := paragraph[at:end]

		quote := strings.Trim(word, `"`) == ""
		closes := closesOnly(word) && (!quote || quoted)
		if ended && !closes {
			if endsCaseless(ender) || opensSentence(paragraph[at:], ender) {
				starts = append(starts, at)
				words, substance = 0, false
			}
			ended = false
		}
		words++
		if !ended {
			substance = substance || strings.ContainsFunc(word, isWordRune)
			ender = strings.TrimRight(word, closers)
			ended = substance && endsSentence(ender, words == 1)
		}
		if quote {
			quoted = !quoted
		}
		at = end
		if end == space {
			at++
		}
	}
	if !substance { // what is left belongs to the sentence before
		starts = starts[:len(starts)-1]
	}
	sentences := make([]string, 0, len(starts))
	for i, start := range starts {
		end := len(paragraph)
		if i+1 < len(starts) {
			end = starts[i+1]
		}
		sentences = append(sentences, strings.TrimSuffix(paragraph[start:end], " "))
	}
	return sentences
}

// indexFrom returns the index of the first b at or behind from, or len(s).
func indexFrom(s string, from int, b byte) int {
	if i := strings.IndexByte(s[from:], b); i >= 0 {
		return from + i
	}
	return len(s)
}

// What may stand behind a sentence's last stop and before its first letter.
const (
	closers = "\"'”’»)]}」』】）"
	openers = "\"'“‘«([{「『【（¿¡-–—"
)

// closesOnly reports whether word consists of closing quotes and brackets.
func closesOnly(word string) bool {
	return word != "'" && strings.TrimLeft(word, closers) == ""
}

func isWordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }

// endsSentence reports whether a sentence may end behind core, a word without
// the quotes and brackets that close behind it; first says that it is the
// sentence's first word.
func endsSentence(core string, first bool) bool {
	last, _ := utf8.DecodeLastRuneInString(core)
	if last != '.' {
		return last == '…' || isTerminal(last)
	}
	stem := strings.TrimRight(core, ".")
	if len(core)-len(stem) > 1 || stem == "" {
		return true // an ellipsis, or a full stop that stands apart
	}
	stem = strings.TrimLeft(stem, openers)
	switch {
	case isInitials(stem), abbreviations[strings.ToLower(stem)]:
		return false
	case first && !strings.ContainsFunc(stem, func(r rune) bool { return !unicode.IsDigit(r) }):
		return false // the number of an item
	}
	return true
}

// opensSentence reports whether rest, which follows the word ender, can start a
// sentence.
func opensSentence(rest, ender string) bool {
	first, _ := utf8.DecodeRuneInString(strings.TrimLeft(rest, openers+" "))
	if unicode.IsDigit(first) {
		return !numbered[strings.ToLower(strings.TrimLeft(strings.TrimSuffix(ender, "."), openers))]
	}
	return unicode.IsUpper(first) || unicode.IsTitle(first) || unicode.Is(unicode.Lo, first)
}

// isInitials reports whether stem is one letter, or single letters with full
// stops between them.
func isInitials(stem string) bool {
	for letter := true; ; letter = !letter {
		r, size := utf8.DecodeRuneInString(stem)
		if letter != unicode.IsLetter(r) || !letter && r != '.' {
			return false
		}
		if stem = stem[size:]; stem == "" {
			return letter
		}
	}
}

// isTerminal reports whether r has the property Sentence_Terminal.
func isTerminal(r rune) bool {
	if r < utf8.RuneSelf {
		return r == '.' || r == '!' || r == '?'
	}
	return unicode.Is(unicode.Sentence_Terminal, r)
}

// isCaselessStop reports whether r ends sentences in a script without capitals,
// where nothing else than it tells that one begins. That is so of all Sentence_Terminal
// but those of Latin text and Armenian, and the full stops that stand in numbers too.
func isCaselessStop(r rune) bool {
	switch r {
	case '‼', '‽', '⁇', '⁈', '⁉', '։', '⸮', '⸼', '⹓', '⹔', '．', '﹒':
		return false
	}
	return r >= utf8.RuneSelf && isTerminal(r)
}

// caselessStop returns where the word at at ends: behind its first such stops and
// what closes behind them, at the latest at space.
func caselessStop(paragraph string, at, space int) int {
	word := paragraph[at:space]
	stop := -1
	for i := range len(word) {
		if word[i] >= utf8.RuneSelf { // ASCII has none
			stop = strings.IndexFunc(word[i:], isCaselessStop) + i
			if stop < i {
				return space
			}
			break
		}
	}
	if stop < 0 {
		return space
	}
	return space - len(strings.TrimLeftFunc(word[stop:], func(r rune) bool {
		return isCaselessStop(r) || strings.ContainsRune(closers, r)
	}))
}

func endsCaseless(word string) bool {
	last, _ := utf8.DecodeLastRuneInString(word)
	return isCaselessStop(last)
}

// abbreviations holds the words, in lower case and without their full stop,
// behind which no sentence ends.
var abbreviations = setOf(`mr mrs ms messrs mme mlle dr prof st ste mt ft gen col maj capt cmdr cdr lt sgt cpl pvt adm
	rev fr hon pres gov sen rep amb supt insp sr jr vs cf viz al approx ca est dept univ`)

// numbered holds the words behind which no sentence ends before a digit.
var numbered = setOf(`no nos nr p pp vol vols ch chap fig figs sec art op eq ed pt c
	jan feb mar apr jun jul aug sep sept oct nov dec`)

func setOf(words string) map[string]bool {
	set := make(map[string]bool)
	for word := range strings.FieldsSeq(words) {
		set[word] = true
	}
	return set
}
