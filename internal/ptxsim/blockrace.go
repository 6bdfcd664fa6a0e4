package ptxsim

import "fmt"

// owner remembers which blocks of a launch touched a byte of global memory:
// linear block + 1, 0 for none, manyBlocks for several readers.
type owner struct{ writer, reader uint32 }

const manyBlocks = 1<<32 - 1

// blockRaces finds races between the blocks of a launch, which run one after
// another on one goroutine. It belongs to kernels without atomics and fences on global
// memory: their blocks have no way to wait for each other, so whatever one
// writes no other may touch.
type blockRaces struct {
	owners [][]owner // slot, byte
}

// check records an access of n bytes of slot memory at addr by a block, a write of
// value if that is not nil.
func (r *blockRaces) check(d *Device, addr uint64, n int, write bool, value []byte, block int) *violation {
	a, off := d.find(addr)
	slot := addr >> slotBits
	if r.owners[slot] == nil {
		r.owners[slot] = make([]owner, len(a.data))
	}
	me := uint32(block) + 1
	for i := range r.owners[slot][off : off+uint64(n)] {
		o := &r.owners[slot][off+uint64(i)]
		switch {
		case o.writer != 0 && o.writer != me && value != nil && value[i] == a.data[off+uint64(i)]:
		case o.writer != 0 && o.writer != me:
			return &violation{ErrRace, fmt.Sprintf("global memory at %s+%d, which block %d of this launch wrote", a.label, off+uint64(i), o.writer-1)}
		case write && o.reader == manyBlocks:
			return &violation{ErrRace, fmt.Sprintf("global memory at %s+%d, which several blocks of this launch read", a.label, off+uint64(i))}
		case write && o.reader != 0 && o.reader != me:
			return &violation{ErrRace, fmt.Sprintf("global memory at %s+%d, which block %d of this launch read", a.label, off+uint64(i), o.reader-1)}
		case write:
			o.writer = me
		case o.reader == 0:
			o.reader = me
		case o.reader != me:
			o.reader = manyBlocks
		}
	}
	return nil
}

// global returns n bytes of global or constant memory after all checks, for a write of
// value if that is not nil.
func (w *warp) global(addr uint64, n int, write bool, value []byte) (data, state []byte, bad *violation) {
	st := w.blk.launch
	data, state, bad = st.dev.check(addr, n, write)
	if bad == nil && st.races != nil {
		bad = st.races.check(st.dev, addr, n, write, value, w.blk.index)
	}
	return data, state, bad
}
