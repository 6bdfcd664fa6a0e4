package corpus

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The encodings of text in Parquet.
const (
	encodingPlain           = 0
	encodingPlainDictionary = 2
	encodingRLE             = 3
	encodingDeltaLength     = 6
	encodingDeltaText       = 7
	encodingDictionary      = 8
)

// hybrid reads small numbers in Parquet's mixture of runs and bit-packed groups of
// eight, one at a time.
type hybrid struct {
	data  []byte
	width uint // bits of a number, at most 32
	left  uint64
	run   bool
	value uint32 // of a run
	bits  uint64 // read ahead of a group, from the lowest bit on
	have  uint
}

func (h *hybrid) next() (uint32, error) {
	for h.left == 0 {
		head, n := binary.Uvarint(h.data)
		if n <= 0 {
			return 0, errShort
		}
		h.data = h.data[n:]
		h.run, h.left = head&1 == 0, head>>1
		if !h.run {
			h.left *= 8
			h.bits, h.have = 0, 0
			continue
		}
		bytes := int(h.width+7) / 8
		if len(h.data) < bytes {
			return 0, errShort
		}
		h.value = 0
		for i, b := range h.data[:bytes] {
			h.value |= uint32(b) << (8 * i)
		}
		h.data = h.data[bytes:]
	}
	h.left--
	if h.run {
		return h.value, nil
	}
	for h.have < h.width {
		if len(h.data) == 0 {
			return 0, errShort
		}
		h.bits |= uint64(h.data[0]) << h.have
		h.data, h.have = h.data[1:], h.have+8
	}
	v := uint32(h.bits & (1<<h.width - 1))
	h.bits >>= h.width
	h.have -= h.width
	return v, nil
}

// plainTexts calls yield for n texts, each behind its length.
func plainTexts(data []byte, n int64, yield func([]byte) error) error {
	for range n {
		if len(data) < 4 {
			return errShort
		}
		size := uint64(binary.LittleEndian.Uint32(data))
		if size > uint64(len(data)-4) {
			return errShort
		}
		if err := yield(data[4 : 4+size]); err != nil {
			return err
		}
		data = data[4+size:]
	}
	return nil
}

// textDictionary are texts, each behind its length, and where they start.
type textDictionary struct {
	data   []byte
	starts []uint32
}

// newTextDictionary reads n texts of data, which it keeps.
func newTextDictionary(data []byte, n int64) (*textDictionary, error) {
	if n > int64(len(data)/4) {
		return nil, errShort
	}
	d := &textDictionary{data, make([]uint32, 0, n)}
	at := uint32(0) // a page has no more bytes
	return d, plainTexts(data, n, func(text []byte) error {
		d.starts = append(d.starts, at)
		at += 4 + uint32(len(text))
		return nil
	})
}

func (d *textDictionary) text(i uint32) []byte {
	at := d.starts[i]
	return d.data[at+4 : at+4+binary.LittleEndian.Uint32(d.data[at:])]
}

// dictionaryTexts calls yield for n texts of a dictionary, by their numbers in data.
func dictionaryTexts(data []byte, dictionary *textDictionary, n int64, yield func([]byte) error) error {
	if n == 0 {
		return nil
	}
	if dictionary == nil {
		return errors.New("a page without its dictionary")
	}
	if len(data) == 0 || data[0] > 32 {
		return errShort
	}
	numbers := hybrid{data: data[1:], width: uint(data[0])}
	for range n {
		i, err := numbers.next()
		if err != nil {
			return err
		}
		if int64(i) >= int64(len(dictionary.starts)) {
			return fmt.Errorf("text %d of a dictionary of %d", i, len(dictionary.starts))
		}
		if err := yield(dictionary.text(i)); err != nil {
			return err
		}
	}
	return nil
}

// maxPacked is the most numbers of a packed list: 128 MiB of memory.
const maxPacked = 1 << 24

// deltas reads DELTA_BINARY_PACKED numbers: blocks of differences, packed in parts
// with as many bits as each needs. It returns at most n of them and what follows. A few
// bytes may stand for any number, so that of a page has a bound of its own.
func deltas(data []byte, n int64) (out []int64, rest []byte, err error) {
	t := &thrift{data: data} // its variable-length numbers are the same
	block, parts, count, value := t.unsigned(), t.unsigned(), t.unsigned(), t.signed()
	if t.err != nil {
		return nil, nil, t.err
	}
	if block == 0 || block > 1<<20 || parts == 0 || parts > block || block%parts != 0 || block/parts%8 != 0 || count > uint64(n) {
		return nil, nil, errors.New("a packed list with an impossible head")
	}
	if count > maxPacked {
		return nil, nil, fmt.Errorf("a packed list of %d, more than %d", count, maxPacked)
	}
	per := block / parts
	for uint64(len(out)) < count {
		if len(out) == 0 {
			if out = append(out, value); count == 1 {
				break
			}
		}
		least := t.signed()
		widths := t.take(parts)
		for p := uint64(0); p < parts && uint64(len(out)) < count && t.err == nil; p++ {
			width := uint(widths[p])
			if width > 64 {
				return nil, nil, errors.New("a packed list of more than 64 bits")
			}
			packed := t.take(per * uint64(width) / 8)
			for i := uint64(0); i < per && uint64(len(out)) < count && t.err == nil; i++ {
				value += least + int64(bitsAt(packed, i*uint64(width), width))
				out = append(out, value)
			}
		}
		if t.err != nil {
			return nil, nil, t.err
		}
	}
	return out, data[t.at:], nil
}

// bitsAt returns width bits of data from a bit on.
func bitsAt(data []byte, at uint64, width uint) (v uint64) {
	for i := uint(0); i < width; {
		from := uint((at + uint64(i)) % 8)
		n := min(8-from, width-i)
		part := uint64(data[(at+uint64(i))/8]>>from) & (1<<n - 1)
		v |= part << i
		i += n
	}
	return v
}

// lengths reads n packed lengths.
func lengths(data []byte, n int64) (out []int64, rest []byte, err error) {
	if out, rest, err = deltas(data, n); err == nil && int64(len(out)) != n {
		err = fmt.Errorf("%d lengths for %d texts", len(out), n)
	}
	return out, rest, err
}

// deltaLengthTexts calls yield for n texts, whose lengths come first.
func deltaLengthTexts(data []byte, n int64, yield func([]byte) error) error {
	sizes, data, err := lengths(data, n)
	if err != nil {
		return err
	}
	for _, size := range sizes {
		if size < 0 || size > int64(len(data)) {
			return errShort
		}
		if err := yield(data[:size]); err != nil {
			return err
		}
		data = data[size:]
	}
	return nil
}

// deltaTexts calls yield for n texts, each of which begins like the one before it.
func deltaTexts(data []byte, n int64, yield func([]byte) error) error {
	shared, data, err := lengths(data, n)
	if err != nil {
		return err
	}
	var text []byte
	i := 0
	return deltaLengthTexts(data, n, func(suffix []byte) error {
		keep := shared[i]
		i++
		if keep < 0 || keep > int64(len(text)) || keep+int64(len(suffix)) > maxDocument {
			return errShort
		}
		text = append(text[:keep], suffix...)
		return yield(text)
	})
}
