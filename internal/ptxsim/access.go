package ptxsim

import (
	"fmt"
	"math/bits"
	"slices"
)

// spaceOf returns the space that a generic address lies in.
func (w *warp) spaceOf(addr uint64) space {
	switch addr & windowMask {
	case sharedWindow:
		return spaceShared
	case localWindow:
		return spaceLocal
	case paramWindow:
		return spaceParam
	}
	if a, _ := w.blk.launch.dev.find(addr); a != nil && a.readOnly {
		return spaceConst
	}
	return spaceGlobal
}

// access returns the n bytes at addr for one lane and the space they are in,
// after all checks; nil if there was a fault. A read of bytes that nothing wrote is one.
func (w *warp) access(lane int, sp space, addr uint64, n int, k accessKind) (data, state []byte, at space) {
	data, state, at = w.accessValue(lane, sp, addr, n, k, nil)
	if data != nil && !k.write() && !written(state) {
		w.fail(lane, ErrUninitialized, "%s, which nothing wrote", w.describeByte(at, addr+uint64(firstUnwritten(state))))
		return nil, nil, at
	}
	return data, state, at
}

// reach is access for a read of bytes that nothing wrote, too: whoever reads them keeps account of that.
// state is empty where all bytes have been written.
func (w *warp) reach(lane int, sp space, addr uint64, n int) (data, state []byte, at space) {
	return w.accessValue(lane, sp, addr, n, plainRead, nil)
}

// accessValue is reach for any access, and for a write of value, if it is not nil. Threads that write
// what is there already do not race with each other.
func (w *warp) accessValue(lane int, sp space, addr uint64, n int, k accessKind, value []byte) (data, state []byte, at space) {
	if sp == spaceGeneric {
		if sp = w.spaceOf(addr); sp == spaceShared || sp == spaceLocal || sp == spaceParam {
			addr &^= windowMask
		}
		if sp == spaceShared && addr>>rankShift != 0 {
			sp = spaceCluster
		}
	}
	if addr&uint64(n-1) != 0 {
		w.fail(lane, ErrMisaligned, "%d bytes at %v address %#x", n, sp, addr)
		return nil, nil, sp
	}
	var bad *violation
	switch sp {
	case spaceCluster:
		if data, state, bad = w.clusterBytes(addr, n, access{k, w, lane, value}); w.blk.own(addr) {
			sp = spaceShared
		}
	case spaceShared:
		data, state, bad = w.blk.shared.check(addr, n, access{k, w, lane, value})
	case spaceLocal:
		data, state, bad = w.localBytes(lane, addr, n)
	case spaceParam:
		p := w.blk.launch.params
		if k.write() {
			bad = &violation{ErrReadOnly, fmt.Sprintf("%d bytes at %d of the parameters", n, addr)}
		} else if addr > uint64(len(p)) || addr+uint64(n) > uint64(len(p)) {
			bad = &violation{ErrOutOfBounds, fmt.Sprintf("%d bytes at %d of the %d bytes of parameters", n, addr, len(p))}
		} else {
			data = p[addr : addr+uint64(n)]
		}
	default:
		data, state, bad = w.global(lane, addr, n, k, value)
		if bad == nil && sp == spaceConst {
			if a, _ := w.blk.launch.dev.find(addr); !a.readOnly {
				data, bad = nil, &violation{ErrOutOfBounds, fmt.Sprintf("%d bytes at %s, which is not constant memory", n, a.label)}
			}
		}
	}
	if bad != nil {
		w.fail(lane, bad.kind, "%s", bad.detail)
	}
	return data, state, sp
}

func (w *warp) localBytes(lane int, addr uint64, n int) (data, state []byte, bad *violation) {
	vars := w.prog.localVars
	i, off := addr/localSpan-1, addr%localSpan
	if i >= uint64(len(vars)) || off+uint64(n) > uint64(vars[i].size) {
		return nil, nil, &violation{ErrOutOfBounds, fmt.Sprintf("%d bytes of local memory at %s", n, describe(vars, addr))}
	}
	from := uint64(lane*w.prog.localSize+vars[i].store) + off
	return w.local[from : from+uint64(n)], w.state[from : from+uint64(n)], nil
}

// markWritten sets the written bit of each byte.
func markWritten(state []byte) {
	for i := range state {
		state[i] |= stateWritten
	}
}

// place is the address operand of a memory instruction.
type place struct {
	space space
	base  int    // register
	off   uint64 // added to it
}

// place reads address operand i for an instruction on space sp.
func (x *building) place(i int, sp space) place {
	return x.placeOf(x.in.args[i], i, sp)
}

func (x *building) placeOf(o operand, i int, sp space) place {
	if o.kind != opAddress || o.sub != nil {
		x.bad("operand %d is not an address", i+1)
	}
	switch {
	case o.sym == nil:
		return place{sp, x.constant(0), o.imm}
	case o.sym.space == spaceReg && (o.sym.typ.kind == kindPred || o.sym.typ.bits < 32 || !o.sym.typ.integer()):
		x.bad("register %s cannot hold an address", o.sym.name)
	case o.sym.space == spaceReg && sp == spaceGeneric && o.sym.typ.bits < 64:
		x.bad("register %s has 32 bits, expected 64 of a generic address", o.sym.name)
	case o.sym.space == spaceReg:
		r := x.use(o.sym)
		x.addresses = append(x.addresses, r)
		return place{sp, r, o.imm}
	case sp == spaceGeneric:
		x.bad("variable %s needs a generic address", o.sym.name)
	case sp == spaceParam && !o.sym.kernel && o.sym.space == spaceParam:
		return place{spaceLocal, x.address(o.sym, 0), o.imm}
	case o.sym.space != sp && !(sp == spaceCluster && o.sym.space == spaceShared):
		x.bad("variable %s is in %v memory, expected %v", o.sym.name, o.sym.space, sp)
	}
	return place{sp, x.address(o.sym, 0), o.imm}
}

// classes of the memory instructions on each space.
var memoryClass = map[space]Class{
	spaceGeneric: Global, spaceGlobal: Global, spaceShared: Shared, spaceLocal: Local, spaceConst: Move, spaceParam: Move, spaceCluster: Shared,
}

// cacheHints are modifiers without effect here.
var cacheHints = []string{
	"ca", "cg", "cs", "lu", "cv", "wb", "wt", "nc", "weak",
	"L1::evict_normal", "L1::evict_unchanged", "L1::evict_first", "L1::evict_last", "L1::no_allocate",
	"L2::evict_normal", "L2::evict_first", "L2::evict_last", "L2::64B", "L2::128B", "L2::256B",
}

// policy returns the operands without the cache policy, which comes as operand n.
func (x *building) policy(n int) []operand {
	x.nargs(n+1, n+1)
	x.src(n, b64)
	return x.in.args[:n]
}

// memory reads the modifiers that ld and st share: the space, the hints, the
// number of elements, the kind of access that a load is, and the type.
func (x *building) memory() (sp space, t typ, n int, k accessKind, order ordering) {
	t = x.typ(func(t typ) bool { return t.bits >= 8 && (t.integer() || isFloating(t)) })
	n = 1
	switch x.opt("v2", "v4") {
	case "v2":
		n = 2
	case "v4":
		n = 4
	}
	if n*t.bytes() > 16 {
		x.bad("more than 16 bytes")
	}
	switch strong := slices.ContainsFunc(x.mods, func(m string) bool { return m == "relaxed" || m == "acquire" || m == "release" }); {
	case x.has("volatile"):
		k = volatileRead
	case strong:
		k = strongRead
	}
	if scoped := slices.ContainsFunc(x.mods, func(m string) bool { return m == "cta" || m == "cluster" || m == "gpu" || m == "sys" }); scoped != (k == strongRead) {
		x.bad("an order needs a scope, and a scope an order")
	}
	order = x.ordering()
	sp = spaces[x.opt("global", "shared", "shared::cta", "shared::cluster", "local", "const", "param")]
	if k.strong() && (sp == spaceGlobal || sp == spaceGeneric) {
		x.prog.ordered = true
	}
	for x.opt(cacheHints...) != "" {
	}
	if x.has("L2::cache_hint") {
		x.in.args = x.policy(2)
	}
	x.class = memoryClass[sp]
	return sp, t, n, k, order
}

// vector returns the n operands of a memory instruction's value.
func (x *building) vector(i, n int) []operand {
	o := x.in.args[i]
	if n == 1 && o.kind != opVector {
		return []operand{o}
	}
	if o.kind != opVector || len(o.sub) != n {
		x.bad("operand %d is not a vector of %d", i+1, n)
	}
	return o.sub
}

func buildLd(x *building) exec {
	constant := slices.Contains(x.in.mods, "nc")
	if constant && (!slices.Contains(x.in.mods, "global") || slices.Contains(x.in.mods, "volatile")) {
		x.bad("modifier .nc is one of weak loads of global memory")
	}
	sp, t, n, k, order := x.memory()
	x.nargs(2, 2)
	at := x.place(1, sp)
	if sp == spaceParam && at.space == spaceParam && x.returnsToCaller() {
		x.bad("only named parameters can be loaded in a function")
	}
	size := t.bytes()
	var dst []int
	var extend []uint64
	for _, o := range x.vector(0, n) {
		dst = append(dst, x.dstOperand(o, t, true))
		e := t.mask()
		if o.kind == opReg && t.signed() {
			e = o.sym.typ.mask()
		}
		extend = append(extend, e)
	}
	if at.space == spaceParam && sp == spaceParam && x.in.args[1].sym != nil && x.in.args[1].sym.space == spaceParam {
		return loadParameters(x.addr[x.in.args[1].sym]+at.off, dst, t, extend)
	}
	narrow := !t.signed() || t.bits == 64 || !slices.ContainsFunc(extend, func(e uint64) bool { return e != t.mask() })
	return func(w *warp, m uint32) {
		if narrow && w.loadSpan(at, m, dst, size, k) {
			return
		}
		global, shared := w.requests()
		base := w.r[at.base] // a destination may be the base
		if narrow && k == plainRead {
			m = w.loadScattered(&base, at, m, dst, size, shared)
		}
		v := w.window(at.space, base[bits.TrailingZeros32(m)&31]+at.off)
		if narrow && v.data != nil && size == 4 && len(dst) == 1 {
			m = v.loadWords(&base, at.off, m, &w.r[dst[0]], global)
		}
		for ; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m) & 31
			addr := base[l] + at.off
			sp := spaceGlobal
			data, _ := v.bytes(addr, n*size, false)
			if data == nil {
				var state []byte
				w.constant = constant
				data, state, sp = w.accessValue(l, at.space, addr, n*size, k, nil)
				if w.constant = false; data == nil {
					return
				}
				if !written(state) {
					w.loadUndefined(l, dst, state, t, extend, origin{pc: w.pc - 1, space: sp, addr: addr})
				}
			}
			for i, d := range dst {
				v := load(data[i*size:], size)
				if t.signed() {
					v = uint64(sext(v, t.bits))
				}
				w.r[d][l] = v & extend[i]
			}
			switch sp {
			case spaceGlobal:
				global.put(addr)
				if k.strong() {
					w.synchronize(spaceGlobal, addr, order, true, false)
				}
			case spaceShared, spaceCluster:
				shared.put(addr)
				if k == strongRead {
					w.synchronize(at.space, addr, order, true, false)
				}
			}
		}
		w.count.GlobalLoadBytes += int64(global.n * n * size)
		w.count.GlobalLoadSectors += global.sectors()
		w.touchAll(global, n*size, false)
		w.count.SharedConflicts += shared.conflicts(n * size)
	}
}

// loadParameters loads from the parameters of the kernel, which are the same for all lanes.
func loadParameters(addr uint64, dst []int, t typ, extend []uint64) exec {
	size := t.bytes()
	return func(w *warp, m uint32) {
		p := w.blk.launch.params
		n := uint64(len(dst) * size)
		if addr&(n-1) != 0 || addr > uint64(len(p)) || addr+n > uint64(len(p)) {
			w.access(bits.TrailingZeros32(m), spaceParam, addr, int(n), plainRead)
			return
		}
		for i, d := range dst {
			v := load(p[addr+uint64(i*size):], size)
			if t.signed() {
				v = uint64(sext(v, t.bits))
			}
			w.setLanes(d, m, v&extend[i])
		}
	}
}

// returnsToCaller reports whether the current function is a .func.
func (d *decoder) returnsToCaller() bool {
	_, isFunc := d.returns[d.fn]
	return isFunc
}

func buildSt(x *building) exec {
	if slices.Contains(x.in.mods, "nc") {
		x.bad("modifier .nc is one of loads")
	}
	sp, t, n, k, order := x.memory()
	x.nargs(2, 2)
	at := x.place(0, sp)
	if sp == spaceConst || at.space == spaceParam {
		x.bad("constant memory and parameters of a kernel cannot be written")
	}
	size := t.bytes()
	var src []int
	for _, o := range x.vector(1, n) {
		src = append(src, x.srcOperand(o, t, true))
	}
	k |= plainWrite
	return func(w *warp, m uint32) {
		if w.undef == nil && w.storeSpan(at, m, src, size, k) {
			return
		}
		global, shared := w.requests()
		if k == plainWrite && w.undef == nil {
			m = w.storeScattered(at, m, src, size, shared)
		}
		var value [16]byte
		var v window
		if w.blk.sources.pending == 0 {
			v = w.window(at.space, w.r[at.base][bits.TrailingZeros32(m)&31]+at.off)
		}
		if v.data != nil && size == 4 && len(src) == 1 && w.undef == nil {
			m = v.storeWords(&w.r[at.base], at.off, m, &w.r[src[0]], global)
		}
		for ; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m) & 31
			addr := w.r[at.base][l] + at.off
			sp := spaceGlobal
			data, state := v.bytes(addr, n*size, true)
			if data == nil {
				for i, s := range src {
					store(value[i*size:], size, w.r[s][l])
				}
				if data, state, sp = w.accessValue(l, at.space, addr, n*size, k, value[:n*size]); data == nil {
					return
				}
				copy(data, value[:n*size])
			} else {
				for i, s := range src {
					store(data[i*size:], size, w.r[s][l])
				}
			}
			if w.undef == nil {
				markWritten(state)
			} else {
				w.storeUndefined(l, src, state, size, sp, addr)
			}
			switch sp {
			case spaceGlobal:
				global.put(addr)
				if k.strong() {
					w.synchronize(spaceGlobal, addr, order, false, true)
				}
			case spaceShared, spaceCluster:
				shared.put(addr)
				if k == strongWrite {
					w.synchronize(at.space, addr, order, false, true)
				}
			}
		}
		w.count.GlobalStoreBytes += int64(global.n * n * size)
		w.count.GlobalStoreSectors += global.sectors()
		w.touchAll(global, n*size, true)
		w.count.SharedConflicts += shared.conflicts(n * size)
	}
}
