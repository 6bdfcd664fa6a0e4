package corpus

import (
	"bufio"
	"context"
	"fmt"
	"html"
	"io"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/internal/fileformat"
)

// maxDocument bounds a document and a line, in bytes: text is held whole while it is
// worked on.
const maxDocument = 128 << 20

// opened is a file's text with what was decided about it.
type opened struct {
	in     *input
	format Format
	doubt  string // see recognize
	lines  *lineReader
	close  func() error
	table  io.ReaderAt // of Parquet, in place of lines
}

// openText opens a file and recognizes its format, unless reading gives one. The error
// is a DataError.
func openText(in *input, reading Reading) (*opened, error) {
	f, raw, err := in.open()
	if err != nil {
		return nil, err
	}
	o, err := recognized(in, f, reading)
	if err != nil {
		_ = f.Close() // err is what to tell
		return nil, err
	}
	o.table = raw
	return o, nil
}

// recognized is openText on what is open already, without the table.
func recognized(in *input, f *fileformat.File, reading Reading) (*opened, error) {
	o := &opened{in: in, format: reading.Format, close: f.Close}
	if f.Content == fileformat.Parquet {
		if reading.Format != Auto && reading.Format != Parquet {
			return nil, badData(in.path, "a Parquet file", fmt.Sprintf("text in the format %s (--corpus-format)", reading.Format))
		}
		o.format = Parquet
		return o, nil
	}
	if reading.Format == Parquet {
		return nil, badData(in.path, "no Parquet file", "one (--corpus-format parquet)")
	}
	o.lines = &lineReader{name: in.path, r: bufio.NewReaderSize(f, sampled), offset: f.Skipped}
	sample, err := o.lines.sniff()
	if err == nil && o.format == Auto {
		o.format, o.doubt, err = recognize(in.path, sample, len(sample) < sampled)
	}
	return o, err
}

// read calls yield for every document, in order; a document may turn out to have no
// sentence. It stops at the first error and returns it: yield's and ctx's unchanged,
// a DataError about the text.
func (o *opened) read(ctx context.Context, field string, yield func(rawDocument) error) error {
	s := &documentSplitter{yield: yield, source: o.in.path, file: o.in.number, format: o.format, doubt: o.doubt}
	switch o.format {
	case Parquet:
		return readParquet(ctx, o.in, o.table, field, s)
	case JSONLines:
		return o.lines.each(ctx, func(number int, line, _ string) error {
			if line == "" {
				return nil
			}
			return s.whole(number, line)
		})
	case WikiExtractor:
		if err := o.lines.each(ctx, s.extracted); err != nil {
			return err
		}
	default:
		if err := o.lines.each(ctx, s.line); err != nil {
			return err
		}
	}
	return s.end()
}

// documentSplitter gathers lines into documents.
type documentSplitter struct {
	yield  func(rawDocument) error
	source string
	file   int
	format Format
	doubt  string

	number int64  // of documents yielded
	first  int    // line of the document being gathered; 0 while it is empty
	text   []byte // its lines

	titled bool   // a title of WikiText has been seen
	inside bool   // of WikiExtractor's <doc>
	title  string // of that document, until its line has been seen
}

// line takes one line of prose, sentences or WikiText, its number from 1, trimmed,
// and the line below it.
//
// A line that reads "= Title =" with a blank line or the end below it is a title,
// "= = Section = =" a section's heading. Neither is text. In WikiText a title begins
// a document; before the first one, and in other formats, blank lines do.
func (s *documentSplitter) line(number int, line, below string) error {
	if line == "" {
		if s.titled {
			return nil
		}
		return s.end()
	}
	if line[0] == '=' && below == "" {
		if level := headingLevel(line); level == 1 {
			if err := s.end(); err != nil {
				return err
			}
			if s.format == WikiText {
				s.titled, s.first = true, number
			}
			return nil
		} else if level > 1 {
			return nil
		}
	}
	return s.add(number, line)
}

// extracted takes one line of what WikiExtractor wrote. What stands outside of <doc>
// is prose.
func (s *documentSplitter) extracted(number int, line, below string) error {
	switch {
	case isDocTag(line):
		if err := s.end(); err != nil {
			return err
		}
		s.inside, s.first = true, number
		s.title = titleOf(line)
	case line == docEnd:
		s.inside = false
		return s.end()
	case !s.inside:
		return s.line(number, line, below)
	case line == "":
	case s.title != "":
		title := s.title
		s.title = ""
		if line != title && html.UnescapeString(line) != title {
			return s.add(number, html.UnescapeString(line))
		}
	default:
		return s.add(number, html.UnescapeString(line))
	}
	return nil
}

// titleOf returns the title in a <doc> tag.
func titleOf(tag string) string {
	_, after, _ := strings.Cut(tag, ` title="`)
	end := strings.LastIndexByte(after, '"')
	return html.UnescapeString(after[:max(0, end)])
}

// add appends a line to the document.
func (s *documentSplitter) add(number int, line string) error {
	if s.first == 0 {
		s.first = number
	}
	if len(s.text) > 0 {
		s.text = append(s.text, '\n')
	}
	if s.text = append(s.text, line...); len(s.text) > maxDocument {
		return &DataError{Path: s.source, Line: s.first, Offset: -1, Found: fmt.Sprintf("a document of more than %d MiB", maxDocument>>20),
			Expected: "blank lines between documents"}
	}
	return nil
}

// end yields the document gathered so far, if there is one, and starts the next.
func (s *documentSplitter) end() error {
	first := s.first
	s.first = 0
	if len(s.text) == 0 {
		return nil
	}
	text := string(s.text)
	s.text = s.text[:0]
	return s.whole(first, text)
}

// whole yields a document that came in one piece.
func (s *documentSplitter) whole(line int, text string) error {
	d := rawDocument{file: s.file, number: s.number, source: s.source, line: line, format: s.format, doubt: s.doubt, text: text}
	s.number++
	return s.yield(d)
}

// headingLevel returns how deep a WikiText heading the line is, or 0 if it is
// none: "= A =" is of level 1, "= = A = =" of level 2. The equals signs stand
// apart, as many before the text as behind it.
func headingLevel(line string) int {
	words := strings.Fields(line)
	level := 0
	for level < len(words) && words[level] == "=" {
		level++
	}
	behind := 0
	for behind < len(words)-level && words[len(words)-1-behind] == "=" {
		behind++
	}
	if level != behind || len(words) == 2*level {
		return 0
	}
	return level
}
