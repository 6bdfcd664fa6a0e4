package ptxsim

import (
	"maps"
	"math/bits"
	"slices"
	"strings"
)

// decoder turns a kernel and the functions it calls into a program.
type decoder struct {
	mod     *Module
	prog    *program
	regs    map[*symbol]int
	preds   map[*symbol]int
	addr    map[*symbol]uint64 // shared, local and param variables
	lits    map[uint64]int
	addrs   map[*symbol]int // registers that hold addresses of globals
	specs   map[string]int
	entries map[*function]int // code index of a function's start
	returns map[*function]int // register with the return address
	fn      *function
	starts  []int // code index of each instruction of fn
	jumps   []jump
	flows   []flow // of the code
	named   int    // registers so far
	places  []int  // of each register, once they are allocated
	last    bool   // the code is not decoded again
	err     error
}

// jump is a branch target that is known only after the function is decoded.
type jump struct {
	target *int
	inst   int
}

// decodeModule decodes all kernels, and checks the functions that none calls.
func decodeModule(m *Module) error {
	for _, name := range m.Kernels() {
		k := m.kernels[name]
		prog, err := decodeProgram(m, k.fn, true)
		if err != nil {
			return err
		}
		k.prog = prog
	}
	for _, name := range slices.Sorted(maps.Keys(m.funcs)) {
		fn := m.funcs[name]
		if !fn.defined {
			continue
		}
		if _, err := decodeProgram(m, fn, false); err != nil {
			return err
		}
	}
	return nil
}

// decodeProgram decodes a function twice: once to see which registers there are, and again when they have their places.
func decodeProgram(m *Module, fn *function, kernel bool) (*program, error) {
	d := newDecoder(m, fn)
	if err := d.decode(fn, kernel); err != nil {
		return d.prog, err
	}
	flows := d.flows
	if len(d.entries) > 1 {
		d.prog.findUnwritten(flows, d.neverWritten(), nil, neverWritten(conditions(flows), d.prog.preds), nil)
		d.prog.finish(d)
		return d.prog, nil
	}
	places, count, fresh := allocate(flows, d.named, d.filled())
	regs := readFirst(places, fresh)
	copies, preds := copiesOf(flows, regs, d.named), predicatesReadFirst(flows, d.prog.preds)
	d = newDecoder(m, fn)
	d.places = places
	err := d.decode(fn, kernel)
	d.prog.regs, d.prog.fresh = count, fresh
	if err == nil {
		d.prog.findUnwritten(flows, regs, copies, preds, places)
		d.prog.finish(d)
	}
	return d.prog, err
}

func newDecoder(m *Module, fn *function) *decoder {
	return &decoder{
		mod: m, prog: &program{kernel: fn.name, file: m.name, preds: firstPred},
		regs: map[*symbol]int{}, preds: map[*symbol]int{}, addr: map[*symbol]uint64{}, lits: map[uint64]int{}, addrs: map[*symbol]int{},
		specs: map[string]int{}, entries: map[*function]int{}, returns: map[*function]int{},
	}
}

// decode decodes fn and the functions that it calls. Without places all registers have their own, and all but
// constants and special ones are fresh.
func (d *decoder) decode(fn *function, kernel bool) error {
	p := &parser{} // for run: leave the descent at the first error
	p.run(func() {
		order := d.callOrder(fn, nil, nil)
		d.layout(order, kernel)
		d.last = d.places != nil || len(order) > 1
		for _, f := range order {
			d.function(f, kernel && f == fn)
		}
	})
	if d.places == nil {
		for r, filled := range d.filled() {
			if !filled {
				d.prog.fresh = append(d.prog.fresh, r)
			}
		}
		d.prog.regs = d.named
	}
	return d.err
}

func (d *decoder) fail(line int, format string, args ...any) {
	d.err = loadError(d.mod.name, line, format, args...)
	panic(stop{})
}

// callOrder lists the functions that fn reaches, each before its callers: a
// callee's smaller addresses make lanes in a call go before lanes that left it.
func (d *decoder) callOrder(fn *function, path, order []*function) []*function {
	if slices.Contains(order, fn) {
		return order
	}
	if slices.Contains(path, fn) {
		d.fail(fn.line, "function %s calls itself: recursion is not supported", fn.name)
	}
	path = append(path, fn)
	for i := range fn.body {
		if in := &fn.body[i]; in.op == "call" {
			order = d.callOrder(d.callee(in), path, order)
		}
	}
	return append(order, fn)
}

// callee returns the function that a call names.
func (d *decoder) callee(in *inst) *function {
	for _, o := range in.args {
		if o.kind == opName || o.kind == opReg {
			if f := d.mod.funcs[o.name]; f != nil && f.defined {
				return f
			}
			if o.name == "vprintf" || o.name == "__assertfail" {
				d.fail(in.line, "call of %s: printf and assert are left out", o.name)
			}
			if o.sym != nil && o.sym.space == spaceReg {
				d.fail(in.line, "call through register %s: indirect calls are left out", o.name)
			}
			d.fail(in.line, "call of %s, which has no body here", o.name)
		}
	}
	d.fail(in.line, "a call needs the name of a function")
	return nil
}

// Each local variable has addresses of its own, far from those of the others, so that an index far
// out of bounds does not land in one of them.
const localSpan = 1 << 21

// layout gives every shared, local and parameter variable its address.
func (d *decoder) layout(order []*function, kernel bool) {
	p := d.prog
	at, dynAlign := sharedBase, 1
	shared := func(y *symbol) {
		if y.extern {
			dynAlign = max(dynAlign, y.align)
			return
		}
		at = sharedPlace(at, y.align)
		d.addr[y] = uint64(at)
		p.sharedVars = append(p.sharedVars, variable{name: y.name, off: at, size: y.size})
		p.sharedStatic = alignUp(p.sharedStatic, y.align) + y.size
		at = alignUp(at+y.size, 128) + sharedGap(at, y.size)
	}
	local := func(y *symbol) {
		off := localSpan * (len(p.localVars) + 1)
		d.addr[y] = uint64(off)
		p.localVars = append(p.localVars, variable{name: y.name, off: off, size: y.size, store: p.localSize})
		p.localSize = alignUp(p.localSize+y.size, 16)
	}
	var modShared []*symbol
	for _, y := range d.mod.top.names {
		if y.space == spaceShared {
			modShared = append(modShared, y)
		}
	}
	slices.SortFunc(modShared, func(a, b *symbol) int {
		if a.line != b.line {
			return a.line - b.line
		}
		return strings.Compare(a.name, b.name)
	})
	used := map[*symbol]bool{}
	for _, f := range order {
		for i := range f.body {
			markUsed(f.body[i].args, used)
		}
	}
	for _, y := range modShared {
		if used[y] {
			shared(y)
		}
	}
	for _, f := range order {
		entry := kernel && f == order[len(order)-1]
		for _, y := range f.params {
			if !entry {
				local(y)
				continue
			}
			p.paramBytes = alignUp(p.paramBytes, y.align)
			d.addr[y] = uint64(p.paramBytes)
			p.params = append(p.params, p.paramBytes)
			p.paramBytes += y.size
		}
		for _, y := range f.results {
			local(y)
		}
		for _, y := range f.vars {
			if y.space == spaceShared {
				shared(y)
			} else {
				local(y)
			}
		}
	}
	if p.localSize > 1<<20 || len(p.localVars) > 1000 || at > 1<<30 {
		d.fail(order[len(order)-1].line, "variables of %s are too large: %d bytes local, %d bytes shared", p.kernel, p.localSize, p.sharedStatic)
	}
	if p.dynamicAt = alignUp(at, dynAlign); len(p.sharedVars) > 0 {
		p.dynamicAt = sharedPlace(at, dynAlign)
	}
	for _, y := range modShared {
		if y.extern {
			d.addr[y] = uint64(p.dynamicAt)
		}
	}
}

func markUsed(args []operand, used map[*symbol]bool) {
	for _, o := range args {
		if o.sym != nil {
			used[o.sym] = true
		}
		markUsed(o.sub, used)
	}
}

// function decodes one body. A guarded instruction that steers control or
// synchronizes the warp becomes a branch round an unguarded one.
func (d *decoder) function(f *function, kernel bool) {
	d.fn, d.starts, d.jumps = f, make([]int, len(f.body)+1), nil
	d.entries[f] = len(d.prog.code)
	if kernel {
		d.prog.entry = len(d.prog.code)
	} else {
		d.returns[f] = d.newReg()
	}
	for i := range f.body {
		in := f.body[i] // a builder may change its operands
		d.starts[i] = len(d.prog.code)
		guard := -1
		if in.guard != nil {
			guard = d.predReg(in.guard)
		}
		if guard >= 0 && slices.Contains(steering, in.op) && in.op != "bra" {
			skip := new(int)
			d.jumps = append(d.jumps, jump{skip, i + 1})
			round := func(w *warp, m uint32) { w.branch(*skip, m) }
			if in.op == "bar" && !slices.Contains(in.mods, "warp") || in.op == "barrier" {
				round = func(w *warp, m uint32) {
					if m != w.active {
						w.fail(bits.TrailingZeros32(m), ErrDivergent, "the guard of the barrier differs between the lanes of the warp")
					}
					w.branch(*skip, m)
				}
			}
			d.emit(op{exec: round, guard: guard, neg: !in.neg, class: Control, line: in.line, text: "branch round " + in.text()},
				flow{targets: []*int{skip}, falls: true, predUses: []int{guard}, rule: &undefinedRule{decides: true}})
			guard = -1
		}
		if reason := leftOut(&in); reason != "" {
			d.fail(in.line, "instruction %s: %s", in.text(), reason)
		}
		if need := in.needs(); !d.mod.target.has(need) {
			d.fail(in.line, "instruction %s needs .target %v, found %v", in.text(), need, d.mod.target)
		}
		build, ok := builders[in.op]
		if !ok {
			d.fail(in.line, "instruction %s is not supported", in.text())
		}
		x := &building{decoder: d, in: &in, mods: slices.Clone(in.mods), class: Integer, guard: guard}
		exec := build(x)
		if len(x.mods) > 0 {
			d.fail(in.line, "instruction %s: modifier or type .%s is not supported", in.text(), x.mods[0])
		}
		if hasLanes && x.lanes != nil {
			exec = native(x.lanes)
		} else {
			x.lanes = nil
		}
		x.flow.keeps = guard >= 0
		x.flow.falls = guard >= 0 || !slices.Contains(leaving, in.op)
		x.flow.predUses, x.flow.predDefs = x.predUses, x.predDefs
		if guard >= 0 {
			x.flow.predUses = append(slices.Clip(x.predUses), guard)
		}
		x.flow.copies = in.op == "mov" && len(x.flow.defs) == 1 && len(x.flow.uses) == 1 && len(x.sources) == 1
		if d.last {
			x.flow.rule = x.undefinedRule()
		}
		d.emitCost(op{exec: exec, other: x.other, guard: guard, neg: in.neg, class: x.class, line: in.line, text: in.text(), lanes: x.lanes, exited: x.exited, product: x.product}, x.flow, costOf(&in, x))
		if x.after != nil {
			d.emit(op{exec: x.after, guard: -1, class: x.class, line: in.line, text: in.text()}, flow{falls: true})
		}
	}
	d.starts[len(f.body)] = len(d.prog.code)
	// A body that ends without ret or exit returns.
	d.emit(op{exec: d.leave(), guard: -1, class: Control, line: f.line, text: "end of " + f.name}, flow{})
	for _, j := range d.jumps {
		*j.target = d.starts[j.inst]
	}
}

// steering lists the instructions that a predicate cannot simply mask.
var steering = []string{"bra", "call", "ret", "exit", "bar", "barrier", "shfl", "vote", "match", "redux", "ldmatrix", "stmatrix", "mma", "wgmma", "elect"}

// leaving lists those after which a thread does not go on to the next instruction.
var leaving = []string{"bra", "brx", "ret", "exit", "trap"}

func (d *decoder) emit(o op, f flow) {
	d.emitCost(o, f, opCost{unit: ControlUnit, issues: 1})
}

// newReg returns a new register, or its place.
func (d *decoder) newReg() int {
	d.named++
	if d.places != nil {
		return d.places[d.named-1]
	}
	return d.named - 1
}

func (d *decoder) reg(y *symbol) int {
	r, ok := d.regs[y]
	if !ok {
		r = d.newReg()
		d.regs[y] = r
	}
	return r
}

func (d *decoder) predReg(y *symbol) int {
	r, ok := d.preds[y]
	if !ok {
		r = d.prog.preds
		d.prog.preds++
		d.preds[y] = r
	}
	return r
}

// constant returns a register that holds v.
func (d *decoder) constant(v uint64) int {
	r, ok := d.lits[v]
	if !ok {
		r = d.newReg()
		d.lits[v] = r
		d.prog.consts = append(d.prog.consts, constant{reg: r, value: v})
	}
	return r
}

// address returns a register that holds the address of y plus off.
func (d *decoder) address(y *symbol, off uint64) int {
	if y.space != spaceGlobal && y.space != spaceConst {
		return d.constant(d.addr[y] + off)
	}
	if r, ok := d.addrs[y]; ok && off == 0 {
		return r
	}
	r := d.newReg()
	d.prog.consts = append(d.prog.consts, constant{reg: r, value: off, sym: y})
	if off == 0 {
		d.addrs[y] = r
	}
	return r
}
