package corpus

import (
	"fmt"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/internal/enum"
)

// Format is the shape of a text file: what a document and a sentence in it is.
type Format uint8

// The shapes of text.
const (
	Auto          Format = iota // by the file's first 256 KiB, see recognize
	Prose                       // blank lines between documents; lines join to a paragraph
	SentenceLines               // blank lines between documents; a line is a sentence
	WikiText                    // "= Title =" begins a document; a line is a paragraph
	WikiExtractor               // <doc ...> to </doc> is a document; a line is a paragraph
	JSONLines                   // a line is an object, a field of which is a document
	Parquet                     // a row is a document, in a column of text
)

var formats = enum.New[Format]("corpus format", ErrBadData, FormatNames()...)

// FormatNames returns the names of the formats, in their order, as ParseFormat takes
// them.
func FormatNames() []string {
	return []string{"auto", "prose", "sentence-lines", "wikitext", "wikiextractor", "jsonl", "parquet"}
}

// String returns the format's name.
func (f Format) String() string { return formats.String(f) }

// ParseFormat returns the format of a name; "" is Auto. Another name is ErrBadData.
func ParseFormat(name string) (Format, error) {
	f := Auto
	if name == "" {
		return f, nil
	}
	if err := formats.Unmarshal(&f, []byte(name)); err != nil {
		return Auto, badDataBecause("corpus_format", fmt.Sprintf("%.80q", name), "one of "+strings.Join(FormatNames(), ", "), err)
	}
	return f, nil
}

// Reading says how text is read.
type Reading struct {
	Format    Format // of every file; Auto: each file's own
	TextField string // field of JSON lines, or column of Parquet, with the text; "" is DefaultTextField
}

// DefaultTextField is the field of JSON lines and the column of Parquet that most
// corpora have their text in.
const DefaultTextField = "text"

func (r Reading) field() string {
	if r.TextField == "" {
		return DefaultTextField
	}
	return r.TextField
}

// rawDocument is a document as its file has it. Making sentences of it costs much
// more than reading it, and is done elsewhere.
type rawDocument struct {
	file   int    // number of its file in the corpus
	number int64  // of the document in its file, from 0
	source string // the file
	line   int    // where it starts, from 1: a line, or a row of Parquet
	format Format
	doubt  string // about the format, see recognize

	// text has a document's lines, trimmed, none of them blank, joined by line feeds;
	// of JSON lines it is the object, of Parquet the value.
	text  string
	ready []string // sentences, in place of text
}

// sentences splits the document.
func (d *rawDocument) sentences(field string) ([]string, error) {
	switch {
	case d.ready != nil:
		return d.ready, nil
	case d.format == Prose:
		return splitSentences(joinLines(d.text)), nil
	case d.format == SentenceLines:
		return lineSentences(d.text), nil
	case d.format == WikiText || d.format == WikiExtractor:
		return paragraphSentences(d.text), nil
	case d.format == JSONLines:
		text, err := textOfJSON(d.text, field)
		if err != nil {
			return nil, &DataError{Path: d.source, Line: d.line, Offset: -1, Found: err.Error(),
				Expected: fmt.Sprintf("a JSON object with a text %q (--text-field)", field)}
		}
		return valueSentences(text), nil
	}
	return valueSentences(d.text), nil
}

// joinLines cleans lines and joins them to one paragraph.
func joinLines(text string) string {
	if !strings.Contains(text, "\n") {
		return cleanText(text)
	}
	var out strings.Builder
	out.Grow(len(text))
	for line := range strings.SplitSeq(text, "\n") {
		if line = cleanText(line); line == "" {
			continue
		}
		if out.Len() > 0 {
			out.WriteByte(' ')
		}
		out.WriteString(line)
	}
	return out.String()
}

// lineSentences takes each line as a sentence; one without a letter or number is
// left out.
func lineSentences(text string) []string {
	var out []string
	for line := range strings.SplitSeq(text, "\n") {
		if line = cleanText(line); strings.ContainsFunc(line, isWordRune) {
			out = append(out, line)
		}
	}
	return out
}

// paragraphSentences takes each line as a paragraph.
func paragraphSentences(text string) []string {
	var out []string
	for line := range strings.SplitSeq(text, "\n") {
		out = append(out, splitSentences(cleanText(line))...)
	}
	return out
}

// valueSentences splits text that came as one value. A line end in it ends a
// paragraph, unless the sentence obviously goes on behind it: it has not ended, and
// the next line begins with a small letter.
func valueSentences(text string) []string {
	var out, paragraph []string
	end := func() {
		out = append(out, splitSentences(strings.Join(paragraph, " "))...)
		paragraph = paragraph[:0]
	}
	for line := range strings.SplitSeq(text, "\n") {
		line = cleanText(line)
		if n := len(paragraph); n > 0 && (line == "" || !goesOn(paragraph[n-1], line)) {
			end()
		}
		if line != "" {
			paragraph = append(paragraph, line)
		}
	}
	end()
	return out
}
