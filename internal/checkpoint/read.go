package checkpoint

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// Limits bounds what a file may ask of the reader. Zero fields mean the
// defaults.
type Limits struct {
	HeaderBytes int64 // default 100,000,000, the format's own limit
	FileBytes   int64 // default: none
}

const defaultHeaderBytes = 100_000_000

// Reader reads tensors one by one from a safetensors file.
type Reader struct {
	src     io.ReaderAt
	closer  io.Closer
	file    string
	base    int64 // file offset of the data section
	header  *header
	entryOf map[string]int
}

// Open opens a file and checks its header as [NewReader] does.
// The caller closes the Reader.
func Open(path string, limits Limits) (*Reader, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() { // to open a pipe would wait for a writer
		return nil, corrupt(path, "file", info.Mode().Type().String(), "a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening a tensor file: %w", err)
	}
	info, err = f.Stat()
	var r *Reader
	if err == nil {
		r, err = NewReader(f, info.Size(), path, limits)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	r.closer = f
	return r, nil
}

// NewReader checks the header of a file of size bytes; name stands in errors.
// It wraps [ErrCorrupt] when
//   - the file is shorter than its header says, or above a limit;
//   - the header is not UTF-8, not one JSON object, or repeats a key;
//   - a tensor lacks a field, has one too many, or has an unknown dtype;
//   - a shape is negative, fractional or overflows;
//   - shape times element size is not the length of the data;
//   - the data ranges overlap, leave a gap, or do not end with the file.
//
// Memory taken is bounded by the header's true size, never by what it claims.
func NewReader(src io.ReaderAt, size int64, name string, limits Limits) (*Reader, error) {
	if limits.HeaderBytes == 0 {
		limits.HeaderBytes = defaultHeaderBytes
	}
	if limits.FileBytes > 0 && size > limits.FileBytes {
		return nil, corrupt(name, "file", fmt.Sprintf("%d bytes", size), fmt.Sprintf("at most %d", limits.FileBytes))
	}
	if size < 8 {
		return nil, corrupt(name, "header length", fmt.Sprintf("a file of %d bytes", size), "at least 8")
	}
	var prefix [8]byte
	if err := readFullAt(src, prefix[:], 0); err != nil {
		return nil, readError(name, "header length", err)
	}
	length := binary.LittleEndian.Uint64(prefix[:])
	if most := min(uint64(limits.HeaderBytes), uint64(size-8)); length > most {
		return nil, corrupt(name, "header length", fmt.Sprint(length), fmt.Sprintf("at most %d", most))
	}
	text := make([]byte, length)
	if err := readFullAt(src, text, 8); err != nil {
		return nil, readError(name, "header", err)
	}
	base := 8 + int64(length)
	h, err := parseHeader(name, text, size-base)
	if err != nil {
		return nil, err
	}
	r := &Reader{src: src, file: name, base: base, header: h, entryOf: make(map[string]int, len(h.entries))}
	for i, e := range h.entries {
		r.entryOf[e.Name] = i
	}
	return r, nil
}

// Close closes the file that [Open] opened.
func (r *Reader) Close() error {
	if r.closer == nil {
		return nil
	}
	return r.closer.Close()
}

// Path returns the name of the file, as given to [Open] or [NewReader].
func (r *Reader) Path() string { return r.file }

// Metadata returns the file's free text fields; nil if it has none.
func (r *Reader) Metadata() map[string]string { return r.header.metadata }

// Tensors lists the tensors in the order of their data.
func (r *Reader) Tensors() []Info {
	list := make([]Info, len(r.header.entries))
	for i, e := range r.header.entries {
		list[i] = e.Info
	}
	return list
}

// Require checks that the file has exactly the tensors of want: the same names,
// element types and shapes. It wraps [ErrCorrupt] and names the first tensor
// that is missing, unexpected or different.
func (r *Reader) Require(want []Info) error {
	expected := make(map[string]bool, len(want))
	for _, w := range want {
		expected[w.Name] = true
		i, ok := r.entryOf[w.Name]
		if !ok {
			return corrupt(r.file, inTensor(w.Name), "no such tensor", fmt.Sprintf("shape %v of %s", w.Shape, w.DType))
		}
		got := r.header.entries[i]
		if got.DType != w.DType || !slices.Equal(got.Shape, w.Shape) {
			return corrupt(r.file, inTensor(w.Name), fmt.Sprintf("shape %v of %s", got.Shape, got.DType), fmt.Sprintf("shape %v of %s", w.Shape, w.DType))
		}
	}
	for _, e := range r.header.entries {
		if !expected[e.Name] {
			return corrupt(r.file, inTensor(e.Name), "an unexpected tensor", fmt.Sprintf("the %d tensors of this model only", len(want)))
		}
	}
	return nil
}

func (r *Reader) entry(name string) (entry, error) {
	i, ok := r.entryOf[name]
	if !ok {
		return entry{}, corrupt(r.file, inTensor(name), "no such tensor", "one of that name")
	}
	return r.header.entries[i], nil
}

// Read returns one tensor with its Data.
func (r *Reader) Read(name string) (Tensor, error) {
	e, err := r.entry(name)
	if err != nil {
		return Tensor{}, err
	}
	data := make([]byte, e.end-e.begin)
	if err := readFullAt(r.src, data, r.base+e.begin); err != nil {
		return Tensor{}, readError(r.file, inTensor(name), err)
	}
	return Tensor{Info: e.Info, Data: data}, nil
}

// ReadInto fills dst with a tensor's values, without a second copy of them in
// memory. The tensor must have the element type of dst and len(dst) elements.
func ReadInto[E Element](r *Reader, name string, dst []E) error {
	e, err := r.entry(name)
	if err != nil {
		return err
	}
	if want := dtypeOf[E](); e.DType != want {
		return corrupt(r.file, inTensor(name), "element type "+string(e.DType), string(want))
	}
	size := e.DType.Size()
	if (e.end-e.begin)/int64(size) != int64(len(dst)) {
		return corrupt(r.file, inTensor(name), fmt.Sprintf("shape %v", e.Shape), fmt.Sprintf("%d elements", len(dst)))
	}
	buf := make([]byte, size*min(len(dst), chunkElements))
	at := r.base + e.begin
	for chunk := range slices.Chunk(dst, chunkElements) {
		part := buf[:size*len(chunk)]
		if err := readFullAt(r.src, part, at); err != nil {
			return readError(r.file, inTensor(name), err)
		}
		if _, err := binary.Decode(part, binary.LittleEndian, chunk); err != nil {
			return fmt.Errorf("%s: %s: %w", r.file, inTensor(name), err)
		}
		at += int64(len(part))
	}
	return nil
}

// readFullAt fills p from offset at; a short source is io.ErrUnexpectedEOF.
func readFullAt(src io.ReaderAt, p []byte, at int64) error {
	n, err := src.ReadAt(p, at)
	if n == len(p) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// readError tells a file that became shorter from one that cannot be read.
func readError(file, where string, err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return corrupt(file, where, "the end of the file", "more bytes")
	}
	return fmt.Errorf("%s: reading %s: %w", file, where, err)
}
