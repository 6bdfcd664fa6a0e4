package gpu

import (
	"slices"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

// The constants of kernels/include/packing.cuh.
const (
	packThreads  = 256
	packElements = 16 * packThreads
)

// What kernel pack_parts does.
const (
	wayPack = int32(iota)
	wayAdd
	wayUnpack
)

// packChunk is struct PackChunk of kernels/include/packing.cuh.
type packChunk struct {
	x  ptrF32
	at int64
	n  int32
	_  int32
}

// packing are the tables of a backend.Packer, which stay.
type packing struct {
	parts []*partList
	spans []*spanList
	marks []Stream // each waits for what came before its mark, and for nothing else
}

// partList is a list of parts in device memory, cut into chunks.
type partList struct {
	parts  []backend.Part
	chunks ptrPackChunk
	n      int
}

// spanList is a list of spans in device memory, with room for the sums.
type spanList struct {
	spans [][2]int
	table ptrI64
	sums  ptrF64
}

// partList returns the table of parts, made at the first call with them; nil after an error.
func (c operation) partList(parts []backend.Part) *partList {
	lists := &c.b.packing.parts
	if i := slices.IndexFunc(*lists, func(l *partList) bool { return slices.Equal(l.parts, parts) }); i >= 0 {
		return (*lists)[i]
	}
	var chunks []packChunk
	for _, p := range parts {
		for first := 0; first < p.N; first += packElements {
			chunks = append(chunks, packChunk{
				x: ptrF32(own(p.X).at(p.From + first)), at: int64(p.At + first), n: int32(min(packElements, p.N-first)),
			})
		}
	}
	l := &partList{parts: slices.Clone(parts), n: len(chunks)}
	c.limit("chunks", l.n)
	l.chunks = ptrPackChunk(c.table(bytesOf(chunks)))
	if !c.ok() {
		return nil
	}
	*lists = append(*lists, l)
	return l
}

// spanList is partList for spans.
func (c operation) spanList(spans [][2]int) *spanList {
	lists := &c.b.packing.spans
	if i := slices.IndexFunc(*lists, func(l *spanList) bool { return slices.Equal(l.spans, spans) }); i >= 0 {
		return (*lists)[i]
	}
	l := &spanList{spans: slices.Clone(spans)}
	table := make([][2]int64, len(spans))
	for i, s := range spans {
		table[i] = [2]int64{int64(s[0]), int64(s[1])}
	}
	l.table = ptrI64(c.table(bytesOf(table)))
	l.sums = ptrF64(c.b.take(c.op, "sums of squares", 8*int64(len(spans))))
	if !c.ok() {
		return nil
	}
	*lists = append(*lists, l)
	return l
}

// move queues one launch for all parts.
func (c operation) move(v backend.Buffer, parts []backend.Part, way int32) {
	if !c.b.outside(c.op) {
		return
	}
	if l := c.partList(parts); l != nil && l.n > 0 {
		c.b.k.packParts(config{grid: Dim3{X: l.n}, block: Dim3{X: packThreads}}, packPartsArgs{v: ptrF32(address(v)), chunks: l.chunks, way: way})
	}
}

// Pack implements backend.Packer.
func (b *device) Pack(v backend.Buffer, parts []backend.Part, add bool) {
	way := wayPack
	if add {
		way = wayAdd
	}
	b.begin("Pack").move(v, parts, way)
}

// Unpack implements backend.Packer.
func (b *device) Unpack(v backend.Buffer, parts []backend.Part) {
	b.begin("Unpack").move(v, parts, wayUnpack)
}

// AddVector implements backend.Packer.
func (b *device) AddVector(dst backend.Buffer, to int, src backend.Buffer, from, n int) {
	if b.outside("AddVector") && n > 0 {
		b.k.addVector(b.elements(n), addVectorArgs{dst: ptrF32(own(dst).at(to)), src: ptrF32(own(src).at(from)), n: int64(n)})
	}
}

// SumSquares implements backend.Packer.
func (b *device) SumSquares(sums []float64, v backend.Buffer, spans [][2]int) error {
	c := b.begin("SumSquares")
	if !b.outside(c.op) || len(sums) == 0 {
		return b.Err()
	}
	if l := c.spanList(spans); l != nil {
		b.k.chunkSquares(config{grid: Dim3{X: len(sums)}, block: Dim3{X: packThreads}}, chunkSquaresArgs{sums: l.sums, v: ptrF32(address(v)), spans: l.table})
		if b.ok() {
			b.keep(c.op, b.drv.CopyOut(0, bytesOf(sums), Ptr(l.sums)))
		}
	}
	return b.Err()
}

// UUID implements backend.Packer.
func (b *device) UUID() [16]byte {
	if s, ok := b.drv.(interface{ UUID() [16]byte }); ok { // a Shared, or the plan of one
		return s.UUID()
	}
	return [16]byte{}
}

// Address implements backend.Packer.
func (b *device) Address(v backend.Buffer, i int) uint64 { return uint64(own(v).at(i)) }

// Mark implements backend.Packer. A mark is the stream that waits for it.
func (b *device) Mark(k int) uint64 {
	const op = "Mark"
	for b.outside(op) && len(b.packing.marks) <= k {
		s, err := b.drv.NewStream()
		b.keep(op, err)
		b.packing.marks = append(b.packing.marks, s)
	}
	if !b.ok() {
		return 0
	}
	b.keep(op, b.drv.Follow(b.packing.marks[k], 0))
	return uint64(b.packing.marks[k])
}
