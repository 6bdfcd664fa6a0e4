package ptxsim

import (
	"cmp"
	"container/heap"
	"math/bits"
	"slices"
)

// PTX gives nearly every result a register of its own, some thousands of them, of which a thread needs a hundred at a
// time. This file lets registers that never hold something at the same time share a place, so that those of a warp
// fit a cache.

// flow is what one instruction of the code does with registers and where a thread goes from it.
type flow struct {
	uses, defs []int
	targets    []*int // of a branch
	falls      bool   // to the next instruction
	keeps      bool   // some threads may skip it, whose registers stay

	copies             bool  // the only use to the only definition
	lasts              bool  // goes on behind the instruction: its registers share no places
	predUses, predDefs []int // predicates, the guard among the uses
	rule               *undefinedRule
}

// stretch is where in the code a register holds something, from its first instruction to its last.
type stretch struct{ reg, first, last int }

// allocate returns a place for each of so many registers. fixed ones have a place of their own, and so has what may be
// read before it is written: those places are returned as fresh, for whoever starts a thread to clear.
//
// A register holds something from the first to the last instruction, in the order of the code, at which a thread
// may still read it. Two share a place where one is behind the other; a result has no place of an operand's, which
// some instructions read again when they have written.
func allocate(code []flow, regs int, fixed []bool) (places []int, count int, fresh []int) {
	entry, live := stretches(code, regs)
	places = make([]int, regs)
	for r := range places {
		places[r] = -1
		if fixed[r] || entry.has(r) {
			places[r] = count
			if !fixed[r] {
				fresh = append(fresh, count)
			}
			count++
		}
	}
	live = slices.DeleteFunc(live, func(s stretch) bool { return s.last < 0 || places[s.reg] >= 0 })
	slices.SortFunc(live, func(a, b stretch) int { return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.reg, b.reg)) })
	var free []int
	var held byEnd
	for _, s := range live {
		for len(held) > 0 && held[0].last < s.first {
			free = append(free, places[heap.Pop(&held).(stretch).reg])
		}
		if n := len(free); n > 0 {
			places[s.reg], free = free[n-1], free[:n-1]
		} else {
			places[s.reg] = count
			count++
		}
		heap.Push(&held, s)
	}
	for r, p := range places {
		if p < 0 { // of code that was not emitted
			places[r] = 0
		}
	}
	return places, max(count, 1), fresh
}

// byEnd is a heap of stretches, the one that ends first on top.
type byEnd []stretch

func (h byEnd) Len() int           { return len(h) }
func (h byEnd) Less(i, j int) bool { return h[i].last < h[j].last }
func (h byEnd) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *byEnd) Push(x any)        { *h = append(*h, x.(stretch)) }
func (h *byEnd) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

// set is a set of registers.
type set []uint64

func (s set) has(r int) bool { return s[r/64]>>(r%64)&1 != 0 }
func (s set) add(r int)      { s[r/64] |= 1 << (r % 64) }
func (s set) remove(r int)   { s[r/64] &^= 1 << (r % 64) }

func (s set) each(f func(r int)) {
	for i, w := range s {
		for ; w != 0; w &= w - 1 {
			f(64*i + bits.TrailingZeros64(w))
		}
	}
}

// stretches returns what the first instruction needs, and the stretch of each register.
func stretches(code []flow, regs int) (entry set, live []stretch) {
	live = make([]stretch, regs)
	for r := range live {
		live[r] = stretch{r, len(code), -1}
	}
	extend := func(r, at int) { live[r].first, live[r].last = min(live[r].first, at), max(live[r].last, at) }
	blocks := basicBlocks(code)
	words := (regs + 63) / 64
	in := make([]set, len(blocks))
	for i := range in {
		in[i] = make(set, words)
	}
	index := map[int]int{} // of the block that begins at an instruction
	for i, b := range blocks {
		index[b] = i
	}
	end := func(i int) int {
		if i+1 < len(blocks) {
			return blocks[i+1]
		}
		return len(code)
	}
	// What a block's end needs is what the blocks behind it need.
	behind := func(i int, now set) {
		clear(now)
		join := func(at int) {
			if j, ok := index[at]; ok {
				for k, w := range in[j] {
					now[k] |= w
				}
			}
		}
		last := code[end(i)-1]
		for _, t := range last.targets {
			join(*t)
		}
		if last.falls {
			join(end(i))
		}
	}
	now := make(set, words)
	for changed := true; changed; {
		changed = false
		for i := len(blocks) - 1; i >= 0; i-- {
			behind(i, now)
			for at := end(i) - 1; at >= blocks[i]; at-- {
				f := &code[at]
				if !f.keeps {
					for _, r := range f.defs {
						now.remove(r)
					}
				}
				for _, r := range f.uses {
					now.add(r)
				}
			}
			if !slices.Equal(in[i], now) {
				copy(in[i], now)
				changed = true
			}
		}
	}
	for i := range blocks {
		in[i].each(func(r int) { extend(r, blocks[i]) })
		behind(i, now)
		now.each(func(r int) { extend(r, end(i)-1) })
	}
	for at := range code {
		for _, r := range code[at].defs {
			extend(r, at)
		}
		for _, r := range code[at].uses {
			extend(r, at)
		}
		if code[at].lasts {
			for _, r := range slices.Concat(code[at].defs, code[at].uses) {
				extend(r, 0)
				extend(r, len(code)-1)
			}
		}
	}
	if len(blocks) == 0 {
		return make(set, words), live
	}
	return in[0], live
}

// basicBlocks returns the instructions at which blocks begin: the first one, and those behind and at the end of
// branches.
func basicBlocks(code []flow) []int {
	starts := map[int]bool{0: true}
	for at := range code {
		for _, t := range code[at].targets {
			starts[*t] = true
		}
		if code[at].targets != nil || !code[at].falls {
			starts[at+1] = true
		}
	}
	var list []int
	for at := range starts {
		if at < len(code) {
			list = append(list, at)
		}
	}
	slices.Sort(list)
	return list
}

// filled says which registers are filled before the start: constants and special ones.
func (d *decoder) filled() []bool {
	filled := make([]bool, d.named)
	for _, c := range d.prog.consts {
		filled[c.reg] = true
	}
	for _, s := range d.prog.specials {
		filled[s.reg] = true
	}
	for _, r := range d.prog.scratch { // a place of its own
		filled[r] = true
	}
	return filled
}
