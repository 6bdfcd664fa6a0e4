package corpus

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// pageHeader is what stands before a page.
type pageHeader struct {
	kind             int64 // 0 data, 2 dictionary, 3 data of the second form
	unpacked, packed int64 // bytes
	crc              int64
	hasCRC           bool

	values   int64
	encoding int64
	levels   int64 // encoding of the definition levels, of the first form

	nulls                int64
	repetition, presence int64 // bytes of the levels, of the second form
	packedValues         bool  // of the second form
}

// Kinds of pages.
const (
	dataPage       = 0
	indexPage      = 1
	dictionaryPage = 2
	dataPage2      = 3
)

// readHeader reads a page's header from the start of data and returns its length.
func readHeader(data []byte) (h pageHeader, length int, err error) {
	h.packedValues = true
	t := &thrift{data: data}
	t.structure(func(id int, kind byte) bool {
		switch id {
		case 1:
			h.kind = t.signed()
		case 2:
			h.unpacked = t.signed()
		case 3:
			h.packed = t.signed()
		case 4:
			h.crc, h.hasCRC = t.signed(), true
		case 5, 7, 8:
			if kind != thriftStruct {
				return false
			}
			t.structure(func(inner int, kind byte) bool { return h.field(t, id, inner, kind) })
		default:
			return false
		}
		return true
	})
	if t.err != nil {
		return h, 0, t.err
	}
	for _, n := range []int64{h.unpacked, h.packed, h.repetition, h.presence} {
		if n < 0 || n > maxPage {
			return h, 0, fmt.Errorf("a page whose header says %d bytes, expected 0 to %d", n, int64(maxPage))
		}
	}
	if h.values < 0 || h.values > maxValues {
		return h, 0, fmt.Errorf("a page whose header says %d values, expected 0 to %d", h.values, int64(maxValues))
	}
	if h.unpacked > expansionPage && h.unpacked/mostPacked > h.packed {
		return h, 0, fmt.Errorf("a page whose header says %d bytes of %d packed ones: it is a bomb", h.unpacked, h.packed)
	}
	return h, t.at, nil
}

// field reads a field of the header of a data page (5), a dictionary (7) or a data
// page of the second form (8).
func (h *pageHeader) field(t *thrift, of, id int, kind byte) bool {
	second := of == 8
	switch {
	case id == 1:
		h.values = t.signed()
	case id == 2 && !second, id == 4 && second:
		h.encoding = t.signed()
	case id == 2 && second:
		h.nulls = t.signed()
	case id == 3 && of == 5:
		h.levels = t.signed()
	case id == 5 && second:
		h.presence = t.signed()
	case id == 6 && second:
		h.repetition = t.signed()
	case id == 7 && second:
		h.packedValues = kind == thriftTrue
	default:
		return false
	}
	return true
}

// check compares the page's checksum, if it has one.
func (h *pageHeader) check(body []byte) error {
	if h.hasCRC && crc32.ChecksumIEEE(body) != uint32(h.crc) {
		return errors.New("a page that does not match its checksum")
	}
	return nil
}

// The codecs of Parquet that are read, and the names of the others.
const (
	codecNone   = 0
	codecSnappy = 1
	codecGzip   = 2
	codecZstd   = 6
	codecLZ4Raw = 7
)

var otherCodecs = map[int64]string{3: "LZO", 4: "Brotli", 5: "LZ4 of the old form"}

// unpacker unpacks pages.
type unpacker struct {
	codec int64
	zstd  *zstd.Decoder
	gzip  *gzip.Reader
	buf   []byte // reused
}

// unpack returns body unpacked, which must be size bytes; no more memory than that is
// filled, whatever body says. The result is valid until the next call, and may be body.
// Nothing may be packed as nothing: Spark writes so where a page has levels alone.
func (u *unpacker) unpack(body []byte, size int64) (out []byte, err error) {
	if size == 0 && len(body) == 0 {
		return body, nil
	}
	if u.codec == codecNone {
		if int64(len(body)) != size {
			return nil, fmt.Errorf("a page of %d bytes, whose header says %d", len(body), size)
		}
		return body, nil
	}
	if int64(cap(u.buf)) < size {
		u.buf = make([]byte, size)
	}
	buf := u.buf[:size]
	n := 0
	switch u.codec {
	case codecSnappy:
		if n, err = snappy.DecodedLen(body); err == nil && int64(n) == size {
			if out, err = snappy.Decode(buf, body); err == nil {
				return out, nil
			}
		}
	case codecGzip:
		n, err = u.gunzip(buf, body)
	case codecZstd:
		n, err = u.unzstd(buf, body)
	case codecLZ4Raw:
		n, err = lz4.UncompressBlock(body, buf)
	default:
		name := otherCodecs[u.codec]
		if name == "" {
			name = fmt.Sprintf("codec %d", u.codec)
		}
		return nil, fmt.Errorf("pages packed with %s, which is not read: write the file with Zstandard", name)
	}
	if err == nil && int64(n) != size {
		err = fmt.Errorf("%d bytes, whose header says %d", n, size)
	}
	if err != nil {
		return nil, fmt.Errorf("a page that does not unpack (%w)", err)
	}
	return buf, nil
}

func (u *unpacker) gunzip(buf, body []byte) (n int, err error) {
	if u.gzip == nil {
		u.gzip, err = gzip.NewReader(bytes.NewReader(body))
	} else {
		err = u.gzip.Reset(bytes.NewReader(body))
	}
	if err != nil {
		return 0, err
	}
	return readExactly(u.gzip, buf)
}

func (u *unpacker) unzstd(buf, body []byte) (n int, err error) {
	if u.zstd == nil {
		u.zstd, err = zstd.NewReader(bytes.NewReader(body), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
	} else {
		err = u.zstd.Reset(bytes.NewReader(body))
	}
	if err != nil {
		return 0, err
	}
	return readExactly(u.zstd, buf)
}

// readExactly fills buf from r, which must end with it.
func readExactly(r io.Reader, buf []byte) (int, error) {
	n, err := io.ReadFull(r, buf)
	if err != nil {
		return n, err
	}
	var more [1]byte
	if m, err := io.ReadFull(r, more[:]); m > 0 {
		return n, errors.New("more bytes than its header says")
	} else if err != io.EOF {
		return n, err
	}
	return n, nil
}

// close releases what the unpacker holds.
func (u *unpacker) close() {
	if u.zstd != nil {
		u.zstd.Close()
	}
}
