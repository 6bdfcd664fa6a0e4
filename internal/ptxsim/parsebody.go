package ptxsim

import "strings"

// inst is one parsed instruction.
type inst struct {
	line  int
	guard *symbol // predicate register, nil if unguarded
	neg   bool    // @!p
	op    string  // text before the first dot
	mods  []string
	args  []operand
	scope *scope
}

func (in *inst) text() string { return strings.Join(append([]string{in.op}, in.mods...), ".") }

// function reads what follows .entry or .func.
func (p *parser) function(kernel bool) {
	fn := &function{scope: newScope(p.mod.top)}
	p.scope, p.fn = fn.scope, fn
	if !kernel && p.accept("(") {
		fn.results = p.formals(kernel)
	}
	name := p.word("a name")
	fn.name, fn.line = name.text, name.line
	if p.accept("(") {
		fn.params = p.formals(kernel)
	}
	p.attributes(fn)
	if !p.accept(";") {
		p.expect("{")
		fn.defined = true
		p.body()
	}
	p.scope, p.fn = p.mod.top, nil
	if kernel {
		if !fn.defined || p.mod.kernels[fn.name] != nil {
			p.fail(fn.line, "kernel %s is declared without body or twice", fn.name)
		}
		p.mod.kernels[fn.name] = &Kernel{name: fn.name, module: p.mod, fn: fn}
		return
	}
	if old := p.mod.funcs[fn.name]; old == nil || !old.defined {
		p.mod.funcs[fn.name] = fn
	} else if fn.defined {
		p.fail(fn.line, "function %s is declared twice", fn.name)
	}
}

func (p *parser) formals(kernel bool) []*symbol {
	var out []*symbol
	for !p.accept(")") {
		t := p.word("a parameter")
		if t.text != ".param" {
			p.fail(t.line, "found %q, expected .param: parameters in registers are not supported", t.text)
		}
		y := p.declaration(spaceParam)
		if y.size == 0 {
			p.fail(y.line, "parameter %s has no size", y.name)
		}
		y.kernel = kernel
		p.declare(y)
		out = append(out, y)
		if p.peek().text != ")" {
			p.expect(",")
		}
	}
	return out
}

// attributes reads performance directives between a head and its body.
func (p *parser) attributes(fn *function) {
	for {
		switch t := p.peek(); t.text {
		case ".maxntid", ".reqntid":
			p.pos++
			n := []int{p.integer("a block size", 1, 1024)}
			for p.accept(",") {
				n = append(n, p.integer("a block size", 1, 1024))
			}
			if t.text == ".maxntid" {
				fn.maxTid = n
			} else {
				fn.reqTid = n
			}
		case ".minnctapersm", ".maxnreg", ".maxnctapersm":
			p.pos++
			p.integer("a number", 1, 1<<16)
		case ".reqnctapercluster":
			p.clusterDirective(t)
			p.pos++
			n := []int{p.integer("a cluster size", 1, 1<<16)}
			for p.accept(",") {
				n = append(n, p.integer("a cluster size", 1, 1<<16))
			}
			fn.cluster = n
		case ".maxclusterrank":
			p.clusterDirective(t)
			p.pos++
			p.integer("a number", 1, 1<<16)
		case ".explicitcluster":
			p.clusterDirective(t)
			p.pos++
			fn.explicitCluster = true
		case ".noreturn":
			p.pos++
		case ".pragma":
			p.pos += 2
			p.expect(";")
		default:
			return
		}
	}
}

// body reads up to the closing brace of a function.
func (p *parser) body() {
	outer := p.scope
	for {
		t := p.next()
		switch {
		case t.kind == tokEnd:
			p.fail(t.line, "function %s has no closing brace", p.fn.name)
		case t.text == "{" && t.kind == tokPunct:
			p.scope = newScope(p.scope)
		case t.text == "}" && t.kind == tokPunct:
			if p.scope == outer {
				return
			}
			p.scope = p.scope.parent
		case t.text == ";" && t.kind == tokPunct:
		case t.text == "@" && t.kind == tokPunct:
			neg := p.accept("!")
			g := p.word("a predicate")
			y := p.scope.lookup(g.text)
			if y == nil || y.typ.kind != kindPred {
				p.fail(g.line, "guard %s is not a predicate register", g.text)
			}
			p.instruction(p.word("an instruction"), y, neg)
		case t.kind != tokWord:
			p.fail(t.line, "found %q, expected an instruction", t.text)
		case t.text[0] == '.':
			p.bodyDirective(t)
		case p.accept(":"):
			if next := p.peek(); p.accept(".branchtargets") {
				p.scope.tables[t.text] = p.names()
				break
			} else if next.text == ".callprototype" || next.text == ".calltargets" {
				p.fail(next.line, "directive %s: indirect calls are left out", next.text)
			}
			if _, dup := p.scope.labels[t.text]; dup {
				p.fail(t.line, "label %s is defined twice", t.text)
			}
			p.scope.labels[t.text] = len(p.fn.body)
		default:
			p.instruction(t, nil, false)
		}
	}
}

// names reads a list of labels up to the semicolon.
func (p *parser) names() []string {
	list := []string{p.word("a label").text}
	for p.accept(",") {
		list = append(list, p.word("a label").text)
	}
	p.expect(";")
	return list
}

func (p *parser) bodyDirective(t token) {
	switch t.text {
	case ".reg":
		p.registers()
	case ".local", ".shared", ".param":
		p.variable(spaces[t.text[1:]], false)
	case ".pragma":
		p.next()
		p.expect(";")
	case ".loc":
		p.pos--
		p.skipLine()
	default:
		p.fail(t.line, "directive %s is not supported", t.text)
	}
}

func (p *parser) registers() {
	t := p.word("a type")
	parts := map[string]int{".v2": 2, ".v4": 4}[t.text]
	if parts > 0 {
		t = p.word("a type")
	}
	ty, ok := types[strings.TrimPrefix(t.text, ".")]
	if !ok || t.text[0] != '.' {
		p.fail(t.line, "type %s is not supported in a register", t.text)
	}
	for {
		n := p.word("a register")
		if parts > 0 {
			p.vectorRegister(n, ty, parts)
		} else if p.accept("<") {
			p.scope.ranges[n.text] = regRange{ty, p.integer("a count", 0, maxRegisters)}
			p.expect(">")
		} else {
			p.declare(&symbol{name: n.text, space: spaceReg, typ: ty, line: n.line})
		}
		if !p.accept(",") {
			break
		}
	}
	p.expect(";")
}

// vectorRegister declares a register of so many parts, which are called .x, .y, .z and .w, or .r, .g, .b and .a.
func (p *parser) vectorRegister(n token, ty typ, parts int) {
	y := &symbol{name: n.text, space: spaceReg, typ: ty, line: n.line}
	for i := range parts {
		part := &symbol{name: n.text + "." + "xyzw"[i:i+1], space: spaceReg, typ: ty, line: n.line}
		p.declare(part)
		p.scope.names[n.text+"."+"rgba"[i:i+1]] = part
		y.vector = append(y.vector, part)
	}
	p.declare(y)
}

func (p *parser) instruction(t token, guard *symbol, neg bool) {
	parts := strings.Split(t.text, ".")
	in := inst{line: t.line, guard: guard, neg: neg, op: parts[0], mods: parts[1:], scope: p.scope}
	for !p.accept(";") {
		in.args = append(in.args, p.operand(0))
		if p.peek().text != ";" {
			p.expect(",")
		}
	}
	p.fn.body = append(p.fn.body, in)
}
