package corpus

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"unicode/utf8"
)

// parquetReader reads the texts of a column, row group by row group and page by page.
type parquetReader struct {
	in     *input
	r      io.ReaderAt
	field  string
	column parquetColumn
	docs   *documentSplitter

	group  int
	row    int64 // rows read
	given  int64 // bytes of text handed on
	limit  int64 // of given
	body   []byte
	window []byte // for headers
}

// A few bytes of a file may stand for any amount of text, by a dictionary. More than
// maxExpansion times its size is refused, from expansionFloor bytes of text on. A page
// of more than expansionPage bytes may have mostPacked times its packed size: it is
// unpacked as a whole.
const (
	maxExpansion   = 1000
	expansionFloor = 1 << 30
	mostPacked     = 100
	expansionPage  = 128 << 20
)

// readParquet hands each value of a column to docs as a document. Null is none. The
// DataError of what is wrong names the row.
func readParquet(ctx context.Context, in *input, r io.ReaderAt, field string, docs *documentSplitter) error {
	p := &parquetReader{in: in, r: r, field: field, docs: docs, limit: max(expansionFloor, in.size*maxExpansion)}
	footer, err := readFooter(r, in.size)
	var nodes []schemaNode
	if err == nil {
		nodes, err = readSchema(footer)
	}
	if err != nil {
		return badDataBecause(in.path, "no whole Parquet file ("+err.Error()+")", "one", err)
	}
	if p.column, err = findColumn(nodes, field); err != nil {
		return badData(in.path, err.Error(), fmt.Sprintf("a column %q of text (--text-field)", field))
	}
	chunks, err := readChunks(footer, p.column.number)
	if err != nil {
		return p.corrupt(err)
	}
	for i := range chunks {
		p.group = i
		if err := p.chunk(ctx, &chunks[i]); err != nil {
			return err
		}
	}
	return nil
}

// corrupt is the DataError of what is wrong behind the rows read.
func (p *parquetReader) corrupt(err error) error {
	return &DataError{Path: p.in.path, Line: int(p.row) + 1, Offset: -1, Err: err,
		Found:    fmt.Sprintf("column %q, which cannot be read on in row group %d (%v)", p.field, p.group, err),
		Expected: "a whole Parquet file (the number behind the name is the row)"}
}

// chunk reads the column's part of a row group.
func (p *parquetReader) chunk(ctx context.Context, c *parquetChunk) error {
	at, end, err := c.region(p.in.size)
	if err == nil && (c.values < 0 || c.rows != c.values) {
		err = fmt.Errorf("%d values for %d rows", c.values, c.rows)
	}
	if err != nil {
		return p.corrupt(err)
	}
	u := &unpacker{codec: c.codec}
	defer u.close()
	var dictionary *textDictionary
	for seen := int64(0); seen < c.values; {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		h, length, err := p.header(at, end)
		if err == nil && h.packed > end-at-int64(length) {
			err = errShort
		}
		if err != nil {
			return p.corrupt(err)
		}
		at += int64(length)
		if h.kind == indexPage {
			at += h.packed
			continue
		}
		if int64(cap(p.body)) < h.packed {
			p.body = make([]byte, h.packed)
		}
		body := p.body[:h.packed]
		if _, err := p.r.ReadAt(body, at); err != nil && err != io.EOF {
			return unreadable(p.in.path, err, textFile)
		}
		at += h.packed
		p.in.done.Store(at)
		if err := h.check(body); err != nil {
			return p.corrupt(err)
		}
		switch h.kind {
		case dictionaryPage:
			if dictionary, err = readDictionary(u, &h, body); err != nil {
				return p.corrupt(err)
			}
			p.body, u.buf = nil, nil // one of them is the dictionary's now
		case dataPage, dataPage2:
			if seen += h.values; seen > c.values {
				return p.corrupt(fmt.Errorf("more than the %d values of the row group", c.values))
			}
			if err := p.page(u, &h, body, dictionary); err != nil {
				return err
			}
		default:
			return p.corrupt(fmt.Errorf("a page of the unknown kind %d", h.kind))
		}
	}
	return nil
}

// header reads a page's header at an offset.
func (p *parquetReader) header(at, end int64) (h pageHeader, length int, err error) {
	for size := int64(8 << 10); ; size *= 16 {
		n := min(size, end-at)
		if int64(cap(p.window)) < n {
			p.window = make([]byte, n)
		}
		window := p.window[:n]
		if _, err := p.r.ReadAt(window, at); err != nil && err != io.EOF {
			return h, 0, err
		}
		h, length, err = readHeader(window)
		if !errors.Is(err, errShort) || n < size || size >= maxHeader {
			return h, length, err
		}
	}
}

// readDictionary returns the texts of a dictionary page, which keep body or what the
// unpacker made of it.
func readDictionary(u *unpacker, h *pageHeader, body []byte) (*textDictionary, error) {
	if h.encoding != encodingPlain && h.encoding != encodingPlainDictionary {
		return nil, fmt.Errorf("a dictionary in encoding %d", h.encoding)
	}
	data, err := u.unpack(body, h.unpacked)
	if err != nil {
		return nil, err
	}
	return newTextDictionary(data, h.values)
}

// page hands on the texts of a data page.
func (p *parquetReader) page(u *unpacker, h *pageHeader, body []byte, dictionary *textDictionary) error {
	levels, data, err := p.split(u, h, body)
	if err != nil {
		return p.corrupt(err)
	}
	// Where a value is missing its row has no document.
	present := hybrid{data: levels, width: uint(bits.Len(uint(p.column.maxLevel)))}
	there := h.values
	if p.column.maxLevel > 0 {
		count := present
		there = 0
		for range h.values {
			level, err := count.next()
			if err != nil {
				return p.corrupt(err)
			}
			if int(level) == p.column.maxLevel {
				there++
			}
		}
	}
	var stop error // of handing on
	first := p.row
	yield := func(text []byte) error {
		for p.column.maxLevel > 0 {
			level, err := present.next()
			if err != nil {
				return err
			}
			if int(level) == p.column.maxLevel {
				break
			}
			p.row++
		}
		stop = p.text(text)
		p.row++
		return stop
	}
	switch {
	case there == 0: // whatever would be said of none
	case h.encoding == encodingPlain:
		err = plainTexts(data, there, yield)
	case h.encoding == encodingPlainDictionary, h.encoding == encodingDictionary:
		err = dictionaryTexts(data, dictionary, there, yield)
	case h.encoding == encodingDeltaLength:
		err = deltaLengthTexts(data, there, yield)
	case h.encoding == encodingDeltaText:
		err = deltaTexts(data, there, yield)
	default:
		err = fmt.Errorf("text in the unknown encoding %d", h.encoding)
	}
	switch {
	case stop != nil:
		return stop
	case err != nil:
		return p.corrupt(err)
	}
	p.row = first + h.values // with the missing ones at the end
	return nil
}

// split returns the definition levels of a page and its values, unpacked.
func (p *parquetReader) split(u *unpacker, h *pageHeader, body []byte) (levels, data []byte, err error) {
	if h.kind == dataPage2 {
		if h.repetition+h.presence > int64(len(body)) || h.repetition+h.presence > h.unpacked {
			return nil, nil, errShort
		}
		levels = body[h.repetition : h.repetition+h.presence]
		data = body[h.repetition+h.presence:]
		if h.packedValues {
			data, err = u.unpack(data, h.unpacked-h.repetition-h.presence)
		}
		return levels, data, err
	}
	if data, err = u.unpack(body, h.unpacked); err != nil || p.column.maxLevel == 0 {
		return nil, data, err
	}
	if h.levels != encodingRLE {
		return nil, nil, fmt.Errorf("levels in the old encoding %d", h.levels)
	}
	if len(data) < 4 || uint64(binary.LittleEndian.Uint32(data)) > uint64(len(data)-4) {
		return nil, nil, errShort
	}
	n := 4 + int(binary.LittleEndian.Uint32(data))
	return data[4:n], data[n:], nil
}

// text hands on one text.
func (p *parquetReader) text(text []byte) error {
	row := int(p.row) + 1
	fault := func(found, expected string) error {
		return &DataError{Path: p.in.path, Line: row, Offset: -1, Found: fmt.Sprintf("%s in column %q", found, p.field), Expected: expected}
	}
	if len(text) > maxDocument {
		return fault(fmt.Sprintf("a text of %d bytes", len(text)), fmt.Sprintf("at most %d", maxDocument))
	}
	if !utf8.Valid(text) {
		return fault("invalid UTF-8", "UTF-8 text (the number behind the name is the row)")
	}
	if p.given += int64(len(text)) + 1; p.given > p.limit {
		return fault(fmt.Sprintf("more than %d times as much text as the file has bytes", maxExpansion), "a file that is no bomb")
	}
	return p.docs.whole(row, string(text))
}
