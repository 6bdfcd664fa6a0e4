package corpus

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// thrift reads Thrift's compact protocol, in which Parquet has its footer and page
// headers. It allocates nothing by a size that the data states. The first error stays
// and makes every later call return zero.
type thrift struct {
	data  []byte
	at    int
	depth int
	err   error
}

// The types of the compact protocol that a reader must tell apart.
const (
	thriftTrue   = 1
	thriftFalse  = 2
	thriftByte   = 3
	thriftDouble = 7
	thriftBinary = 8
	thriftList   = 9
	thriftSet    = 10
	thriftMap    = 11
	thriftStruct = 12
	thriftUUID   = 13
)

// maxThriftDepth bounds structures within structures; Parquet's own go five deep.
const maxThriftDepth = 24

// errShort says that the data ends inside a value.
var errShort = errors.New("it ends too early")

func (t *thrift) fail(err error) {
	if t.err == nil {
		t.err = err
	}
}

// take returns the next n bytes.
func (t *thrift) take(n uint64) []byte {
	if t.err != nil {
		return nil
	}
	if n > uint64(len(t.data)-t.at) {
		t.fail(errShort)
		return nil
	}
	b := t.data[t.at : t.at+int(n)]
	t.at += int(n)
	return b
}

func (t *thrift) byte() byte {
	if b := t.take(1); len(b) == 1 {
		return b[0]
	}
	return 0
}

func (t *thrift) unsigned() uint64 {
	if t.err != nil {
		return 0
	}
	v, n := binary.Uvarint(t.data[t.at:])
	switch {
	case n == 0:
		t.fail(errShort)
	case n < 0:
		t.fail(errors.New("a number of more than 64 bits"))
	default:
		t.at += n
	}
	return v
}

func (t *thrift) signed() int64 {
	v := t.unsigned()
	return int64(v>>1) ^ -int64(v&1)
}

func (t *thrift) binary() []byte { return t.take(t.unsigned()) }

// list returns the number and the type of a list's elements, each of which takes a
// byte at least.
func (t *thrift) list() (n int, kind byte) {
	b := t.byte()
	size := uint64(b >> 4)
	if size == 15 {
		size = t.unsigned()
	}
	if size > uint64(len(t.data)-t.at) {
		t.fail(errShort)
	}
	if t.err != nil {
		return 0, 0
	}
	return int(size), b & 15
}

// structure reads a structure: field is called for each of its fields and reads it, or
// returns false to have it skipped.
func (t *thrift) structure(field func(id int, kind byte) bool) {
	if t.depth++; t.depth > maxThriftDepth {
		t.fail(fmt.Errorf("structures nested more than %d deep", maxThriftDepth))
	}
	defer func() { t.depth-- }()
	for id := 0; t.err == nil; {
		b := t.byte()
		if t.err != nil || b == 0 {
			return
		}
		if delta := int(b >> 4); delta > 0 {
			id += delta
		} else {
			id = int(t.signed())
		}
		if kind := b & 15; !field(id, kind) {
			t.skip(kind)
		}
	}
}

// list of structures: each reads one.
func (t *thrift) structures(most int, each func()) {
	n, kind := t.list()
	if n > most {
		t.fail(fmt.Errorf("a list of %d, more than %d", n, most))
	}
	for i := 0; i < n && t.err == nil; i++ {
		if kind != thriftStruct {
			t.skipElement(kind)
			continue
		}
		each()
	}
}

// skip passes over a field's value.
func (t *thrift) skip(kind byte) {
	if kind != thriftTrue && kind != thriftFalse { // whose type is the value
		t.skipElement(kind)
	}
}

// skipElement passes over an element of a list.
func (t *thrift) skipElement(kind byte) {
	switch kind {
	case thriftTrue, thriftFalse, thriftByte:
		t.take(1)
	case 4, 5, 6: // 16, 32 and 64 bits
		t.unsigned()
	case thriftDouble:
		t.take(8)
	case thriftBinary:
		t.binary()
	case thriftUUID:
		t.take(16)
	case thriftStruct:
		t.structure(func(int, byte) bool { return false })
	case thriftList, thriftSet, thriftMap:
		t.skipMany(kind)
	default:
		t.fail(fmt.Errorf("a value of the unknown type %d", kind))
	}
}

// skipMany passes over a list, a set or a map.
func (t *thrift) skipMany(kind byte) {
	if t.depth++; t.depth > maxThriftDepth {
		t.fail(fmt.Errorf("lists nested more than %d deep", maxThriftDepth))
	}
	defer func() { t.depth-- }()
	if kind != thriftMap {
		n, of := t.list()
		for i := 0; i < n && t.err == nil; i++ {
			t.skipElement(of)
		}
		return
	}
	n := t.unsigned()
	if n == 0 {
		return
	}
	of := t.byte()
	for i := uint64(0); i < n && t.err == nil; i++ {
		t.skipElement(of >> 4)
		t.skipElement(of & 15)
	}
}
