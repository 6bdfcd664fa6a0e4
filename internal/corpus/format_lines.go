package corpus

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// isBlank reports whether a line has nothing to see: white space, controls and
// characters of category Cf, such as U+200B and U+FEFF.
func isBlank(line string) bool {
	return !strings.ContainsFunc(line, func(r rune) bool {
		return !unicode.IsSpace(r) && !unicode.Is(unicode.Cf, r) && !unicode.IsControl(r)
	})
}

// endsLikeSentence reports whether a line ends in a sentence's end, perhaps with
// closing quotes and brackets behind it.
func endsLikeSentence(line string) bool {
	line = strings.TrimRight(line, closers+" `")
	last, size := utf8.DecodeLastRuneInString(line)
	return size > 0 && (last == '…' || isTerminal(last))
}

// goesOn reports whether the sentence at the end of before goes on in line.
func goesOn(before, line string) bool {
	first, _ := utf8.DecodeRuneInString(line)
	last, _ := utf8.DecodeLastRuneInString(before)
	return unicode.IsLower(first) && last != ':' && !endsLikeSentence(before)
}

// lineEvidence is what the lines of a text with blank lines between its documents
// tell about where its sentences end. A line counts if another follows it in the
// same document: there it matters.
type lineEvidence struct {
	lines   int // that count
	ended   int // of them: end like a sentence
	single  int // hold one sentence as splitSentences has it
	unmixed int // have no sentence's end inside, whatever follows it
	stops   int // sentence ends anywhere in them
	lengths []int
}

// Fewer lines than these decide nothing.
const (
	fewLines      = 6
	fewPlainLines = 20 // without punctuation
)

func gatherLineEvidence(lines []string) (e lineEvidence) {
	for i, line := range lines[:max(0, len(lines)-1)] {
		if line == "" || lines[i+1] == "" {
			continue
		}
		e.lines++
		clean := cleanText(line)
		stops := sentenceStops(clean)
		e.stops += stops
		ended := endsLikeSentence(clean)
		if ended {
			e.ended++
			stops--
		}
		if stops <= 0 {
			e.unmixed++
		}
		if len(splitSentences(clean)) <= 1 {
			e.single++
		}
		e.lengths = append(e.lengths, utf8.RuneCountInString(clean))
	}
	return e
}

// sentenceStops counts the words of a line that can end a sentence.
func sentenceStops(line string) int {
	stops, first := 0, true
	for word := range strings.FieldsSeq(line) {
		if core := strings.TrimRight(word, closers); core != "" && endsSentence(core, first) {
			stops++
		}
		first = false
	}
	return stops
}

// sentenceLines tells whether a line is a sentence, and doubt, from 0 to 100, the
// percentage of lines that say so where they are neither few nor enough.
//
// For it speaks that at least seven in ten lines end like a sentence while eight in
// ten hold one only. Text that has no punctuation at all is one sentence a line
// unless its lines have been wrapped: then nearly all are almost as long as the
// longest.
func (e *lineEvidence) sentenceLines() (yes bool, doubt int) {
	switch {
	case e.lines < fewLines:
		return false, 0
	case 20*e.stops < e.lines:
		return e.lines >= fewPlainLines && !e.wrapped(), 0
	case 10*e.single < 8*e.lines, 2*e.unmixed < e.lines:
		return false, 0 // paragraphs, which end where a sentence does
	case 10*e.ended >= 7*e.lines:
		return true, 0
	case 10*e.ended >= 4*e.lines:
		return false, 100 * e.ended / e.lines
	}
	return false, 0
}

// wrapped reports whether the lines look cut to a width.
func (e *lineEvidence) wrapped() bool {
	lengths := slices.Sorted(slices.Values(e.lengths))
	width := lengths[len(lengths)*95/100]
	short, _ := slices.BinarySearch(lengths, width*3/4)
	return 5*short < len(lengths)
}

// headings is what the headings of a text tell about its being WikiText.
type headings struct {
	titles, deeper int  // level 1, and below it
	paragraphs     int  // headings among them
	begins         bool // the text begins with a title
	marked         bool // it has WikiText's marks: " @-@ ", "<unk>"
}

func gatherHeadings(lines []string) (h headings) {
	first := true
	for i, line := range lines {
		if line == "" {
			continue
		}
		if i == 0 || lines[i-1] == "" || headingLevel(lines[i-1]) > 0 {
			h.paragraphs++
		}
		level := 0
		if i+1 == len(lines) || lines[i+1] == "" {
			level = headingLevel(line)
		}
		switch {
		case level == 1:
			h.titles++
			h.begins = h.begins || first
		case level > 1:
			h.deeper++
		}
		h.marked = h.marked || strings.Contains(line, " @-@ ") || strings.Contains(line, " @,@ ") ||
			strings.Contains(line, " @.@ ") || strings.Contains(line, unknownWord)
		first = false
	}
	return h
}

// wikiText weighs headings: one or a few do not make WikiText. It takes a title and
// two of these four: the text begins with one; it has headings of a deeper level; it
// has WikiText's marks; it has three titles, or two and at least one paragraph in
// twenty is a heading. doubt tells that titles may have been meant so all the same.
func (h *headings) wikiText() (yes, doubt bool) {
	points := 0
	for _, evidence := range []bool{h.begins, h.deeper > 0, h.marked, h.titles > 2 || h.titles == 2 && 20*(h.titles+h.deeper) >= h.paragraphs} {
		if evidence {
			points++
		}
	}
	yes = h.titles > 0 && points >= 2
	return yes, !yes && (h.begins || h.titles > 2)
}
