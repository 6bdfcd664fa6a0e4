package ptxsim

import (
	"fmt"
	"math/bits"
	"slices"
)

// A wgmma goes on behind the instruction, to the warp's wait for its group. Till then the sums may not be
// touched, the factors in registers not be changed, and shared memory that it reads must stay: it is read at
// the wait as well as at the issue, so that a release between tells nobody that it has been read. Registers
// that other instructions touch need a wgmma.fence before the next wgmma with them (PTX, "Asynchronous
// Warpgroup Level Matrix Instructions").

// productRegisters are those of a wgmma.
type productRegisters struct{ sums, factors []int }

// productUse is what another instruction, or a straight line of them, does to such registers.
type productUse struct{ reads, writes []int }

// products are the wgmma of a warp that are under way.
type products struct {
	groups        []*productGroup // the last one may be open
	spare         []*productGroup
	sums, factors []uint16 // by register: how many have it
	unfenced      []bool   // by register: touched since the last wgmma.fence
	issued        int
}

type productGroup struct {
	closed   bool
	products []*productRegisters
	since    uint32   // the warp's time at the first of them
	read     []uint64 // a bit for each 16 bytes of shared memory
}

// findProducts notes which instructions touch registers of wgmma.
func (p *program) findProducts(flows []flow) {
	is := make([]bool, p.regs)
	for _, o := range p.code {
		if o.product != nil {
			p.products = true
			for _, r := range slices.Concat(o.product.sums, o.product.factors) {
				is[r] = true
			}
		}
	}
	if !p.products {
		return
	}
	those := func(list []int) (in []int) {
		for _, r := range list {
			if is[r] {
				in = append(in, r)
			}
		}
		return in
	}
	for i := range p.code {
		o := &p.code[i]
		if use := (productUse{those(flows[i].uses), those(flows[i].defs)}); o.product == nil && len(use.reads)+len(use.writes) > 0 {
			o.products = &use
		}
	}
}

// productsOf is what a straight line does to registers of wgmma; nil if nothing.
func productsOf(code []op) *productUse {
	var sum productUse
	for _, o := range code {
		if o.products != nil {
			sum.reads, sum.writes = append(sum.reads, o.products.reads...), append(sum.writes, o.products.writes...)
		}
	}
	if len(sum.reads)+len(sum.writes) == 0 {
		return nil
	}
	return &sum
}

// resetProducts is for a warp at the beginning of a block.
func (w *warp) resetProducts() {
	if w.products = nil; !w.prog.products {
		return
	}
	n := w.prog.regs
	w.products = &products{sums: make([]uint16, n), factors: make([]uint16, n), unfenced: make([]bool, n)}
	for i := range w.products.unfenced {
		w.products.unfenced[i] = true
	}
}

// touch judges what other instructions do to registers of wgmma.
func (w *warp) touchProducts(u *productUse) bool {
	p := w.products
	for _, r := range u.writes {
		if p.sums[r]+p.factors[r] != 0 {
			w.fail(bits.TrailingZeros32(w.active), ErrRace, "a register of a wgmma that is under way is written: a wgmma.wait_group is missing")
			return false
		}
		p.unfenced[r] = true
	}
	for _, r := range u.reads {
		if p.sums[r] != 0 {
			w.fail(bits.TrailingZeros32(w.active), ErrRace, "a sum of a wgmma that is under way is read: a wgmma.wait_group is missing")
			return false
		}
		p.unfenced[r] = true
	}
	return true
}

// issue begins a wgmma.
func (w *warp) issueProduct(on *productRegisters) bool {
	p := w.products
	if n := len(w.blk.warps) - w.id/4*4; n < 4 {
		w.fail(0, ErrDivergent, "a wgmma in a warpgroup of %d warps, expected 4", n)
		return false
	}
	for _, r := range on.factors {
		if p.sums[r] != 0 {
			w.fail(0, ErrRace, "a factor of the wgmma is a sum of one that is under way: a wgmma.wait_group is missing")
			return false
		}
	}
	for _, r := range slices.Concat(on.sums, on.factors) {
		if p.unfenced[r] {
			w.fail(0, ErrRace, "a wgmma on registers that were touched without a wgmma.fence since")
			return false
		}
	}
	p.issued++
	n := len(p.groups)
	if n == 0 || p.groups[n-1].closed {
		g := new(productGroup)
		if k := len(p.spare); k > 0 {
			g, p.spare = p.spare[k-1], p.spare[:k-1]
		}
		*g = productGroup{products: g.products[:0], since: w.order.now, read: resize(g.read, len(w.blk.shared.data)/1024+1)}
		p.groups = append(p.groups, g)
		n++
	}
	g := p.groups[n-1]
	g.products = append(g.products, on)
	for _, r := range on.sums {
		p.sums[r]++
	}
	for _, r := range on.factors {
		p.factors[r]++
	}
	return true
}

// reading notes that the newest wgmma reads 16 bytes of shared memory.
func (p *products) reading(addr uint64) {
	p.groups[len(p.groups)-1].read[addr>>10] |= 1 << (addr >> 4 & 63)
}

func (p *products) fence() { clear(p.unfenced) }

func (p *products) commit() {
	if n := len(p.groups); n > 0 && !p.groups[n-1].closed {
		p.groups[n-1].closed = true
		return
	}
	p.groups = append(p.groups, &productGroup{closed: true})
}

// waitProducts completes all groups but the latest keep ones.
func (w *warp) waitProducts(keep int) {
	p := w.products
	done := len(p.groups)
	if done > 0 && !p.groups[done-1].closed {
		done--
	}
	done = max(0, done-keep)
	for _, g := range p.groups[:done] {
		for _, on := range g.products {
			for _, r := range on.sums {
				p.sums[r]--
			}
			for _, r := range on.factors {
				p.factors[r]--
			}
		}
		for i, set := range g.read {
			for ; set != 0; set &= set - 1 {
				if !w.readAgain(uint64(i)<<10+uint64(bits.TrailingZeros64(set))<<4, 0, g.since, "a wgmma") {
					return
				}
			}
		}
		p.spare = append(p.spare, g)
	}
	p.groups = append(p.groups[:0], p.groups[done:]...)
}

// readAgain enters 16 bytes of shared memory, which something that began at the warp's time since has read, as
// read at the present time.
func (w *warp) readAgain(addr uint64, lane int, since uint32, what string) bool {
	s := w.blk.shared
	if s.state[addr]&statePending != 0 {
		w.fail(lane, ErrRace, "a copy is under way to shared memory at %s, which %s still reads up to here", describe(s.vars, addr), what)
		return false
	}
	for word := addr / 4; word < addr/4+4; word++ {
		e := s.writes[word]
		if e == split {
			if _, _, bad := s.check(4*word, 4, access{kind: plainRead, warp: w, lane: lane}); bad != nil {
				w.fail(lane, bad.kind, "%s still reads up to here: %s", what, bad.detail)
				return false
			}
			continue
		}
		by, t := int(e>>entryWarp)&31, entryTime(e)
		if t >= w.blk.began && (by == w.id && t >= since && e&byAsync == 0 || e >= w.order.limit && by != w.id && w.order.known[by] < t) {
			w.fail(lane, ErrRace, "shared memory at %s, which %s still reads up to here and %s wrote meanwhile", describe(s.vars, 4*word), what, w.writer(e))
			return false
		}
		s.reads[word] = w.order.now<<entryStamp | uint32(w.id<<entryWarp|lane)
	}
	return true
}

// warpgroups finds warpgroups of a block that has ended whose warps have not executed the same wgmma.
func (b *blockRun) warpgroups() error {
	for i, w := range b.warps {
		if w.products == nil || i%4 == 0 {
			continue
		}
		if n, first := w.products.issued, b.warps[i/4*4].products.issued; n != first {
			return w.newFault(min(w.pc, len(w.prog.code)-1), 0, ErrDivergent, fmt.Sprintf(
				"warp %d has executed %d wgmma, and warp %d of its warpgroup %d", i, n, i/4*4, first))
		}
	}
	return nil
}

// wgmmaRest builds wgmma.fence, commit_group and wait_group.
func (x *building) wgmmaRest(what string) exec {
	keep := 0
	if what == "wait_group" {
		x.nargs(1, 1)
		o := x.in.args[0]
		if o.kind != opInt || o.imm > 1<<16 {
			x.bad("the number of groups is not a literal")
		}
		keep = int(o.imm)
	} else {
		x.nargs(0, 0)
	}
	x.need("sync")
	x.need("aligned")
	return func(w *warp, _ uint32) {
		if !w.together() || !w.full() || w.products == nil {
			return
		}
		switch what {
		case "fence":
			w.products.fence()
		case "commit_group":
			w.products.commit()
		default:
			w.waitProducts(keep)
		}
	}
}
