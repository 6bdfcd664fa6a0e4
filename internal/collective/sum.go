package collective

import (
	"fmt"
	"math/bits"
	"unsafe"
)

// A run has R replicas, a power of two. Their values are added in a fixed binary tree:
//
//	level 0: v[0]+v[1], v[2]+v[3], ...; level 1: the sums of these in pairs; and so on
//
// Rank i of W, a power of two that divides R, holds the replicas i R/W to (i+1) R/W - 1:
// a whole subtree. It adds them up itself; then [Summer.Sum] goes on with the sums of
// the ranks. So the result has the same bits for every W.

// Tree sets v[0] to the sum of all v in the binary tree; the others are scratch. All are
// as long, and there is a power of two of them.
func Tree(v [][]float32) {
	for step := 1; step < len(v); step *= 2 {
		for i := 0; i+step < len(v); i += 2 * step {
			Add(v[i], v[i+step])
		}
	}
}

// Add is dst += src, element by element.
func Add(dst, src []float32) {
	src = src[:len(dst)]
	for i := range dst {
		dst[i] += src[i]
	}
}

// Bounds divides n elements into w slices, whose lengths differ by one at most: slice i is
// [bounds[i], bounds[i+1]).
func Bounds(n, w int) []int {
	out := make([]int, w+1)
	for i := range out {
		out[i] = n * i / w
	}
	return out
}

// Summer adds float32 vectors over the ranks of a group. It keeps scratch of the length
// of the longest vector. It is used from one goroutine at a time.
type Summer struct {
	c       Communicator
	scratch []float32
}

// NewSummer returns a Summer over c, whose size must be a power of two.
func NewSummer(c Communicator) (*Summer, error) {
	if bits.OnesCount(uint(c.Size())) != 1 {
		return nil, fmt.Errorf("found %d processes, expected a power of two", c.Size())
	}
	return &Summer{c: c}, nil
}

// ReduceScatter adds v of all ranks in the binary tree and leaves slice i of the sum, by
// bounds, in v of rank i. The rest of v keeps what this rank had. Each rank sends
// 4 (n - its own slice) bytes, with n the length of v.
func (s *Summer) ReduceScatter(v []float32, bounds []int) error {
	w, rank := s.c.Size(), s.c.Rank()
	if w == 1 {
		return nil
	}
	own := v[bounds[rank]:bounds[rank+1]]
	if need := w * len(own); len(s.scratch) < need {
		s.scratch = make([]float32, need)
	}
	parts := make([][]float32, w)
	send, recv := make([][]byte, w), make([][]byte, w)
	for i := range w {
		parts[i] = s.scratch[i*len(own) : (i+1)*len(own)]
		send[i], recv[i] = Bytes(v[bounds[i]:bounds[i+1]]), Bytes(parts[i])
	}
	if err := s.c.AllToAll(send, recv); err != nil {
		return err
	}
	Tree(parts)
	copy(own, parts[0])
	return nil
}

// Gather fills v of all ranks from slice i, by bounds, of v of rank i. Each rank sends
// its own slice to W - 1 others.
func (s *Summer) Gather(v []float32, bounds []int) error {
	return Gather(s.c, v, bounds)
}

// Sum adds v of all ranks in the binary tree, in place: a ReduceScatter and a Gather,
// together the 8 n (W-1)/W bytes of a ring.
func (s *Summer) Sum(v []float32) error {
	bounds := Bounds(len(v), s.c.Size())
	if err := s.ReduceScatter(v, bounds); err != nil {
		return err
	}
	return s.Gather(v, bounds)
}

// Gather fills v of all ranks from slice i, by bounds, of v of rank i.
func Gather[T Number](c Communicator, v []T, bounds []int) error {
	if c.Size() == 1 {
		return nil
	}
	recv := make([][]byte, c.Size())
	for i := range recv {
		recv[i] = Bytes(v[bounds[i]:bounds[i+1]])
	}
	return c.AllGather(recv[c.Rank()], recv)
}

// Number is what is sent as it lies in memory. All ranks have the same byte order.
type Number interface {
	~float32 | ~float64 | ~int64 | ~uint64
}

// SumFew adds v of all ranks in the binary tree, in place, by handing all of it to all:
// for a few numbers.
func SumFew[T Number](c Communicator, v []T) error {
	all, err := GatherFew(c, v)
	if err != nil {
		return err
	}
	for step := 1; step < len(all); step *= 2 {
		for i := 0; i+step < len(all); i += 2 * step {
			for k := range v {
				all[i][k] += all[i+step][k]
			}
		}
	}
	copy(v, all[0])
	return nil
}

// GatherFew returns v of every rank, by rank: copies, as long as v.
func GatherFew[T Number](c Communicator, v []T) ([][]T, error) {
	all := make([][]T, c.Size())
	recv := make([][]byte, c.Size())
	for i := range all {
		all[i] = make([]T, len(v))
		recv[i] = Bytes(all[i])
	}
	copy(all[c.Rank()], v)
	if c.Size() == 1 {
		return all, nil
	}
	return all, c.AllGather(recv[c.Rank()], recv)
}

// Bytes is the memory of v.
func Bytes[T Number](v []T) []byte {
	if len(v) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&v[0])), len(v)*int(unsafe.Sizeof(v[0])))
}
