package ptxsim

import (
	"encoding/binary"
	"fmt"
)

// Shared memory begins at 1 KiB, as on the hardware, and each variable is
// followed by a gap that belongs to none. Gaps and variables are multiples of
// 128 bytes, so that banks are the ones of a layout without gaps.
const (
	sharedBase  = 1024
	sharedGuard = 128
)

// States of a byte of shared or local memory.
const (
	stateWritten = 1 << iota // has a value
	stateValid               // belongs to a variable
	statePending             // a cp.async has not been waited for
)

// variable is a place of shared or local memory.
type variable struct {
	name      string
	off, size int
}

func describe(vars []variable, addr uint64) string {
	best := -1
	for i, v := range vars {
		if uint64(v.off) <= addr {
			best = i
		}
	}
	if best < 0 {
		return fmt.Sprintf("address %#x, before every variable", addr)
	}
	return fmt.Sprintf("%s+%d (size %d)", vars[best].name, addr-uint64(vars[best].off), vars[best].size)
}

// cell remembers who touched a byte of shared memory last. Epochs are those of
// the block (one more at each barrier) and of the warp (bar.warp.sync).
type cell struct {
	writeEpoch, writeWarpEpoch uint32
	readEpoch, readWarpEpoch   uint32
	writer, reader             uint16 // thread; reader may be manyInWarp|warp or manyInBlock
	strong                     uint32 // 1: the write was atomic or otherwise strong; no padding, so that cells compare fast
}

const (
	manyInWarp  = 0x8000
	manyInBlock = 0xFFFF
	noThread    = 0xFFFF
)

// shared is the shared memory of one block.
type shared struct {
	data  []byte
	state []byte
	cells []cell
	vars  []variable
	epoch uint32 // grows over all blocks that reuse this memory
}

func newShared(vars []variable) *shared {
	n := sharedSize(vars)
	return &shared{data: make([]byte, n), state: make([]byte, n), cells: make([]cell, n), vars: vars}
}

// sharedSize is the bytes up to and with the gap after the last variable.
func sharedSize(vars []variable) int {
	end := sharedBase
	for _, v := range vars {
		end = max(end, v.off+v.size)
	}
	return end + sharedGuard
}

// reset makes the memory that of a new block.
func (s *shared) reset() {
	s.epoch++
	clear(s.state)
	for _, v := range s.vars {
		fill(s.state[v.off:v.off+v.size], stateValid)
	}
}

// accessKind says how an access takes part in races.
type accessKind uint8

const (
	plainRead accessKind = iota
	plainWrite
	strongRead // volatile, relaxed, acquire: does not race with strong writes
	strongWrite
)

func (k accessKind) write() bool  { return k&1 != 0 }
func (k accessKind) strong() bool { return k&2 != 0 }

// access is one thread's access of shared memory.
type access struct {
	kind      accessKind
	thread    uint16 // linear in the block
	warpEpoch uint32 // of its warp
	value     []byte // that is written; nil: not known
}

// check returns the n bytes at addr, or what is wrong.
func (s *shared) check(addr uint64, n int, by access) (data, state []byte, bad *violation) {
	k, thread, warpEpoch := by.kind, by.thread, by.warpEpoch
	if addr > uint64(len(s.data)) || addr+uint64(n) > uint64(len(s.data)) {
		return nil, nil, &violation{ErrOutOfBounds, fmt.Sprintf("%d bytes of shared memory at %s", n, describe(s.vars, addr))}
	}
	data, state = s.data[addr:addr+uint64(n)], s.state[addr:addr+uint64(n)]
	if !(n == 4 || n == 8 || n == 16) || !stateFine(state, k) {
		if bad := s.checkState(addr, state, k); bad != nil {
			return nil, nil, bad
		}
	}
	// The bytes of an access mostly have one history: judge the first, and copy
	// the outcome to those that were equal to it.
	cells := s.cells[addr : addr+uint64(n)]
	var before, after cell
	for i := range cells {
		c := &cells[i]
		if i > 0 && *c == before {
			*c = after
			continue
		}
		if other, what := c.conflict(s.epoch, warpEpoch, thread, k); what == "wrote" && k.write() && by.value != nil && by.value[i] == data[i] {
			before = cell{writer: noThread} // the next byte may differ
			continue
		} else if what != "" {
			return nil, nil, &violation{ErrRace, fmt.Sprintf("shared memory at %s, which %s %s since the last barrier", describe(s.vars, addr+uint64(i)), other, what)}
		}
		before = *c
		c.record(s.epoch, warpEpoch, thread, k)
		after = *c
	}
	return data, state, nil
}

// stateFine reports that all bytes, a multiple of 4, can be accessed, four at a time.
func stateFine(state []byte, k accessKind) bool {
	const each = 0x01010101
	care, want := uint32(each*(stateValid|statePending|stateWritten)), uint32(each*(stateValid|stateWritten))
	if k.write() {
		care, want = each*(stateValid|statePending), each*stateValid
	}
	for ; len(state) >= 4; state = state[4:] {
		if binary.LittleEndian.Uint32(state)&care != want {
			return false
		}
	}
	return true
}

// checkState says what is wrong with the first byte that cannot be accessed.
func (s *shared) checkState(addr uint64, state []byte, k accessKind) *violation {
	for i, st := range state {
		switch {
		case st&stateValid == 0:
			return &violation{ErrOutOfBounds, fmt.Sprintf("%d bytes of shared memory at %s", len(state), describe(s.vars, addr))}
		case st&statePending != 0:
			return &violation{ErrUninitialized, fmt.Sprintf("cp.async to shared memory at %s is under way", describe(s.vars, addr+uint64(i)))}
		case !k.write() && st&stateWritten == 0:
			return &violation{ErrUninitialized, "shared memory at " + describe(s.vars, addr+uint64(i))}
		}
	}
	return nil
}

// ordered reports whether an access of warp a at epoch ea comes before one of
// warp b at epoch eb by a bar.warp.sync.
func ordered(a, b uint16, ea, eb uint32) bool { return a == b && ea < eb }

// conflict names the earlier access with which this one races, if any.
func (c *cell) conflict(epoch, warpEpoch uint32, thread uint16, k accessKind) (other, what string) {
	if c.writeEpoch == epoch && c.writer != thread && !(k.strong() && c.strong == 1) &&
		!ordered(c.writer/warpSize, thread/warpSize, c.writeWarpEpoch, warpEpoch) {
		return fmt.Sprintf("thread %d", c.writer), "wrote"
	}
	if !k.write() || c.readEpoch != epoch || c.reader == thread {
		return "", ""
	}
	switch {
	case c.reader == manyInBlock:
		return "several threads", "read"
	case c.reader&manyInWarp != 0:
		if w := c.reader &^ manyInWarp; !ordered(w, thread/warpSize, c.readWarpEpoch, warpEpoch) {
			return fmt.Sprintf("several threads of warp %d", w), "read"
		}
	case !ordered(c.reader/warpSize, thread/warpSize, c.readWarpEpoch, warpEpoch):
		return fmt.Sprintf("thread %d", c.reader), "read"
	}
	return "", ""
}

func (c *cell) record(epoch, warpEpoch uint32, thread uint16, k accessKind) {
	if k.write() {
		c.writeEpoch, c.writeWarpEpoch, c.writer, c.strong = epoch, warpEpoch, thread, 0
		if k.strong() {
			c.strong = 1
		}
		return
	}
	if k.strong() {
		return // races with plain writes only: one before it is found, one after it is not
	}
	switch warp := thread / warpSize; {
	case c.readEpoch != epoch:
		c.readEpoch, c.readWarpEpoch, c.reader = epoch, warpEpoch, thread
	case c.reader == thread:
		c.readWarpEpoch = warpEpoch
	case c.reader == manyInBlock:
	case c.reader&manyInWarp != 0 && c.reader&^manyInWarp == warp, c.reader&manyInWarp == 0 && c.reader/warpSize == warp:
		if c.readWarpEpoch < warpEpoch {
			c.reader = thread
		} else {
			c.reader = manyInWarp | warp
		}
		c.readWarpEpoch = warpEpoch
	default:
		c.reader = manyInBlock
	}
}
