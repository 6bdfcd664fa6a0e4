package ptxsim

import (
	"encoding/binary"
	"fmt"
)

// Shared memory begins at 1 KiB, as on the hardware, and each variable is
// followed by a gap that belongs to none.
const (
	sharedBase  = 1024
	sharedGuard = 128
)

// sharedPlace returns where from at on a variable lies that is declared with an alignment: at an address that
// has this alignment and no larger one, up to 128, since ptxas promises no more. Dynamic shared memory alone is at the
// beginning, which compilers count on being a multiple of 1024.
func sharedPlace(at, align int) int {
	if at = alignUp(at, max(align, 128)); align < 128 {
		at += align
	}
	return at
}

// sharedGap is the gap behind a variable of so many bytes at an address: as long as the variable, so that
// an index twice too large is found, as far as there is room below what descriptors of wgmma reach.
func sharedGap(at, size int) int {
	if at+size > 64<<10 {
		return sharedGuard
	}
	return max(sharedGuard, min(alignUp(size, sharedGuard), 4096))
}

// States of a byte of shared or local memory.
const (
	stateWritten = 1 << iota // has a value
	stateValid               // belongs to a variable
	statePending             // a cp.async or bulk copy has not been waited for
	statePartial             // not written, but some of its bits are defined: see partialBytes
)

// variable is a place of shared or local memory.
type variable struct {
	name      string
	off, size int
	store     int // where the bytes of a local variable are among those of its thread
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

// shared is the shared memory of one block.
type shared struct {
	data    []byte
	state   []byte
	initial []byte // state of a new block
	shadow
	vars []variable
}

// forShared returns shared memory with these variables, in the memory of an earlier launch if that is enough.
func (m *blockMemory) forShared(vars []variable) *shared {
	n := sharedSize(vars)
	if m.shared == nil || cap(m.shared.data) < n {
		m.shared = &shared{data: make([]byte, n), state: make([]byte, n), initial: make([]byte, n)}
	}
	s := m.shared
	s.data, s.state, s.initial, s.vars = s.data[:n], s.state[:n], s.initial[:n], vars
	s.resize(n)
	clear(s.initial)
	for _, v := range vars {
		fill(s.initial[v.off:v.off+v.size], stateValid)
	}
	return s
}

// sharedSize is the bytes up to and with the gap after the last variable, in units of the widest access.
func sharedSize(vars []variable) int {
	end := sharedBase
	for _, v := range vars {
		end = max(end, v.off+v.size)
	}
	return alignUp(end+sharedGuard, 16)
}

// accessKind says how an access takes part in races.
type accessKind uint8

const (
	plainRead accessKind = iota
	plainWrite
	strongRead // relaxed, acquire: does not race with strong writes
	strongWrite
	volatileRead // strong in global memory and plain in shared memory, where a barrier is expected
	volatileWrite
)

func (k accessKind) write() bool  { return k&1 != 0 }
func (k accessKind) strong() bool { return k >= strongRead }

// access is one thread's access of shared memory.
type access struct {
	kind  accessKind
	warp  *warp
	lane  int
	value []byte // that is written; nil: not known
}

// check returns the n bytes at addr, or what is wrong.
func (s *shared) check(addr uint64, n int, by access) (data, state []byte, bad *violation) {
	if addr > uint64(len(s.data)) || addr+uint64(n) > uint64(len(s.data)) {
		return nil, nil, &violation{ErrOutOfBounds, fmt.Sprintf("%d bytes of shared memory at %s", n, describe(s.vars, addr))}
	}
	data, state = s.data[addr:addr+uint64(n)], s.state[addr:addr+uint64(n)]
	if !(n == 4 || n == 8 || n == 16) || !stateFine(state) {
		if bad := s.checkState(addr, state); bad != nil {
			return nil, nil, bad
		}
	}
	if by.kind >= volatileRead {
		by.kind &= 1
	}
	if at, other, what := s.touch(int(addr), data, by); what != "" {
		return nil, nil, &violation{ErrRace, fmt.Sprintf("shared memory at %s, which %s %s since the last barrier", describe(s.vars, uint64(at)), other, what)}
	}
	return data, state, nil
}

// stateFine reports that all bytes, a multiple of 4, can be accessed, four at a time.
func stateFine(state []byte) bool {
	const each = 0x01010101
	for ; len(state) >= 4; state = state[4:] {
		if binary.LittleEndian.Uint32(state)&(each*(stateValid|statePending)) != each*stateValid {
			return false
		}
	}
	return true
}

// checkState says what is wrong with the first byte that cannot be accessed.
func (s *shared) checkState(addr uint64, state []byte) *violation {
	for i, st := range state {
		switch {
		case st&stateValid == 0:
			return &violation{ErrOutOfBounds, fmt.Sprintf("%d bytes of shared memory at %s", len(state), describe(s.vars, addr))}
		case st&statePending != 0:
			return &violation{ErrUninitialized, fmt.Sprintf("cp.async to shared memory at %s is under way", describe(s.vars, addr+uint64(i)))}
		}
	}
	return nil
}
