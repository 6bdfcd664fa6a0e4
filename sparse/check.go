package sparse

import (
	"fmt"
	"math/bits"
)

// Check returns an error (ErrTopology, or ErrShape) that names the first broken
// invariant:
//
//   - the shape passes CheckShape and there is at least one active block;
//   - Rows, Cols, Born, NewAt, RowSlot and ColSlot have one entry per slot;
//   - block rows and columns are in range, and no two slots hold one block;
//   - Born and NewAt are not negative, and a starting block (NewAt 0) has Born 0;
//   - Explored covers every active block and has no bit beyond the last position;
//   - both views list every slot once, in order.
//
// O(nnzb + positions/64).
func (t *Topology) Check() error { return t.check(new(Scratch)) }

// check is Check with memory to reuse. On success s.active has exactly the bits
// of the active positions.
func (t *Topology) check(s *Scratch) error {
	if err := CheckShape(t.Shape); err != nil {
		return err
	}
	if err := t.checkLengths(); err != nil {
		return err
	}
	if err := t.checkBlocks(s); err != nil {
		return err
	}
	if err := t.checkHistory(s); err != nil {
		return err
	}
	if err := checkView("row", t.RowPtr, t.RowSlot, t.Rows, t.Cols); err != nil {
		return err
	}
	return checkView("column", t.ColPtr, t.ColSlot, t.Cols, t.Rows)
}

// checkLengths checks the length of every slice against nnzb and the shape.
func (t *Topology) checkLengths() error {
	nnzb := len(t.Rows)
	if nnzb == 0 {
		return fmt.Errorf("%w: found no active block, expected at least 1", ErrTopology)
	}
	for _, a := range []struct {
		name        string
		found, want int
	}{
		{"Cols", len(t.Cols), nnzb},
		{"Born", len(t.Born), nnzb},
		{"NewAt", len(t.NewAt), nnzb},
		{"RowSlot", len(t.RowSlot), nnzb},
		{"ColSlot", len(t.ColSlot), nnzb},
		{"RowPtr", len(t.RowPtr), t.BlockRows() + 1},
		{"ColPtr", len(t.ColPtr), t.BlockCols() + 1},
		{"Explored", len(t.Explored), words(t.Positions())},
	} {
		if a.found != a.want {
			return fmt.Errorf("%w: %s: found %d entries, expected %d", ErrTopology, a.name, a.found, a.want)
		}
	}
	return nil
}

// checkBlocks checks that every slot's block is in range and held once, and
// fills s.active.
func (t *Topology) checkBlocks(s *Scratch) error {
	s.active = resize(s.active, words(t.Positions()))
	clear(s.active)
	for slot, row := range t.Rows {
		col := t.Cols[slot]
		if row < 0 || int(row) >= t.BlockRows() {
			return fmt.Errorf("%w: slot %d: found block row %d, expected 0 to %d",
				ErrTopology, slot, row, t.BlockRows()-1)
		}
		if col < 0 || int(col) >= t.BlockCols() {
			return fmt.Errorf("%w: slot %d: found block column %d, expected 0 to %d",
				ErrTopology, slot, col, t.BlockCols()-1)
		}
		p := t.Position(slot)
		if has(s.active, p) {
			first := 0
			for t.Position(first) != p {
				first++
			}
			return fmt.Errorf("%w: slot %d: found block row %d, column %d, which slot %d holds, expected a block of its own",
				ErrTopology, slot, row, col, first)
		}
		set(s.active, p)
	}
	return nil
}

// checkHistory checks Born, NewAt and Explored. It reads s.active.
func (t *Topology) checkHistory(s *Scratch) error {
	for slot, born := range t.Born {
		switch at := t.NewAt[slot]; {
		case born < 0:
			return fmt.Errorf("%w: slot %d: found Born %d, expected a step of 0 or more", ErrTopology, slot, born)
		case at < 0:
			return fmt.Errorf("%w: slot %d: found NewAt %d, expected an update of 0 or more", ErrTopology, slot, at)
		case at == 0 && born != 0:
			return fmt.Errorf("%w: slot %d: found Born %d in a starting block, expected 0", ErrTopology, slot, born)
		}
	}
	for i, word := range t.Explored {
		if missing := s.active[i] &^ word; missing != 0 {
			return fmt.Errorf("%w: position %d: found its explored bit clear, expected it set, as the block is active",
				ErrTopology, i*64+bits.TrailingZeros64(missing))
		}
	}
	last := len(t.Explored) - 1
	if p := last*64 + bits.Len64(t.Explored[last]) - 1; p >= t.Positions() {
		return fmt.Errorf("%w: found the explored bit of position %d, expected none from %d on",
			ErrTopology, p, t.Positions())
	}
	return nil
}

// checkView checks one view: major is the index by which slots are grouped,
// minor the one by which a group is ordered. Since blocks are distinct, a view
// that passes lists every slot exactly once.
func checkView(name string, ptr, slots, major, minor []int32) error {
	nnzb := int32(len(slots))
	groups := len(ptr) - 1
	if ptr[0] != 0 || ptr[groups] != nnzb {
		return fmt.Errorf("%w: %s view: found bounds from %d to %d, expected 0 to %d",
			ErrTopology, name, ptr[0], ptr[groups], nnzb)
	}
	for g := range groups {
		if ptr[g+1] < ptr[g] || ptr[g+1] > nnzb {
			return fmt.Errorf("%w: %s view: block %s %d: found the end %d, expected %d to %d",
				ErrTopology, name, name, g, ptr[g+1], ptr[g], nnzb)
		}
		before := int32(-1)
		for _, slot := range slots[ptr[g]:ptr[g+1]] {
			if slot < 0 || slot >= nnzb {
				return fmt.Errorf("%w: %s view: block %s %d: found slot %d, expected 0 to %d",
					ErrTopology, name, name, g, slot, nnzb-1)
			}
			if int(major[slot]) != g {
				return fmt.Errorf("%w: %s view: block %s %d: found slot %d, which belongs to %d",
					ErrTopology, name, name, g, slot, major[slot])
			}
			if minor[slot] <= before {
				return fmt.Errorf("%w: %s view: block %s %d: found slot %d out of order",
					ErrTopology, name, name, g, slot)
			}
			before = minor[slot]
		}
	}
	return nil
}

// words returns the number of 64-bit words that hold n bits.
func words(n int) int { return (n + 63) / 64 }

func has(bitset []uint64, i int) bool { return bitset[i>>6]>>(i&63)&1 != 0 }
func set(bitset []uint64, i int)      { bitset[i>>6] |= 1 << (i & 63) }
func unset(bitset []uint64, i int)    { bitset[i>>6] &^= 1 << (i & 63) }
