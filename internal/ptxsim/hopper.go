package ptxsim

import "math/bits"

// buildElect: elect.sync d|p, membermask: the lowest lane of the mask is chosen, with Options.Seed one that depends on
// seed and mask: PTX leaves it open, but that it is the same for one mask.
func buildElect(x *building) exec {
	x.class = WarpWide
	x.need("sync")
	x.nargs(2, 2)
	o := x.in.args[0]
	if o.kind != opPair {
		x.bad("expected a register and a predicate")
	}
	d, p := x.dstOperand(o.sub[0], b32, false), x.dstPred(o.sub[1])
	mask := x.src(1, b32)
	return func(w *warp, _ uint32) {
		w.members(mask, func(m uint32) {
			others := m
			if seed := w.blk.launch.dev.opt.Seed; seed != 0 {
				for range mix(seed^uint64(m)) % uint64(bits.OnesCount32(m)) {
					others &= others - 1
				}
			}
			l := bits.TrailingZeros32(others)
			w.setLanes(d, m, uint64(l))
			w.setPredicate(p, m, 1<<l)
		})
	}
}

// buildSetmaxnreg asks for registers, of which there are enough here.
func buildSetmaxnreg(x *building) exec {
	x.class = Control
	x.need("inc", "dec")
	x.need("sync")
	x.need("aligned")
	x.typ(func(t typ) bool { return t == u32 })
	x.nargs(1, 1)
	if n := x.in.args[0]; n.kind != opInt || n.imm < 24 || n.imm > 256 || n.imm%8 != 0 {
		x.bad("the number of registers is not a multiple of 8 from 24 to 256")
	}
	return func(w *warp, _ uint32) { w.together() }
}

// buildStmatrix stores 1, 2 or 4 matrices of 8 x 8 16-bit elements, the reverse of ldmatrix.
func buildStmatrix(x *building) exec {
	x.class = LdMatrix
	x.need("sync")
	x.need("aligned")
	x.need("m8n8")
	n := map[string]int{"x1": 1, "x2": 2, "x4": 4}[x.need("x1", "x2", "x4")]
	trans := x.has("trans")
	sp := spaces[x.opt("shared", "shared::cta")]
	x.typ(func(t typ) bool { return t == typ{kindBits, 16} })
	x.nargs(2, 2)
	at := x.place(0, sp)
	var src []int
	for _, o := range x.vector(1, n) {
		src = append(src, x.srcOperand(o, b32, false))
	}
	return func(w *warp, _ uint32) {
		if !w.together() || !w.full() {
			return
		}
		for i, s := range src {
			var rows request
			for r := range 8 {
				var value [16]byte
				missing := uint16(0) // bytes
				for c := range 8 {
					from, half := 4*r+c/2, c%2
					if trans {
						from, half = 4*c+r/2, r%2
					}
					store(value[2*c:], 2, w.r[s][from]>>(16*half)&0xFFFF)
					if u := w.undef; u != nil {
						missing |= bytesOf(u.of(s, from)>>(16*half), 2) << (2 * c)
					}
				}
				l := 8*i + r
				addr := w.r[at.base][l] + at.off
				data, state, got := w.accessValue(l, at.space, addr, 16, plainWrite, value[:])
				if data == nil {
					return
				}
				if got != spaceShared {
					w.fail(l, ErrOutOfBounds, "stmatrix to %v memory, expected shared", got)
					return
				}
				copy(data, value[:])
				setWritten(state, missing)
				rows.put(addr)
			}
			w.count.SharedConflicts += rows.conflicts(16)
		}
	}
}
