package ptxsim

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

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

type operandKind uint8

const (
	opReg     operandKind = iota
	opSpecial             // %tid.x ...
	opInt                 // integer literal
	opFloat               // decimal floating-point literal
	opBits32              // 0f...
	opBits64              // 0d...
	opVector              // {a, b}
	opAddress             // [base + offset]
	opName                // variable, function or label
	opSink                // _
	opPair                // d|p
	opList                // (a, b) of a call
)

type operand struct {
	kind operandKind
	sym  *symbol // register or variable
	name string
	imm  uint64 // literal, or the offset of an address
	neg  bool   // !p
	sub  []operand
}

// bits returns a literal as a value of type t.
func (o operand) bits(t typ) (uint64, error) {
	switch {
	case o.kind == opInt && t.integer():
		return o.imm & t.mask(), nil
	case o.kind == opInt && t == f32:
		return uint64(math.Float32bits(float32(int64(o.imm)))), nil
	case o.kind == opInt && t == f64:
		return math.Float64bits(float64(int64(o.imm))), nil
	case o.kind == opInt && t.kind != kindPred:
		return o.imm & t.mask(), nil
	case o.kind == opBits32 && t.is32(), o.kind == opBits64 && t.bits == 64:
		return o.imm, nil
	case (o.kind == opFloat || o.kind == opBits64) && t == f32:
		return uint64(math.Float32bits(float32(math.Float64frombits(o.imm)))), nil
	case o.kind == opBits32 && t == f64:
		return math.Float64bits(float64(math.Float32frombits(uint32(o.imm)))), nil
	case o.kind == opFloat && t == f64:
		return o.imm, nil
	}
	return 0, fmt.Errorf("literal does not fit type %v", t)
}

// literal reads a number with its sign.
func (p *parser) literal() operand {
	neg := p.accept("-")
	t := p.next()
	if t.kind != tokNumber {
		p.fail(t.line, "found %q, expected a literal", t.text)
	}
	bad := func(err error) {
		if err != nil {
			p.fail(t.line, "%q is not a literal", t.text)
		}
	}
	s := strings.ToLower(t.text)
	switch {
	case strings.HasPrefix(s, "0f") && len(s) == 10:
		v, err := strconv.ParseUint(s[2:], 16, 32)
		bad(err)
		return operand{kind: opBits32, imm: v ^ sign(neg, 31)}
	case strings.HasPrefix(s, "0d") && len(s) == 18:
		v, err := strconv.ParseUint(s[2:], 16, 64)
		bad(err)
		return operand{kind: opBits64, imm: v ^ sign(neg, 63)}
	case !strings.HasPrefix(s, "0x") && strings.ContainsAny(s, ".e"):
		v, err := strconv.ParseFloat(s, 64)
		bad(err)
		return operand{kind: opFloat, imm: math.Float64bits(v) ^ sign(neg, 63)}
	}
	v, err := strconv.ParseUint(strings.TrimSuffix(s, "u"), 0, 64)
	bad(err)
	if neg {
		v = -v
	}
	return operand{kind: opInt, imm: v}
}

func sign(neg bool, bit int) uint64 {
	if neg {
		return 1 << bit
	}
	return 0
}

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
			if _, dup := p.scope.labels[t.text]; dup {
				p.fail(t.line, "label %s is defined twice", t.text)
			}
			p.scope.labels[t.text] = len(p.fn.body)
		default:
			p.instruction(t, nil, false)
		}
	}
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
	ty, ok := types[strings.TrimPrefix(t.text, ".")]
	if !ok || t.text[0] != '.' {
		p.fail(t.line, "type %s is not supported in a register", t.text)
	}
	for {
		n := p.word("a register")
		if p.accept("<") {
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

func (p *parser) operand(depth int) operand {
	t := p.peek()
	switch {
	case depth > 2:
		p.fail(t.line, "operands are nested too deeply")
	case t.kind == tokNumber || t.text == "-":
		return p.literal()
	case p.accept("!"):
		o := p.operand(depth + 1)
		o.neg = true
		return o
	case p.accept("{"):
		return operand{kind: opVector, sub: p.list("}", depth)}
	case p.accept("("):
		return operand{kind: opList, sub: p.list(")", depth)}
	case p.accept("["):
		return p.address()
	case t.kind != tokWord:
		p.fail(t.line, "found %q, expected an operand", t.text)
	}
	p.pos++
	o := operand{kind: opName, name: t.text}
	switch y := p.scope.lookup(t.text); {
	case y != nil && y.space == spaceReg:
		o.kind, o.sym = opReg, y
	case y != nil:
		o.sym = y
	case t.text == "_":
		o.kind = opSink
	case t.text[0] == '%':
		o.kind = opSpecial
	}
	if p.accept("|") {
		return operand{kind: opPair, sub: []operand{o, p.operand(depth + 1)}}
	}
	if p.accept("+") {
		off := p.literal()
		o.imm = off.imm
	}
	return o
}

func (p *parser) list(end string, depth int) []operand {
	var out []operand
	for !p.accept(end) {
		out = append(out, p.operand(depth+1))
		if p.peek().text != end {
			p.expect(",")
		}
	}
	return out
}

// address reads base, base+offset, base-offset or an absolute address up to ].
func (p *parser) address() operand {
	o := operand{kind: opAddress}
	if t := p.peek(); t.kind == tokWord {
		p.pos++
		o.name = t.text
		if o.sym = p.scope.lookup(t.text); o.sym == nil {
			p.fail(t.line, "%s is not declared", t.text)
		}
		p.accept("+")
		if p.peek().text == "]" {
			p.pos++
			return o
		}
	}
	lit := p.literal()
	if lit.kind != opInt {
		p.fail(p.peek().line, "an address needs an integer offset")
	}
	o.imm = lit.imm
	p.expect("]")
	return o
}
