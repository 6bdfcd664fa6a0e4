package checkpoint

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/google/renameio/v2"
)

// metadataKey is the header key that names no tensor.
const metadataKey = "__metadata__"

// writeBuffer is large enough that a checkpoint is a few hundred system calls.
const writeBuffer = 1 << 20

// Write writes f to w in the safetensors format. Equal content gives equal
// bytes: the metadata keys are sorted, the tensors lie in order of falling
// element size and then of name (so that each is aligned to its element), and
// spaces pad the header to a multiple of 8.
//
// It fails before the first byte on a name that is empty, reserved, repeated
// or not UTF-8, and on Data of the wrong size; later, on a Stream that gives
// more or fewer bytes than its tensor has. An error of w is wrapped.
func Write(w io.Writer, f *File) error {
	tensors, sizes, err := layOut(f)
	if err != nil {
		return err
	}
	head, err := encodeHeader(f.Metadata, tensors, sizes)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(w, writeBuffer)
	if err := binary.Write(out, binary.LittleEndian, uint64(len(head))); err != nil {
		return fmt.Errorf("writing the header length: %w", err)
	}
	if _, err := out.Write(head); err != nil {
		return fmt.Errorf("writing the header: %w", err)
	}
	for i, t := range tensors {
		if err := writeData(out, t, sizes[i]); err != nil {
			return fmt.Errorf("%s: %w", inTensor(t.Name), err)
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("writing the data: %w", err)
	}
	return nil
}

// WriteFile writes f to path, whole or not at all: a temporary file beside it
// is synced and renamed over it.
func WriteFile(path string, f *File) error {
	pending, err := renameio.NewPendingFile(path, renameio.WithPermissions(0o666))
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	defer pending.Cleanup()
	if err := Write(pending, f); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := pending.CloseAtomicallyReplace(); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// layOut returns the tensors in file order with the size of each.
func layOut(f *File) ([]Tensor, []int64, error) {
	for key, value := range f.Metadata {
		if !utf8.ValidString(key) || !utf8.ValidString(value) {
			return nil, nil, fmt.Errorf("metadata %s: found bytes that are not UTF-8, expected text", quote(key))
		}
	}
	tensors := slices.Clone(f.Tensors)
	slices.SortFunc(tensors, func(a, b Tensor) int {
		return cmp.Or(cmp.Compare(b.DType.Size(), a.DType.Size()), cmp.Compare(a.Name, b.Name))
	})
	sizes := make([]int64, len(tensors))
	seen := make(map[string]bool, len(tensors))
	for i, t := range tensors {
		switch {
		case t.Name == "" || t.Name == metadataKey || !utf8.ValidString(t.Name):
			return nil, nil, fmt.Errorf("tensor %d: found name %s, expected UTF-8 text other than %s", i, quote(t.Name), metadataKey)
		case seen[t.Name]:
			return nil, nil, fmt.Errorf("%s: found two of that name, expected one", inTensor(t.Name))
		}
		seen[t.Name] = true
		size, err := t.Bytes()
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", inTensor(t.Name), err)
		}
		if t.Stream == nil && int64(len(t.Data)) != size {
			return nil, nil, fmt.Errorf("%s: found %d bytes of data, expected %d for shape %v of %s",
				inTensor(t.Name), len(t.Data), size, t.Shape, t.DType)
		}
		sizes[i] = size
	}
	return tensors, sizes, nil
}

func encodeHeader(metadata map[string]string, tensors []Tensor, sizes []int64) ([]byte, error) {
	var b bytes.Buffer
	text := func(s string) error {
		t, err := json.Marshal(s)
		b.Write(t)
		return err
	}
	b.WriteByte('{')
	if len(metadata) > 0 {
		fmt.Fprintf(&b, "%q:{", metadataKey)
		for i, key := range slices.Sorted(maps.Keys(metadata)) {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := text(key); err != nil {
				return nil, err
			}
			b.WriteByte(':')
			if err := text(metadata[key]); err != nil {
				return nil, err
			}
		}
		b.WriteByte('}')
	}
	var begin int64
	for i, t := range tensors {
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		if err := text(t.Name); err != nil {
			return nil, err
		}
		shape, err := json.Marshal(append([]int{}, t.Shape...))
		if err != nil {
			return nil, err
		}
		end := begin + sizes[i]
		if end < begin {
			return nil, fmt.Errorf("%s: found data that ends beyond 2^63 bytes", inTensor(t.Name))
		}
		fmt.Fprintf(&b, `:{"dtype":"%s","shape":%s,"data_offsets":[%d,%d]}`, t.DType, shape, begin, end)
		begin = end
	}
	b.WriteByte('}')
	for b.Len()%8 != 0 {
		b.WriteByte(' ')
	}
	return b.Bytes(), nil
}

func writeData(w io.Writer, t Tensor, size int64) error {
	if t.Stream == nil {
		_, err := w.Write(t.Data)
		return err
	}
	count := &countingWriter{w: w, left: size}
	if err := t.Stream(count); err != nil {
		return err
	}
	if count.left != 0 {
		return fmt.Errorf("found a stream of %d bytes, expected %d for shape %v of %s", size-count.left, size, t.Shape, t.DType)
	}
	return nil
}

// countingWriter lets exactly left bytes through.
type countingWriter struct {
	w    io.Writer
	left int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	if int64(len(p)) > c.left {
		return 0, fmt.Errorf("found a stream with %d bytes too many", int64(len(p))-c.left)
	}
	n, err := c.w.Write(p)
	c.left -= int64(n)
	return n, err
}
