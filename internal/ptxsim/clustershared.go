package ptxsim

import (
	"fmt"
	"math/bits"
)

// Shared memory of the blocks of a cluster. An address of it is one of the block's shared memory with the
// block's rank plus 1 from bit rankShift on, 0 meaning the block that uses it; so mapa makes it.
//
// A byte that another block touches leaves the shadow: its entries become split, and a trace as of a byte of
// global memory tells who touched it last.

// rankShift is above all addresses of a block's shared memory.
const rankShift = 24

// own says that an address of the cluster's shared memory is the block's own.
func (b *blockRun) own(addr uint64) bool {
	return addr>>rankShift == 0 || addr>>rankShift == uint64(b.rank)+1
}

// blockOf returns the block whose shared memory addr is in, and the address there; the warp's block if it is in none.
func (w *warp) blockOf(sp space, addr uint64) (b *blockRun, at uint64) {
	addr &^= windowMask
	rank := addr>>rankShift - 1
	if sp == spaceShared || rank >= uint64(len(w.blk.cluster.blocks)) {
		return w.blk, addr
	}
	return w.blk.cluster.blocks[rank], addr & (1<<rankShift - 1)
}

// clusterBytes returns n bytes of the cluster's shared memory, or what is wrong.
func (w *warp) clusterBytes(addr uint64, n int, by access) (data, state []byte, bad *violation) {
	b, at := w.blockOf(spaceCluster, addr)
	switch {
	case at>>rankShift != 0:
		return nil, nil, &violation{ErrOutOfBounds, fmt.Sprintf("%d bytes at %#x of the shared memory of rank %d, expected 0 to %d", n, at&(1<<rankShift-1), at>>rankShift-1, len(w.blk.cluster.blocks)-1)}
	case b == w.blk:
		return b.shared.check(at, n, by)
	case b.over:
		return nil, nil, &violation{ErrRace, fmt.Sprintf("shared memory of block %v at %s, which has ended: a barrier.cluster is missing", b.ctaid, describe(b.shared.vars, at))}
	case w.past[b.index] == nil:
		return nil, nil, &violation{ErrRace, fmt.Sprintf("shared memory of block %v at %s, which may not have begun: a barrier.cluster is missing", b.ctaid, describe(b.shared.vars, at))}
	}
	if at+uint64(n) <= uint64(len(b.shared.data)) {
		b.cross(at, n)
	}
	if data, state, bad = b.shared.check(at, n, by); bad != nil {
		bad.detail = fmt.Sprintf("of block %v: %s", b.ctaid, bad.detail)
	}
	return data, state, bad
}

// cross gives n bytes of the block's shared memory traces.
func (b *blockRun) cross(addr uint64, n int) {
	s := b.shared
	if len(s.traces) < len(s.data) {
		s.traces = make([]trace, len(s.data))
	}
	writes, reads := s.bytes(addr, n)
	for i, e := range writes {
		if e == split {
			continue
		}
		t := &s.traces[addr+uint64(i)]
		if *t = (trace{}); entryTime(e) >= b.began {
			t.write, t.writeBlock = e&^byAsync, int32(b.index+1)
		}
		if r := reads[i]; entryTime(r) >= b.began {
			t.read, t.readBlock = r, int32(b.index+1)
		}
		writes[i] = split
	}
}

// uncross forgets all that was touched if other blocks touched some of it.
func (s *shared) uncross() {
	if s.traces == nil {
		return
	}
	s.traces = nil
	clear(s.writes[:cap(s.writes)])
	clear(s.reads[:cap(s.reads)])
	clear(s.byteWrites[:cap(s.byteWrites)])
	clear(s.byteReads[:cap(s.byteReads)])
}

// leave finds what other blocks have done to the shared memory of a block that has ended, of which it knows
// nothing: they may as well do it later.
func (b *blockRun) leave() error {
	w := b.warps[0]
	known := func(block int32, e uint32) bool {
		for _, o := range b.warps {
			if o.follows(block, e, int(e)&31) {
				return true
			}
		}
		return false
	}
	for at, t := range b.shared.traces {
		block, e, what := t.writeBlock, t.write&^kindMask, "wrote"
		if block == 0 || block == int32(b.index+1) || known(block, e) {
			block, e, what = t.readBlock, t.read, "read"
		}
		if block == 0 || block == int32(b.index+1) || known(block, e) {
			continue
		}
		return w.newFault(min(w.pc, len(w.prog.code)-1), 0, ErrRace, fmt.Sprintf(
			"the block ends, and shared memory at %s, which %s %s, with it: a barrier.cluster is missing", describe(b.shared.vars, uint64(at)), w.who(block, e), what))
	}
	return nil
}

// buildMapa: d = the address in the shared memory of the block of rank b that a is in that of the block.
func buildMapa(x *building) exec {
	x.class = Integer
	t := x.typ(func(t typ) bool { return t == u32 || t == types["u64"] })
	window := uint64(sharedWindow)
	if x.has("shared::cluster") {
		window = 0
	} else if t == u32 {
		x.bad("a generic address has 64 bits")
	}
	x.nargs(3, 3)
	d, a, rank := x.dst(0, t), x.src(1, t), x.src(2, u32)
	return func(w *warp, m uint32) {
		for ; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m)
			addr, n := w.r[a][l], w.r[rank][l]
			if addr&windowMask != window || n >= uint64(len(w.blk.cluster.blocks)) {
				w.fail(l, ErrOutOfBounds, "mapa of address %#x to rank %d, expected shared memory and 0 to %d", addr, n, len(w.blk.cluster.blocks)-1)
				return
			}
			w.r[d][l] = addr&(1<<rankShift-1) | (n+1)<<rankShift | window
		}
	}
}

// buildGetctarank: d = the rank of the block whose shared memory a is in.
func buildGetctarank(x *building) exec {
	x.class = Integer
	t := x.typ(func(t typ) bool { return t == u32 || t == types["u64"] })
	x.has("shared::cluster")
	x.nargs(2, 2)
	d, a := x.dst(0, u32), x.src(1, t)
	return func(w *warp, m uint32) {
		for ; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m)
			b, _ := w.blockOf(spaceCluster, w.r[a][l])
			w.r[d][l] = uint64(b.rank)
		}
	}
}
