package corpus

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/sparsebert/sparsebert-gpu/internal/fileformat"
)

// readText is ReadFile on text that is open already; name stands for the file.
func readText(ctx context.Context, name string, f *fileformat.File, yield func(Document) error) error {
	lines := &lineReader{name: name, r: bufio.NewReaderSize(f, 1<<18), offset: f.Skipped}
	if err := lines.sniff(); err != nil {
		return err
	}
	docs := documentSplitter{yield: yield, doc: Document{Source: name}}

	// A heading shows only by the blank line below it, so line lags behind
	// next by one. Below the last line all is blank.
	line, last := "", false
	for number := 0; !last; number++ {
		if number%1024 == 0 {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
		}
		next, err := lines.next()
		if last = err == io.EOF; err != nil && !last {
			return err
		}
		if number > 0 {
			if err := docs.line(number, line, next == ""); err != nil {
				return err
			}
		}
		line = next
	}
	if err := docs.end(); err != nil {
		return err
	}
	if docs.count == 0 {
		return badData(name, "no sentence", "text")
	}
	return nil
}

// documentSplitter gathers lines into documents.
type documentSplitter struct {
	yield func(Document) error
	doc   Document // the one being gathered; Line is 0 while it is empty
	lines []string // cleaned lines of the paragraph being gathered
	count int      // documents yielded

	titled bool // a title has been seen
}

// line takes one line, its number from 1, trimmed of white space.
func (s *documentSplitter) line(number int, line string, blankBelow bool) error {
	level := 0
	if blankBelow {
		level = headingLevel(line)
	}
	switch {
	case level == 1:
		if err := s.end(); err != nil {
			return err
		}
		s.titled = true
		s.doc.Line = number
		return nil
	case level > 1:
		return nil
	case line == "" && !s.titled:
		return s.end()
	}
	clean := cleanText(line)
	if clean == "" {
		return nil
	}
	if s.doc.Line == 0 {
		s.doc.Line = number
	}
	s.lines = append(s.lines, clean)
	if s.titled {
		s.endParagraph()
	}
	return nil
}

// endParagraph adds the paragraph's sentences to the document.
func (s *documentSplitter) endParagraph() {
	if len(s.lines) > 0 {
		s.doc.Sentences = append(s.doc.Sentences, splitSentences(strings.Join(s.lines, " "))...)
		s.lines = s.lines[:0]
	}
}

// end yields the document gathered so far, if it has a sentence, and starts
// the next one.
func (s *documentSplitter) end() error {
	s.endParagraph()
	doc := s.doc
	s.doc = Document{Source: doc.Source}
	if len(doc.Sentences) == 0 {
		return nil
	}
	s.count++
	return s.yield(doc)
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

// lineReader reads checked lines of text.
type lineReader struct {
	name   string
	r      *bufio.Reader
	number int   // of the line read last, from 1
	offset int64 // of the next line in the text
	long   []byte
}

// sniffed is how much of a text is looked at to tell it from binary data.
const sniffed = 8 << 10

// sniff refuses binary data of no known format by the start of the text.
func (l *lineReader) sniff() error {
	head, err := l.r.Peek(sniffed)
	if err != nil && err != io.EOF {
		return unreadable(l.name, err, textFile)
	}
	if at := bytes.IndexByte(head, 0); at >= 0 {
		return l.binary(1+bytes.Count(head[:at], []byte{'\n'}), l.offset+int64(at), "binary data (a NUL)")
	}
	controls, first := 0, 0
	for i, b := range head {
		if b < ' ' && (b < '\t' || b > '\r') && b != 0x1b || b == 0x7f {
			if controls == 0 {
				first = i
			}
			controls++
		}
	}
	if controls*10 > len(head) {
		return l.binary(1+bytes.Count(head[:first], []byte{'\n'}), l.offset+int64(first),
			fmt.Sprintf("binary data (%d control bytes among the first %d)", controls, len(head)))
	}
	return nil
}

func (l *lineReader) binary(line int, offset int64, found string) error {
	return &DataError{Path: l.name, Line: line, Offset: offset, Found: found, Expected: "UTF-8 text"}
}

// next returns the next line, trimmed of white space, or io.EOF with "" after
// the last.
func (l *lineReader) next() (string, error) {
	l.long = l.long[:0]
	line, err := l.r.ReadSlice('\n')
	for errors.Is(err, bufio.ErrBufferFull) {
		l.long = append(l.long, line...)
		line, err = l.r.ReadSlice('\n')
	}
	if len(l.long) > 0 {
		l.long = append(l.long, line...)
		line = l.long
	}
	if err != nil && err != io.EOF {
		return "", unreadable(l.name, err, textFile)
	}
	if len(line) == 0 {
		return "", io.EOF
	}
	l.number++
	if at := bytes.IndexByte(line, 0); at >= 0 {
		return "", l.binary(l.number, l.offset+int64(at), "binary data (a NUL)")
	}
	if !utf8.Valid(line) {
		at := 0
		for {
			r, size := utf8.DecodeRune(line[at:])
			if r == utf8.RuneError && size <= 1 {
				break
			}
			at += size
		}
		return "", l.binary(l.number, l.offset+int64(at), fmt.Sprintf("invalid UTF-8 (byte 0x%02x)", line[at]))
	}
	l.offset += int64(len(line))
	return string(bytes.TrimSpace(line)), nil
}
