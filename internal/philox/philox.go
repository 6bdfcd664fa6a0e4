// Package philox is the counter-based random generator that the CPU and the
// GPU share: Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random
// numbers: as easy as 1, 2, 3", SC 2011).
//
// A draw has no state. It is a function of a 64-bit seed (the key) and of a
// 128-bit counter, which this program always fills the same way:
//
//	counter = {a, b, c, purpose}
//
// a counts within one thing (an element, a position, a draw), b and c name the
// thing (a step, a tensor, an update), and purpose keeps unrelated users apart.
// So any draw of a run can be made again from its coordinates alone, in any
// order, on any device.
package philox

import "math/bits"

// Purpose separates the users of the generator. The values are part of the
// checkpoint and kernel contracts: never renumber one.
type Purpose uint32

// The purposes, with what their coordinates a, b, c mean.
const (
	Init         Purpose = 1  // a: element/4, b: 0, c: parameter index
	StartTopo    Purpose = 2  // a: block position, b: 0, c: parameter index
	Regrow       Purpose = 3  // a: block position, b: topology update or choice of blocks, c: parameter index
	Dropout      Purpose = 4  // a: element/4, b: training step, c: micro-batch<<16 | site
	DataOrder    Purpose = 5  // a: draw, b: epoch, c: shuffle round
	DataPair     Purpose = 6  // a: draw, b: example, c: epoch
	DataMask     Purpose = 7  // a: draw, b: example, c: epoch
	DemoCorpus   Purpose = 8  // a: draw, b: document, c: unused
	TestData     Purpose = 9  // free for tests and benchmarks
	DataSplit    Purpose = 10 // a: draw, b: document, c: unused
	EvalExamples Purpose = 11 // a: draw, b: example, c: kind of draw
	FanInRounds  Purpose = 12 // a: 0, b: topology update, c: parameter index
)

// The multipliers and Weyl increments of Philox4x32 (SC 2011, section 3.3).
const (
	mul0  = 0xD2511F53
	mul1  = 0xCD9E8D57
	weyl0 = 0x9E3779B9
	weyl1 = 0xBB67AE85
)

// Block returns the ten-round Philox4x32 permutation of ctr under key.
func Block(ctr [4]uint32, key [2]uint32) [4]uint32 {
	c0, c1, c2, c3 := ctr[0], ctr[1], ctr[2], ctr[3] // an array would stay in memory
	k0, k1 := key[0], key[1]
	for range 10 {
		p0, p1 := uint64(mul0)*uint64(c0), uint64(mul1)*uint64(c2)
		c0, c1, c2, c3 = uint32(p1>>32)^c1^k0, uint32(p1), uint32(p0>>32)^c3^k1, uint32(p0)
		k0 += weyl0
		k1 += weyl1
	}
	return [4]uint32{c0, c1, c2, c3}
}

// At returns the four 32-bit words at counter {a, b, c, p} under seed.
func At(seed uint64, p Purpose, a, b, c uint32) [4]uint32 {
	return Block([4]uint32{a, b, c, uint32(p)}, [2]uint32{uint32(seed), uint32(seed >> 32)})
}

// Key64 returns the first two words of At as one number, word 1 high: the sort
// key of block selection.
func Key64(seed uint64, p Purpose, a, b, c uint32) uint64 {
	w := At(seed, p, a, b, c)
	return uint64(w[1])<<32 | uint64(w[0])
}

// Unit32 maps a word to [0, 1): its upper 24 bits times 2^-24, exact in float32.
func Unit32(w uint32) float32 { return float32(w>>8) * (1.0 / (1 << 24)) }

// Unit64 maps two words to [0, 1): 53 bits times 2^-53.
func Unit64(hi, lo uint32) float64 {
	return float64((uint64(hi)<<32|uint64(lo))>>11) * (1.0 / (1 << 53))
}

// Stream reads the draws at (seed, p, 0.., b, c) one after another. It is a
// convenience for host code that needs a varying number of draws; the zero
// Stream is not useful. A Stream is a value: copying it forks it.
type Stream struct {
	seed uint64
	p    Purpose
	b, c uint32
	a    uint32 // the next block's counter
	left int    // words of buf not yet handed out
	buf  [4]uint32
}

// NewStream returns the stream of draws whose coordinates b and c are given.
func NewStream(seed uint64, p Purpose, b, c uint32) Stream {
	return Stream{seed: seed, p: p, b: b, c: c}
}

// Uint32 returns the next word.
func (s *Stream) Uint32() uint32 {
	if s.left == 0 {
		s.buf = At(s.seed, s.p, s.a, s.b, s.c)
		s.a++
		s.left = 4
	}
	w := s.buf[4-s.left]
	s.left--
	return w
}

// Uint64 returns the next two words, the first one low.
func (s *Stream) Uint64() uint64 {
	lo := s.Uint32()
	return uint64(s.Uint32())<<32 | uint64(lo)
}

// Float32 returns the next draw in [0, 1), a multiple of 2^-24.
func (s *Stream) Float32() float32 { return Unit32(s.Uint32()) }

// Float64 returns the next draw in [0, 1), a multiple of 2^-53.
func (s *Stream) Float64() float64 {
	lo := s.Uint32()
	return Unit64(s.Uint32(), lo)
}

// IntN returns an integer in [0, n) without bias (Lemire's multiply and
// reject). n must be in [1, 2^32); any other n returns 0 and draws nothing.
func (s *Stream) IntN(n int) int {
	if n <= 0 || uint64(n) >= 1<<32 {
		return 0
	}
	bound := uint32(n)
	hi, lo := bits.Mul32(s.Uint32(), bound)
	if lo < bound {
		for reject := -bound % bound; lo < reject; {
			hi, lo = bits.Mul32(s.Uint32(), bound)
		}
	}
	return int(hi)
}

// Permute is a bijection of [0, n) keyed by (seed, DataOrder, epoch): a
// six-round Feistel network over the smallest even number of bits that holds
// n, walked until it lands inside. It gives element i of a shuffle of any size
// in constant memory. i and n must satisfy 0 <= i < n.
func Permute(seed uint64, epoch uint32, i, n uint64) uint64 {
	half := uint((bits.Len64(n-1) + 1) / 2)
	if half == 0 {
		return 0
	}
	mask := uint64(1)<<half - 1
	for {
		l, r := i>>half, i&mask
		for round := range uint32(6) {
			f := At(seed, DataOrder, uint32(r), epoch, round)
			l, r = r, l^(uint64(f[0])&mask)
		}
		i = l<<half | r
		if i < n {
			return i
		}
	}
}
