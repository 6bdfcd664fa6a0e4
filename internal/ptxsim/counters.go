package ptxsim

import (
	"math/bits"
)

// Class sorts instructions for the counters.
type Class uint8

// The classes of instructions.
const (
	Integer  Class = iota // integer and logic arithmetic
	Float                 // floating-point arithmetic and approximations
	Convert               // cvt, cvta
	Move                  // mov, selp, setp, predicates, loads of parameters and constants
	Control               // branches, calls, exits
	Barrier               // barriers and fences
	WarpWide              // shuffles, votes, matches, redux
	Global                // loads and stores of global memory, and through generic addresses
	Shared                // loads and stores of shared memory
	Local                 // loads and stores of local memory and of function parameters
	Atomic                // atom, red
	Async                 // cp.async and its groups
	LdMatrix              // ldmatrix
	Matrix                // mma
	classes
)

var classNames = [classes]string{"integer", "float", "convert", "move", "control", "barrier", "warp", "global", "shared", "local", "atomic", "async", "ldmatrix", "matrix"}

// String returns the class's name in lower case.
func (c Class) String() string {
	if c >= classes {
		return "unknown"
	}
	return classNames[c]
}

// Counters says what a launch did, summed over all its blocks. A sector is 32
// aligned bytes of global memory; each warp instruction counts the different
// sectors that it touches (no cache is modeled).
type Counters struct {
	Warp   [classes]int64 // instructions issued by warps, by class
	Thread [classes]int64 // the same, times the lanes that executed them

	GlobalLoadBytes    int64 // asked for by lanes, cp.async included
	GlobalStoreBytes   int64
	GlobalLoadSectors  int64
	GlobalStoreSectors int64
	GlobalAtomics      int64 // lanes that executed an atomic on global memory

	// SharedConflicts counts the passes over the 32 banks of 4 bytes beyond those
	// that an access needs anyway (1 for up to 4 bytes per lane and for each 8 x 8
	// matrix, 2 for 8 bytes, 4 for 16).
	SharedConflicts int64
	SharedAtomics   int64
}

// Instructions returns the number of warp instructions and of thread
// instructions of all classes.
func (c *Counters) Instructions() (warp, thread int64) {
	for i := range classes {
		warp += c.Warp[i]
		thread += c.Thread[i]
	}
	return warp, thread
}

func (c *Counters) add(o *Counters) {
	for i := range classes {
		c.Warp[i] += o.Warp[i]
		c.Thread[i] += o.Thread[i]
	}
	c.GlobalLoadBytes += o.GlobalLoadBytes
	c.GlobalStoreBytes += o.GlobalStoreBytes
	c.GlobalLoadSectors += o.GlobalLoadSectors
	c.GlobalStoreSectors += o.GlobalStoreSectors
	c.GlobalAtomics += o.GlobalAtomics
	c.SharedConflicts += o.SharedConflicts
	c.SharedAtomics += o.SharedAtomics
}

// request collects the addresses of one warp instruction.
type request struct {
	addr [warpSize]uint64
	n    int
}

// requests returns two without addresses.
func (w *warp) requests() (global, shared *request) {
	w.toGlobal.n, w.toShared.n = 0, 0
	return &w.toGlobal, &w.toShared
}

func (q *request) put(addr uint64) {
	q.addr[q.n] = addr
	q.n++
}

// sectors counts the different 32-byte sectors. An aligned access of at most
// 32 bytes lies in one.
func (q *request) sectors() int64 {
	n, last := int64(0), uint64(0)
	for _, a := range q.addr[:q.n] {
		s := a>>5 + 1
		if s < last {
			return q.scatteredSectors()
		}
		if s > last {
			n++
		}
		last = s
	}
	return n
}

// scatteredSectors is sectors for addresses in any order.
func (q *request) scatteredSectors() int64 {
	var seen [2 * warpSize]uint64 // a hash table of sectors + 1
	n, last := int64(0), uint64(0)
	for _, a := range q.addr[:q.n] {
		s := a>>5 + 1
		if s == last {
			continue
		}
		last = s
		i := s * 0x9E3779B97F4A7C15 >> 58
		for seen[i] != 0 && seen[i] != s {
			i = (i + 1) % (2 * warpSize)
		}
		if seen[i] == 0 {
			seen[i] = s
			n++
		}
	}
	return n
}

// conflicts counts the extra passes of an access of size bytes per lane to
// shared memory: lanes go together up to 128 bytes a pass.
func (q *request) conflicts(size int) int64 { return conflicts(q.addr[:q.n], size) }

func conflicts(addr []uint64, size int) int64 {
	group := min(warpSize, warpSize*4/max(size, 4))
	extra := int64(0)
	for i := 0; i < len(addr); i += group {
		if part := addr[i:min(i+group, len(addr))]; !apart(part, size) {
			extra += bankConflicts(part, size)
		}
	}
	return extra
}

// apart says that no two accesses of size bytes come to the same banks.
func apart(addr []uint64, size int) bool {
	shift := bits.TrailingZeros(uint(max(size, 4)))
	seen, slots := uint32(0), uint64(128>>shift-1)
	for _, a := range addr {
		bit := uint32(1) << (a >> shift & slots)
		if seen&bit != 0 {
			return false
		}
		seen |= bit
	}
	return true
}

// bankConflicts counts the extra passes of accesses that go together.
func bankConflicts(addr []uint64, size int) int64 {
	var (
		seen  uint32           // banks that something came to
		last  [32]uint8        // of the words that did, by bank: the latest one
		words [warpSize]uint32 // all words
		prev  [warpSize]uint8  // the one before it at its bank
		count [32]uint8        // how many, by bank
		n     uint8
		worst uint8 = 1
	)
	for _, a := range addr {
	next:
		for b := 0; b < max(size, 4); b += 4 {
			word := uint32((a + uint64(b)) >> 2)
			bank := word % 32
			if seen>>bank&1 == 0 {
				seen |= 1 << bank
				count[bank] = 0
			}
			for i, k := last[bank], count[bank]; k > 0; i, k = prev[i&31], k-1 {
				if words[i&31] == word {
					continue next
				}
			}
			words[n&31], prev[n&31], last[bank] = word, last[bank], n
			n++
			count[bank]++
			worst = max(worst, count[bank])
		}
	}
	return int64(worst - 1)
}

func lanes(m uint32) int64 { return int64(bits.OnesCount32(m)) }
