package corpus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Parquet is read by hand, as far as a column of text needs it: the library of the
// field allocates whatever sizes a file states. The format is that of
// https://parquet.apache.org/docs/file-format/.

// Bounds of a Parquet file. Files of those who write no bombs are far below them.
const (
	maxFooter    = 64 << 20  // bytes
	maxPage      = 1 << 30   // bytes, packed or not: writers may put a thousand books into one
	maxValues    = 1 << 27   // in a page
	maxWindow    = 128 << 20 // bytes, of Zstandard
	maxHeader    = 16 << 20  // bytes, of a page's header, which may repeat a text for its statistics
	maxColumns   = 100_000
	maxRowGroups = 1 << 20
	maxNesting   = 64
)

// What Parquet's numbers mean.
const (
	parquetByteArray = 6 // a type
	parquetRepeated  = 2 // a repetition; 1 is optional
	parquetOptional  = 1
)

// parquetColumn is the column that is read.
type parquetColumn struct {
	number   int // among the leaves
	maxLevel int // definition level of a value that is there
}

// parquetChunk is the column's part of a row group.
type parquetChunk struct {
	codec              int64
	values, rows       int64
	data, dict, packed int64 // offsets of the first data page and of the dictionary, bytes
}

// schemaNode is an element of the schema; a leaf has no children.
type schemaNode struct {
	name       string
	kind       int64
	repetition int64
	children   int
}

// readFooter returns the bytes of a file's footer.
func readFooter(r io.ReaderAt, size int64) ([]byte, error) {
	const tail = 8
	if size < 4+tail {
		return nil, errShort
	}
	var end [tail]byte
	if _, err := r.ReadAt(end[:], size-tail); err != nil && err != io.EOF {
		return nil, err
	}
	switch string(end[4:]) {
	case "PAR1":
	case "PARE":
		return nil, errors.New("it is encrypted")
	default:
		return nil, errors.New("it is truncated: there is no footer at its end")
	}
	n := int64(binary.LittleEndian.Uint32(end[:]))
	switch {
	case n > maxFooter:
		return nil, fmt.Errorf("its footer has %d bytes, more than %d", n, maxFooter)
	case n > size-4-tail:
		return nil, fmt.Errorf("its footer has %d bytes, more than the file", n)
	}
	footer := make([]byte, n)
	if _, err := r.ReadAt(footer, size-tail-n); err != nil {
		return nil, err
	}
	return footer, nil
}

// readSchema returns the schema in a footer, in the order of the tree.
func readSchema(footer []byte) ([]schemaNode, error) {
	var nodes []schemaNode
	t := &thrift{data: footer}
	t.structure(func(id int, kind byte) bool {
		if id != 2 || kind != thriftList {
			return false
		}
		t.structures(maxColumns, func() {
			n := schemaNode{kind: -1}
			t.structure(func(id int, _ byte) bool {
				switch id {
				case 1:
					n.kind = t.signed()
				case 3:
					n.repetition = t.signed()
				case 4:
					n.name = string(t.binary())
				case 5:
					n.children = int(min(max(0, t.signed()), maxColumns))
				default:
					return false
				}
				return true
			})
			nodes = append(nodes, n)
		})
		return true
	})
	return nodes, t.err
}

// findColumn returns the column of a name: one of text, not in a list. A dot leads
// into a structure. The error says what is there instead.
func findColumn(nodes []schemaNode, name string) (parquetColumn, error) {
	w := schemaWalk{nodes: nodes, want: name}
	if len(nodes) == 0 {
		return w.found, errors.New("a footer without a schema")
	}
	w.at = 1
	for range nodes[0].children {
		if err := w.walk(nil, 0, false); err != nil {
			return w.found, err
		}
	}
	switch {
	case w.wrong != "":
		return w.found, fmt.Errorf("%s in column %q", w.wrong, name)
	case !w.hit && len(w.texts) == 0:
		return w.found, errors.New("a table without a column of text")
	case !w.hit:
		more := ""
		if w.more > 0 {
			more = fmt.Sprintf(", %d more", w.more)
		}
		return w.found, fmt.Errorf("no column %q but, of text, %s%s", name, listed(w.texts), more)
	}
	return w.found, nil
}

// schemaWalk goes over a schema's tree. What it keeps is small, whatever the tree: a name
// may be long, and stand above any number of others.
type schemaWalk struct {
	nodes []schemaNode
	want  string
	at    int // the next node
	leafs int
	hit   bool
	found parquetColumn
	wrong string   // what else the wanted column has
	texts []string // the first columns that could be read
	more  int      // those behind them
}

func (w *schemaWalk) walk(above []string, level int, repeated bool) error {
	if w.at >= len(w.nodes) {
		return errors.New("a schema that ends too early")
	}
	if len(above) >= maxNesting {
		return fmt.Errorf("a schema nested more than %d deep", maxNesting)
	}
	n := w.nodes[w.at]
	w.at++
	path := append(above[:len(above):len(above)], n.name)
	wanted := isPath(path, w.want)
	if n.repetition == parquetOptional {
		level++
	}
	repeated = repeated || n.repetition == parquetRepeated
	if n.children > 0 {
		if wanted {
			w.wrong = "lists or structures"
		}
		for range n.children {
			if err := w.walk(path, level, repeated); err != nil {
				return err
			}
		}
		return nil
	}
	fits := n.kind == parquetByteArray && !repeated
	switch {
	case fits && len(w.texts) < mostListed:
		w.texts = append(w.texts, shortPath(path))
	case fits:
		w.more++
	}
	if wanted {
		w.hit, w.found = fits, parquetColumn{number: w.leafs, maxLevel: level}
		if !fits {
			w.wrong = "no text"
		}
	}
	w.leafs++
	return nil
}

// isPath reports whether name is a path's parts with dots between them.
func isPath(path []string, name string) bool {
	for i, part := range path {
		if i > 0 {
			if name == "" || name[0] != '.' {
				return false
			}
			name = name[1:]
		}
		rest, ok := strings.CutPrefix(name, part)
		if !ok {
			return false
		}
		name = rest
	}
	return name == ""
}

// shortPath returns a path's parts with dots between them, or as much as is shown.
func shortPath(path []string) string {
	name := ""
	for i, part := range path {
		if i > 0 {
			name += "."
		}
		if name += part[:min(len(part), mostShown)]; len(name) > mostShown {
			break
		}
	}
	return name
}

// readChunks returns the parts of a column in all row groups.
func readChunks(footer []byte, column int) ([]parquetChunk, error) {
	var chunks []parquetChunk
	t := &thrift{data: footer}
	t.structure(func(id int, kind byte) bool {
		if id != 4 || kind != thriftList {
			return false
		}
		t.structures(maxRowGroups, func() {
			c := parquetChunk{rows: -1}
			found := false
			t.structure(func(id int, kind byte) bool {
				switch {
				case id == 1 && kind == thriftList:
					number := 0
					t.structures(maxColumns, func() {
						if number == column {
							found = true
							c.read(t)
						} else {
							t.structure(func(int, byte) bool { return false })
						}
						number++
					})
				case id == 3:
					c.rows = t.signed()
				default:
					return false
				}
				return true
			})
			if !found {
				t.fail(fmt.Errorf("row group %d has no column %d", len(chunks), column))
			}
			chunks = append(chunks, c)
		})
		return true
	})
	return chunks, t.err
}

// read reads a column chunk's entry in the footer.
func (c *parquetChunk) read(t *thrift) {
	known := false
	t.structure(func(id int, kind byte) bool {
		switch {
		case id == 1 && len(t.binary()) > 0:
			t.fail(errors.New("its columns are in another file"))
		case id == 1:
		case id == 3 && kind == thriftStruct:
			known = true
			t.structure(func(id int, _ byte) bool {
				switch id {
				case 4:
					c.codec = t.signed()
				case 5:
					c.values = t.signed()
				case 7:
					c.packed = t.signed()
				case 9:
					c.data = t.signed()
				case 11:
					c.dict = t.signed()
				default:
					return false
				}
				return true
			})
		default:
			return false
		}
		return true
	})
	if !known && t.err == nil {
		t.fail(errors.New("the column is encrypted"))
	}
}

// region returns where the chunk's pages lie in a file of the given size.
func (c *parquetChunk) region(size int64) (start, end int64, err error) {
	start = c.data
	if c.dict > 0 && c.dict < c.data {
		start = c.dict
	}
	if start < 4 || c.packed < 0 || start > size || c.packed > size-start {
		return 0, 0, fmt.Errorf("pages of %d bytes at %d, outside of the file", c.packed, start)
	}
	return start, start + c.packed, nil
}
