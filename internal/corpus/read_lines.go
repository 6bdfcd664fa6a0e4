package corpus

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// lineReader reads checked lines of text.
type lineReader struct {
	name   string
	r      *bufio.Reader
	number int   // of the line read last, from 1
	offset int64 // of the next line in the text
	long   []byte
}

// each calls take for every line with its number, from 1, and the line below it, ""
// below the last. Lines are trimmed of white space; one with nothing to see is "".
func (l *lineReader) each(ctx context.Context, take func(number int, line, below string) error) error {
	line, last := "", false
	for number := 0; !last; number++ {
		if number%1024 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		next, err := l.next()
		if last = err == io.EOF; err != nil && !last {
			return err
		}
		if number > 0 {
			if err := take(number, line, next); err != nil {
				return err
			}
		}
		line = next
	}
	return nil
}

// binarySample is how much of a text is looked at to tell it from binary data.
const binarySample = 8 << 10

// sniff returns the start of the text, at most sampled bytes, and refuses binary data
// of no known format.
func (l *lineReader) sniff() ([]byte, error) {
	sample, err := l.r.Peek(sampled)
	if err != nil && err != io.EOF {
		return nil, unreadable(l.name, err, textFile)
	}
	head := sample[:min(binarySample, len(sample))]
	if at := bytes.IndexByte(head, 0); at >= 0 {
		return nil, l.binary(1+bytes.Count(head[:at], []byte{'\n'}), l.offset+int64(at), "binary data (a NUL)")
	}
	// One line that ends of CR alone divide would be one document of one sentence.
	if at := bytes.IndexByte(sample, '\r'); at >= 0 && at < len(sample)-1 && bytes.IndexByte(sample, '\n') < 0 {
		return nil, &DataError{Path: l.name, Line: 1, Offset: l.offset + int64(at), Found: "line ends of CR alone", Expected: "LF or CRLF"}
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
		return nil, l.binary(1+bytes.Count(head[:first], []byte{'\n'}), l.offset+int64(first),
			fmt.Sprintf("binary data (%d control bytes among the first %d)", controls, len(head)))
	}
	return sample, nil
}

func (l *lineReader) binary(line int, offset int64, found string) error {
	return &DataError{Path: l.name, Line: line, Offset: offset, Found: found, Expected: "UTF-8 text"}
}

// next returns the next line, trimmed of white space, "" if there is nothing to see
// in it, or io.EOF with "" after the last.
func (l *lineReader) next() (string, error) {
	l.long = l.long[:0]
	line, err := l.r.ReadSlice('\n')
	for errors.Is(err, bufio.ErrBufferFull) {
		if l.long = append(l.long, line...); len(l.long) > maxDocument {
			return "", &DataError{Path: l.name, Line: l.number + 1, Offset: -1, Found: fmt.Sprintf("a line of more than %d MiB", maxDocument>>20),
				Expected: "text with line ends, and blank lines between documents"}
		}
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
	text := string(bytes.TrimSpace(line))
	if text != "" && (text[0] >= utf8.RuneSelf || text[0] < ' ' || text[0] == 0x7f) && isBlank(text) {
		return "", nil
	}
	return text, nil
}
