package ptxsim

import "math/bits"

func buildBra(x *building) exec {
	x.class = Control
	x.has("uni")
	x.nargs(1, 1)
	o := x.in.args[0]
	i := -1
	if o.kind == opName {
		i = x.in.scope.label(o.name)
	}
	if i < 0 {
		x.bad("label %s is not defined", o.name)
	}
	target := new(int)
	x.jumps = append(x.jumps, jump{target, i})
	x.flow.targets = []*int{target}
	return func(w *warp, m uint32) { w.branch(*target, m) }
}

// buildBrx: brx.idx a, table: branch to the label that a chooses.
func buildBrx(x *building) exec {
	x.class = Control
	x.need("idx")
	x.has("uni")
	x.nargs(2, 2)
	o := x.in.args[1]
	table := x.in.scope.table(o.name)
	if o.kind != opName || table == nil {
		x.bad("%s is not a list of .branchtargets", o.name)
	}
	var targets []*int
	for _, name := range table {
		i := x.in.scope.label(name)
		if i < 0 {
			x.bad("label %s is not defined", name)
		}
		to := new(int)
		x.jumps = append(x.jumps, jump{to, i})
		targets = append(targets, to)
	}
	x.flow.targets = targets
	index := x.src(0, u32)
	return func(w *warp, m uint32) {
		for left := m; left != 0; {
			l := bits.TrailingZeros32(left)
			i := w.r[index][l]
			if i >= uint64(len(targets)) {
				w.fail(l, ErrOutOfBounds, "branch target %d of %d", i, len(targets))
				return
			}
			same := uint32(0)
			for k := left; k != 0; k &= k - 1 {
				if l := bits.TrailingZeros32(k); w.r[index][l] == i {
					same |= 1 << l
				}
			}
			left &^= same
			w.branch(*targets[i], same)
		}
	}
}

// leave returns what ends the current function: exit in a kernel, else a
// return to the address in the function's register.
func (d *decoder) leave() exec {
	r, isFunc := d.returns[d.fn]
	if !isFunc {
		return exit
	}
	return func(w *warp, m uint32) {
		for left := m; left != 0; {
			to := w.r[r][bits.TrailingZeros32(left)]
			same := uint32(0)
			for k := left; k != 0; k &= k - 1 {
				if l := bits.TrailingZeros32(k); w.r[r][l] == to {
					same |= 1 << l
				}
			}
			left &^= same
			w.branch(int(to), same)
		}
	}
}

func exit(w *warp, m uint32) {
	w.live &^= m
	w.active &^= m
}

func buildRet(x *building) exec {
	x.class = Control
	x.has("uni")
	x.nargs(0, 0)
	return x.leave()
}

func buildExit(x *building) exec {
	x.class = Control
	x.nargs(0, 0)
	return exit
}

func buildTrap(x *building) exec {
	x.class = Control
	x.nargs(0, 0)
	return func(w *warp, m uint32) { w.fail(bits.TrailingZeros32(m), ErrTrap, "the kernel stopped itself") }
}

// buildCall: (results), function, (parameters). Each is a .param variable;
// all variables of a function have fixed places, since recursion is refused.
func buildCall(x *building) exec {
	x.class = Control
	x.has("uni")
	f := x.callee(x.in)
	var lists [2][]operand // results, parameters
	named := false
	for _, o := range x.in.args {
		switch {
		case o.kind == opName && !named:
			named = true
		case o.kind == opList && named:
			lists[1] = o.sub
		case o.kind == opList:
			lists[0] = o.sub
		default:
			x.bad("an operand is not supported in a call")
		}
	}
	match := func(what string, ops []operand, formals []*symbol) []localCopy {
		if len(ops) != len(formals) {
			x.bad("%d %s, %s has %d", len(ops), what, f.name, len(formals))
		}
		var out []localCopy
		for i, o := range ops {
			if o.kind != opName || o.sym == nil || o.sym.space != spaceParam || o.sym.kernel {
				x.bad("one of the %s is not a .param variable of the caller", what)
			}
			if o.sym.size != formals[i].size {
				x.bad("%s has %d bytes, %s of %s has %d", o.sym.name, o.sym.size, formals[i].name, f.name, formals[i].size)
			}
			out = append(out, localCopy{x.stored(o.sym), x.stored(formals[i]), o.sym.size})
		}
		return out
	}
	results, params := match("results", lists[0], f.results), match("parameters", lists[1], f.params)
	back := x.returns[f]
	entry := x.entries[f]
	next := len(x.prog.code) + 1
	x.after = func(w *warp, m uint32) {
		for _, c := range results {
			w.copyLocal(m, c.there, c.here, c.size)
		}
	}
	return func(w *warp, m uint32) {
		for _, c := range params {
			w.copyLocal(m, c.here, c.there, c.size)
		}
		for k := m; k != 0; k &= k - 1 {
			w.r[back][bits.TrailingZeros32(k)] = uint64(next)
		}
		w.branch(entry, m)
	}
}

// stored returns where the bytes of a local variable are among those of its thread.
func (d *decoder) stored(y *symbol) int {
	return d.prog.localVars[d.addr[y]/localSpan-1].store
}

// localCopy pairs an argument with its place in the callee.
type localCopy struct{ here, there, size int }

// copyLocal copies bytes of local memory with their states.
func (w *warp) copyLocal(m uint32, from, to, n int) {
	for ; m != 0; m &= m - 1 {
		base := bits.TrailingZeros32(m) * w.prog.localSize
		copy(w.local[base+to:base+to+n], w.local[base+from:])
		copy(w.state[base+to:base+to+n], w.state[base+from:])
		for i := range n {
			if s := &w.state[base+from+i]; *s&statePartial != 0 {
				w.blk.launch.partial.put(w.state[base+to+i:base+to+i+1], uint64(w.blk.launch.partial.get(s)))
			}
		}
	}
}
